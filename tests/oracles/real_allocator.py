"""PyTorch's own caching allocator without a GPU: its compiled code, over a pretend CUDA (see pretend.py).

Its tensors are real ones that have no memory behind them. Nothing is shared with `fxcost.allocator`.
"""

from __future__ import annotations

from tests.oracles import pretend

DEFAULTS = "large_segment_size_mb:20,expandable_segments:False"
"""Written before each program's settings, as PyTorch would keep what an earlier one had set.

It keeps `max_non_split_rounding_mb`, too: programs with that go last.
"""


def outcomes(programs: list[dict], total: int = 2**40) -> list[dict]:
    """Return what the real allocator does with programs, each from a cold start.

    A program has `settings` (as in PYTORCH_ALLOC_CONF, without a fraction), `fraction` (of the card's memory,
    that is allowed), `capacity` (None: endless) and `rows`, as `Events.of` takes them. Programs with a
    fraction of 1 go before all others: PyTorch cannot forget that there was one.

    An outcome has the bytes allocated and reserved after each event, the event that ran out of memory (or
    None), the most bytes reserved, and how often all that was cached was given back.
    """
    return pretend.called("tests.oracles.real_allocator:run_all", programs, total=total)


def run_all(programs):
    """Run programs in this process, which has the pretend CUDA."""
    runner = Runner()
    return [runner.run(program) for program in programs]


class Runner:
    """Runs programs one after the other; every one leaves nothing reserved behind."""

    def __init__(self):
        import torch

        self.torch = torch
        self.library = pretend.pretend_library()
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

    def attempt(self, nbytes):
        try:
            self.torch.empty(nbytes, dtype=self.torch.uint8, device="cuda")
        except self.torch.OutOfMemoryError:
            return

    def free(self, owner):
        del self.live[owner]

    def record_stream(self, owner, stream):
        self.live[owner].record_stream(self.stream(stream))

    def synchronise(self):
        self.library.pretend_synchronise()

    def empty_cache(self):
        self.torch.cuda.empty_cache()
