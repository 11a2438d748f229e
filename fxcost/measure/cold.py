"""Two steps on a GPU from a cold start: what they take, and with how little memory they complete."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fxcost.errors import MeasurementError
from fxcost.measure.running import STEPS, Run


@dataclass(frozen=True)
class Taken:
    """What two steps took at most, in bytes.

    Attributes:
        asked: Of PyTorch's allocator, and not given back.
        given: By it: what was asked for, rounded up to its blocks.
        reserved: By it, from the driver.
    """

    asked: int
    given: int
    reserved: int


class ColdStart:
    """Runs two steps of a model that is made anew, with nothing in the allocator's cache.

    Args:
        make: Makes the model with its batch on the GPU.
    """

    def __init__(self, make: Callable[[], Run]) -> None:
        self._make = make

    def taken(self) -> Taken:
        """Return what two steps take where the allocator gets what it asks for.

        Raises:
            MeasurementError: The GPU has too little memory.
        """
        if not self.completes():
            raise MeasurementError("the GPU has too little memory for this configuration; make it smaller")
        stats = torch.cuda.memory_stats()
        kinds = ("requested", "allocated", "reserved")
        return Taken(*(int(stats[f"{kind}_bytes.all.peak"]) for kind in kinds))

    def completes(self, memory: int | None = None) -> bool:
        """Tell whether two steps complete where the allocator may reserve so many bytes; None is no limit."""
        _forget()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(
            1.0 if memory is None else min((memory + 0.5) / total, 1.0)
        )
        try:
            run = self._make()
            for _ in range(STEPS):
                run.step()
            torch.cuda.synchronize()
        except torch.OutOfMemoryError:
            return False
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return True

    def enough(self, predicted: int, step: int) -> int:
        """Return the least memory with which two steps complete, where a little less is not enough.

        Found by doubling the distance to what was predicted and halving what lies between, in multiples of a
        step: two runs where the prediction is right.

        Args:
            predicted: Where the search begins, in bytes.
            step: Bytes; capacities between two multiples are alike.
        """
        too_little, enough = self._around(predicted, step)
        while enough - too_little > step:
            middle = too_little + (enough - too_little) // 2 // step * step
            too_little, enough = (too_little, middle) if self.completes(middle) else (middle, enough)
        return enough

    def _around(self, predicted: int, step: int) -> tuple[int, int]:
        """Return too little memory and enough of it, one of them being what was predicted or next to it."""
        right, last, distance = self.completes(predicted), predicted, step
        while True:
            following = max(predicted - distance if right else predicted + distance, 0)
            if not following or self.completes(following) is not right:
                return (following, last) if right else (last, following)
            last, distance = following, 2 * distance


def _forget() -> None:
    """Give back all memory, also what cuBLAS keeps, and begin to count anew."""
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
