"""PyTorch's own caching allocator, run without a GPU: its compiled code, over a pretend CUDA.

`outcomes` starts a process that preloads the pretend library, imports torch, and lets it allocate and free
tensors that have no memory behind them. Nothing is shared with `fxcost.allocator`. It needs Linux, a C
compiler and a torch that is built for CUDA; `missing` says which of these is not there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = Path(__file__).with_name("pretend_cuda.c")
DEFAULTS = "large_segment_size_mb:20,expandable_segments:False"
"""Written before each program's settings, as PyTorch would keep what an earlier one had set.

It keeps `max_non_split_rounding_mb`, too: programs with that go last.
"""
NAMES = ("pretend.so", "libcuda.so.1", "libnvidia-ml.so.1")


def missing() -> str:
    """Return why the allocator cannot be run here, or nothing."""
    import torch

    if sys.platform != "linux":
        return "a pretend CUDA is preloaded on Linux only"
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is not built for CUDA"
    return "" if shutil.which("cc") else "there is no C compiler, cc"


def outcomes(programs: list[dict], total: int = 2**40) -> list[dict]:
    """Return what the real allocator does with programs, each from a cold start.

    A program has `settings` (as in PYTORCH_ALLOC_CONF, without a fraction), `fraction` (of the card's memory,
    that is allowed), `capacity` (None: endless) and `rows`, as `Events.of` takes them. Programs with a
    fraction of 1 go before all others: PyTorch cannot forget that there was one.

    An outcome has the bytes allocated and reserved after each event, the event that ran out of memory (or
    None), the most bytes reserved, and how often all that was cached was given back.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, NAMES[0])
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", SOURCE, "-o", library], check=True)
        for name in NAMES[1:]:
            Path(folder, name).symlink_to(library)
        environment = {name: value for name, value in os.environ.items() if "ALLOC_CONF" not in name}
        environment |= {
            "LD_PRELOAD": str(library),
            "LD_LIBRARY_PATH": folder,
            "PRETEND_TOTAL": str(total),
            "PYTHONPATH": str(ROOT),
            "CUDA_VISIBLE_DEVICES": "0",
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__],
            input=json.dumps(programs),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the real allocator failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


class Runner:
    """Runs programs one after the other; every one leaves nothing reserved behind."""

    def __init__(self):
        import ctypes

        import torch

        self.torch = torch
        self.library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self.library.pretend_capacity.argtypes = [ctypes.c_size_t]
        self.library.pretend_used.restype = ctypes.c_size_t
        torch.cuda.init()
        self.streams = {0: torch.cuda.default_stream()}
        self.live = {}

    def run(self, program):
        torch = self.torch
        torch._C._accelerator_setAllocatorSettings(f"{DEFAULTS},{program['settings']}".removesuffix(","))
        if program["fraction"] < 1:
            torch.cuda.set_per_process_memory_fraction(program["fraction"])
        self.library.pretend_capacity(program["capacity"] or 2**50)
        seen, failed = [], None
        for at, (name, *numbers) in enumerate(program["rows"]):
            try:
                getattr(self, name)(*numbers)
            except torch.OutOfMemoryError:
                failed = at
            stats = torch._C._cuda_memoryStats(0)
            seen.append([stats[f"{what}_bytes"]["all"]["current"] for what in ("allocated", "reserved")])
            if failed is not None:
                break
        outcome = {
            "seen": seen,
            "failed": failed,
            "peak_reserved": stats["reserved_bytes"]["all"]["peak"] if program["rows"] else 0,
            "flushes": stats["num_alloc_retries"] if program["rows"] else 0,
        }
        self.clear()
        return outcome

    def clear(self):
        self.live.clear()
        self.library.pretend_capacity(2**50)
        self.library.pretend_synchronise()
        self.torch.cuda.empty_cache()
        if self.library.pretend_used():
            raise RuntimeError("a program left memory behind")
        self.torch._C._cuda_resetPeakMemoryStats(0)
        self.torch._C._cuda_resetAccumulatedMemoryStats(0)

    def stream(self, number):
        if number not in self.streams:
            self.streams[number] = self.torch.cuda.ExternalStream(4096 + 16 * number)
        return self.streams[number]

    def allocate(self, owner, nbytes, stream=0):
        with self.torch.cuda.stream(self.stream(stream)):
            self.live[owner] = self.torch.empty(nbytes, dtype=self.torch.uint8, device="cuda")

    def free(self, owner):
        del self.live[owner]

    def record_stream(self, owner, stream):
        self.live[owner].record_stream(self.stream(stream))

    def synchronise(self):
        self.library.pretend_synchronise()

    def empty_cache(self):
        self.torch.cuda.empty_cache()


if __name__ == "__main__":
    runner = Runner()
    sys.stdout.write(json.dumps([runner.run(program) for program in json.load(sys.stdin)]))
