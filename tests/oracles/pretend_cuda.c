/* A pretend CUDA runtime, driver and NVML: just enough for PyTorch's own caching allocator to run without a GPU.
 *
 * Memory is numbers: addresses are handed out in ascending order and never touched, and a capacity says when there
 * are no more. Built as one library, which is preloaded before torch is imported, and found under the names
 * libcuda.so.1 and libnvidia-ml.so.1 as well. Declarations are this file's own: no CUDA header is needed.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OF_MEMORY = 2, NOT_READY = 600, NVML_NOT_SUPPORTED = 3 };
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

static size_t addresses(size_t size, size_t alignment) {
    size_t address = (next_address + alignment - 1) / alignment * alignment;
    next_address = address + (size + 2 * MIB - 1) / (2 * MIB) * (2 * MIB);
    return address;
}

/* The runtime: one card of compute capability 8.9. Offsets are those of cudaDeviceProp in CUDA 12 and 13. */
int cudaGetDeviceCount(int *count) { *count = 1; return 0; }
int cudaGetDevice(int *device) { *device = 0; return 0; }
int cudaSetDevice(int device) { return 0; }
int cudaInitDevice(int device, unsigned flags, unsigned more) { return 0; }
int cudaGetDeviceProperties(char *properties, int device) {
    int version[2] = {8, 9};
    size_t total = card();
    memset(properties, 0, 512);
    memcpy(properties + 288, &total, sizeof total);
    memcpy(properties + 360, version, sizeof version);
    return 0;
}
int cudaGetDeviceProperties_v2(char *properties, int device) { return cudaGetDeviceProperties(properties, device); }
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

/* Kernels are registered when torch's libraries are loaded, and never run. */
int __cudaRegisterFatBinary(void) { return 0; }
int __cudaRegisterFatBinaryEnd(void) { return 0; }
int __cudaUnregisterFatBinary(void) { return 0; }
int __cudaRegisterFunction(void) { return 0; }
int __cudaRegisterVar(void) { return 0; }

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
#define NOTHING(name) int name(void) { return 0; }
NOTHING(cuCtxSetCurrent) NOTHING(cuDeviceGet) NOTHING(cuDevicePrimaryCtxRetain) NOTHING(cuFuncGetAttribute)
NOTHING(cuFuncSetAttribute) NOTHING(cuFuncSetCacheConfig) NOTHING(cuGetErrorString) NOTHING(cuLaunchCooperativeKernel)
NOTHING(cuLaunchKernel) NOTHING(cuLinkAddData_v2) NOTHING(cuLinkComplete) NOTHING(cuLinkCreate_v2)
NOTHING(cuModuleGetFunction) NOTHING(cuModuleLoad) NOTHING(cuModuleLoadData) NOTHING(cuModuleLoadDataEx)
NOTHING(cuModuleUnload) NOTHING(cuOccupancyMaxActiveBlocksPerMultiprocessor) NOTHING(cuPointerGetAttribute)
NOTHING(cuTensorMapEncodeTiled)

/* And of libnvidia-ml.so.1. */
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, size_t *device) { *device = 8; return 0; }
int nvmlDeviceGetGpuFabricInfoV(size_t device, void *fabric) { return NVML_NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkRemoteDeviceType(void) { return NVML_NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkRemotePciInfo_v2(void) { return NVML_NOT_SUPPORTED; }
int nvmlDeviceGetComputeRunningProcesses(size_t device, unsigned *count) { *count = 0; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13000; return 0; }
