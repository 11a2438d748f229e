/* A pretend CUDA runtime, driver, NVML, cuBLAS and cuDNN: enough for PyTorch to believe that there is a GPU.
 *
 * Memory is numbers: addresses are handed out in ascending order and never touched, and a capacity says when there
 * are no more. Kernels are never run; what is copied to the host is zeros. Convolutions get no workspace. Built as
 * one library, which is preloaded before torch is imported, and found under the names libcuda.so.1 and
 * libnvidia-ml.so.1 as well; what torch's libraries want beyond it does nothing (see pretend.py). Declarations are
 * this file's own: no CUDA header is needed. Offsets are those of CUDA 13.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_OF_MEMORY = 2, NOT_READY = 600, NVML_NOT_SUPPORTED = 3, NVML_INSUFFICIENT_SIZE = 7, TO_HOST = 2 };
enum { CUDNN_HEURISTIC_RESULTS = 202, CUDNN_INT64 = 3 };
/* Sizes of structures, at least, and offsets into them. */
enum { PROPERTIES = 1008, TOTAL_GLOBAL_MEMORY = 288, KERNEL_ATTRIBUTES = 144, POINTER_ATTRIBUTES = 32, ALGORITHM = 96 };
enum { KERNEL_MAX_THREADS = 24, KERNEL_BINARY_VERSION = 36 };
static const struct { size_t offset; int value; } PROPERTY[] = {
    {296, 49152}, {304, 65536}, {308, 32}, {320, 1024},          /* shared memory, registers, warp, threads of a block */
    {324, 1024}, {328, 1024}, {332, 64},                         /* largest block */
    {336, 2147483647}, {340, 65535}, {344, 65535}, {368, 512},   /* largest grid, alignment of textures */
    {384, 128}, {596, 72 << 20}, {604, 1536},                    /* multiprocessors, L2 cache, threads of each */
    {624, 102400}, {632, 65536}, {672, 101376},                  /* shared memory, registers of each, opt-in */
};
#define MIB ((size_t)1 << 20)

typedef struct { size_t address, size; } Segment;
typedef struct { long recorded; } Event;

static size_t capacity = (size_t)1 << 50, used, next_address = (size_t)1 << 35;
static Segment segments[1 << 16];
static int segment_count;
static long recorded, completed;

/* What the Python side calls. */
void pretend_capacity(size_t bytes) { capacity = bytes; }
void pretend_synchronise(void) { completed = recorded; }
size_t pretend_used(void) { return used; }

static size_t card(void) {
    const char *total = getenv("PRETEND_TOTAL");
    return total ? strtoull(total, 0, 10) : (size_t)1 << 40;
}

/* What the driver says is more: its own share, and a context for the process that has used the card. */
static size_t of_environment(const char *name) {
    const char *given = getenv(name);
    return given ? strtoull(given, 0, 10) : 0;
}
static size_t held(void) { return used ? used + of_environment("PRETEND_CONTEXT") : 0; }

static size_t addresses(size_t size, size_t alignment) {
    size_t address = (next_address + alignment - 1) / alignment * alignment;
    next_address = address + (size + 2 * MIB - 1) / (2 * MIB) * (2 * MIB);
    return address;
}

/* The runtime: one card, by default of compute capability 8.9. */
static int capability(void) {
    const char *given = getenv("PRETEND_CAPABILITY");
    return given ? atoi(given) : 89;
}

static void put(char *properties, size_t offset, int value) { memcpy(properties + offset, &value, sizeof value); }

int cudaGetDeviceCount(int *count) { *count = 1; return 0; }
int cudaGetDevice(int *device) { *device = 0; return 0; }
int cudaSetDevice(int device) { return 0; }
int cudaInitDevice(int device, unsigned flags, unsigned more) { return 0; }
int cudaGetDeviceProperties(char *properties, int device) {
    size_t total = card();
    memset(properties, 0, PROPERTIES);
    if (getenv("PRETEND_NAME")) strncpy(properties, getenv("PRETEND_NAME"), 255);
    memcpy(properties + TOTAL_GLOBAL_MEMORY, &total, sizeof total);
    for (size_t at = 0; at < sizeof PROPERTY / sizeof *PROPERTY; at++) put(properties, PROPERTY[at].offset, PROPERTY[at].value);
    put(properties, 360, capability() / 10);
    put(properties, 364, capability() % 10);
    return 0;
}
int cudaDeviceGetAttribute(int *value, int attribute, int device) { *value = 0; return 0; }
int cudaMemGetInfo(size_t *free_bytes, size_t *total) { *total = card(); *free_bytes = *total; return 0; }

int cudaMalloc(size_t *address, size_t size) {
    *address = 0;
    if (used + size > capacity || segment_count == 1 << 16) return OUT_OF_MEMORY;
    used += size;
    *address = addresses(size, 2 * MIB);
    segments[segment_count++] = (Segment){*address, size};
    return 0;
}

int cudaFree(size_t address) {
    for (int at = 0; at < segment_count; at++) {
        if (segments[at].address != address) continue;
        used -= segments[at].size;
        segments[at] = segments[--segment_count];
        return 0;
    }
    return 0;
}

int cudaGetLastError(void) { return 0; }
int cudaPeekAtLastError(void) { return 0; }
int cudaDriverGetVersion(int *version) { *version = 13000; return 0; }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return 0; }
int cudaDeviceSynchronize(void) { return 0; }
int cudaDeviceCanAccessPeer(int *can, int device, int peer) { *can = 0; return 0; }
int cudaDeviceGetStreamPriorityRange(int *least, int *greatest) { *least = 0; *greatest = -5; return 0; }
int cudaStreamCreateWithPriority(size_t *stream, unsigned flags, int priority) {
    static size_t streams = 1 << 20;
    *stream = streams += 16;
    return 0;
}
int cudaStreamSynchronize(size_t stream) { return 0; }
int cudaStreamQuery(size_t stream) { return 0; }
int cudaStreamIsCapturing(size_t stream, int *status) { *status = 0; return 0; }
int cudaStreamGetCaptureInfo(size_t stream, int *status, unsigned long long *id) {
    if (status) *status = 0;
    if (id) *id = 0;
    return 0;
}
int cudaThreadExchangeStreamCaptureMode(int *mode) { return 0; }

/* An event has happened once everything that was recorded so far was waited for. */
int cudaEventCreateWithFlags(Event **event, unsigned flags) { *event = calloc(1, sizeof **event); return 0; }
int cudaEventDestroy(Event *event) { return 0; }
int cudaEventRecord(Event *event, size_t stream) { event->recorded = ++recorded; return 0; }
int cudaEventQuery(Event *event) { return event->recorded <= completed ? 0 : NOT_READY; }
int cudaEventSynchronize(Event *event) {
    if (event->recorded > completed) completed = event->recorded;
    return 0;
}

/* Kernels: what torch asks of them before it would launch them. */
int cudaFuncGetAttributes(char *attributes, size_t kernel) {
    memset(attributes, 0, KERNEL_ATTRIBUTES);
    put(attributes, KERNEL_MAX_THREADS, 1024);
    put(attributes, KERNEL_BINARY_VERSION, capability() / 10 * 10);
    return 0;
}
int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks) { *blocks = 2; return 0; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks) { *blocks = 2; return 0; }

/* Copies. */
int cudaHostAlloc(void **memory, size_t size) { *memory = malloc(size); return 0; }
int cudaFreeHost(void *memory) { free(memory); return 0; }
int cudaPointerGetAttributes(char *attributes, size_t address) { memset(attributes, 0, POINTER_ATTRIBUTES); return 0; }
int cudaMemcpyAsync(void *to, void *from, size_t size, int kind, size_t stream) {
    if (kind == TO_HOST) memset(to, 0, size);
    return 0;
}
int cudaMemcpy(void *to, void *from, size_t size, int kind) { return cudaMemcpyAsync(to, from, size, kind, 0); }
const char *cudaGetErrorString(int error) { return "pretend"; }
const char *cudaGetErrorName(int error) { return "pretend"; }

/* Handles and descriptors of libraries: any number that is not 0. */
static int make(size_t *handle) {
    static size_t handles = 1 << 22;
    *handle = handles += 64;
    return 0;
}
#define MAKES(name) int name(size_t *handle) { return make(handle); }
MAKES(cublasCreate_v2) MAKES(cublasLtCreate) MAKES(cublasLtMatmulDescCreate) MAKES(cublasLtMatrixLayoutCreate)
MAKES(cublasLtMatmulPreferenceCreate) MAKES(cudnnCreate) MAKES(cudnnCreateTensorDescriptor)
MAKES(cudnnCreateFilterDescriptor) MAKES(cudnnCreateDropoutDescriptor) MAKES(cudnnCreateRNNDescriptor)
MAKES(cusparseCreate) MAKES(cusolverDnCreate)

int cublasGetMathMode(size_t handle, int *mode) { *mode = 0; return 0; }
int cublasGetVersion_v2(size_t handle, int *version) { *version = 130000; return 0; }
int cublasLtMatmulAlgoGetHeuristic(size_t handle, size_t what, size_t a, size_t b, size_t c, size_t d, size_t preference,
                                   int asked, void *results, int *count) {
    memset(results, 0, ALGORITHM);
    *count = 1;
    return 0;
}

/* cuDNN knows one engine for everything, which needs no workspace. */
size_t cudnnGetVersion(void) { const char *given = getenv("PRETEND_CUDNN"); return given ? strtoull(given, 0, 10) : 91000; }
int cudnnBackendCreateDescriptor(int type, size_t *descriptor) { return make(descriptor); }
int cudnnBackendGetAttribute(size_t descriptor, int name, int type, long long asked, long long *count, long long *values) {
    int known = name == CUDNN_HEURISTIC_RESULTS || type == CUDNN_INT64;
    if (count) *count = known;
    if (name != CUDNN_HEURISTIC_RESULTS && known && asked && values) *values = 0;
    return 0;
}

int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    size_t handle, int mode, int operation, size_t x, size_t z, size_t y, size_t scale, size_t activation, size_t *bytes) {
    *bytes = 0;
    return 0;
}
int cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    size_t handle, int mode, int operation, size_t x, size_t y, size_t dy, size_t dz, size_t dx, size_t scale,
    size_t activation, size_t *bytes) {
    *bytes = 0;
    return 0;
}
int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    size_t handle, int mode, int operation, size_t activation, size_t x, size_t *bytes) {
    *bytes = 0;
    return 0;
}

/* The driver: pages for expandable segments. */
static int reserve(size_t *address, size_t size) { *address = addresses(size, 20 * MIB); return 0; }
static int create(size_t **page, size_t size) {
    if (used + size > capacity) return OUT_OF_MEMORY;
    used += size;
    *page = malloc(sizeof **page);
    **page = size;
    return 0;
}
static int release(size_t *page) { used -= *page; free(page); return 0; }
static int describe(int error, const char **text) { *text = "pretend"; return 0; }
static int current(size_t *context) { *context = 64; return 0; }
static int granularity(size_t *bytes) { *bytes = 2 * MIB; return 0; }
static int attribute(int *value) { *value = 0; return 0; }
static int nothing(void) { return 0; }

int cudaGetDriverEntryPointByVersion(const char *name, void **entry, unsigned version, unsigned long long flags, int *status) {
    struct { const char *name; void *entry; } known[] = {
        {"cuMemAddressReserve", reserve}, {"cuMemCreate", create}, {"cuMemRelease", release},
        {"cuGetErrorString", describe}, {"cuCtxGetCurrent", current}, {"cuDeviceGetAttribute", attribute},
        {"cuMemGetAllocationGranularity", granularity},
    };
    *entry = nothing;
    for (size_t at = 0; at < sizeof known / sizeof *known; at++)
        if (!strcmp(name, known[at].name)) *entry = known[at].entry;
    if (status) *status = 0;
    return 0;
}
int cudaGetDriverEntryPoint(const char *name, void **entry, unsigned long long flags, int *status) {
    return cudaGetDriverEntryPointByVersion(name, entry, 0, flags, status);
}

/* What torch's libraries want of libcuda.so.1 by name. */
int cuCtxGetCurrent(size_t *context) { return current(context); }
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = 0; *active = 1; return 0; }
int cuDeviceGetAttribute(int *value) { return attribute(value); }

/* And of libnvidia-ml.so.1. */
int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, size_t *device) { *device = 8; return 0; }
int nvmlDeviceGetGpuFabricInfoV(size_t device, void *fabric) { return NVML_NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkRemoteDeviceType(void) { return NVML_NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkRemotePciInfo_v2(void) { return NVML_NOT_SUPPORTED; }
int nvmlDeviceGetComputeRunningProcesses(size_t device, unsigned *count) { *count = 0; return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, size_t *device) { *device = 8; return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *version, unsigned size) { strncpy(version, "580.0-pretend", size); return 0; }
int nvmlDeviceGetMemoryInfo(size_t device, unsigned long long info[3]) {
    info[0] = card() + of_environment("PRETEND_SHARE");
    info[2] = held() + of_environment("PRETEND_OTHERS");
    info[1] = info[0] - info[2];
    return 0;
}
/* One process: this one, under another number in a "container"; "hidden" tells no memory, as Windows does. */
typedef struct { unsigned pid; unsigned long long memory; unsigned instances[2]; } Process;
int nvmlDeviceGetComputeRunningProcesses_v3(size_t device, unsigned *count, Process *processes) {
    const char *kind = getenv("PRETEND_PROCESS");
    int hidden = kind && !strcmp(kind, "hidden"), container = kind && !strcmp(kind, "container");
    if (*count < 1) return NVML_INSUFFICIENT_SIZE;
    *count = 1;
    processes[0] = (Process){container ? 1 : (unsigned)getpid(), hidden ? ~0ull : held(), {0, 0}};
    return 0;
}
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13000; return 0; }
