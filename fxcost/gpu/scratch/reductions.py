"""The scratch of reductions that several blocks of threads share: `setReduceConfig` of ATen's Reduce.cuh.

Where an output is made of many numbers and there are few outputs, the numbers are split among blocks, which
meet in global memory: `global_memory_size` and `semaphore_size` of aten/src/ATen/native/cuda/Reduce.cuh in
github.com/pytorch/pytorch, the same from torch 2.11 to 2.14. Tensors are taken for contiguous and aligned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from fxcost.gpu.scratch.kernel import Kernel, Scratch, Tensor

MOST_THREADS = 512
WARP = 32
LANES = 4
"""Of vectorized loads."""

FEW, MANY = 16, 256
"""`min_values_per_thread` and `max_values_per_thread`."""

THREADS = {(7, 5): 1024, (8, 6): 1536, (8, 9): 1536, (12, 0): 1536}
"""By compute capability, `maxThreadsPerMultiProcessor`: CUDA C++ Programming Guide."""

USUAL_THREADS = 2048
SEMAPHORE = 4
WELFORD = 16
"""Bytes of `WelfordData` of floats."""


@dataclass(frozen=True)
class Split:
    """How a reduction is split among threads.

    Attributes:
        width: Of a block of threads.
        height: Of it.
        lanes: Outputs that a thread makes at once.
        along: Whether the threads of a row share an output: what is reduced lies densest.
    """

    width: int
    height: int
    lanes: int
    along: bool

    @classmethod
    def of(cls, inputs: int, outputs: int, *, along: bool, single: bool) -> Split:
        """Return the split of a reduction of so many numbers to each of so many outputs."""
        lanes = 1
        across, down = (inputs, outputs) if along else (outputs, inputs)
        if along and single and inputs >= WARP * LANES:
            across //= LANES
        elif not along:
            lanes = math.gcd(outputs, LANES)
            across //= lanes
        threads = MOST_THREADS // lanes
        wide, high = (min(_power_of_two(max(size, 1)), threads) for size in (across, down))
        height = min(high, threads // min(wide, WARP))
        return cls(min(wide, threads // height), height, lanes, along)

    def blocks(self, inputs: int, outputs: int, multiprocessors: int, threads: int) -> tuple[int, int]:
        """Return how many blocks share an output, and how many such groups of blocks there are."""
        step_in, step_out = (self.width, 1) if self.along else (1, self.width)
        if -(-inputs // step_in) < min(self.height * FEW, MANY):
            return 1, 0
        step_in *= self.height
        each = -(-inputs // step_in)
        groups = -(-(outputs // self.lanes) // step_out)
        wanted = multiprocessors * (threads // (self.width * self.height))
        if each < MANY or groups > wanted:
            return 1, groups
        return max(min(-(-wanted // groups), -(-each // FEW)), -(-each // MANY)), groups


def scratch(kernel: Kernel) -> Iterator[Scratch]:
    """Yield what a reduction takes besides its result."""
    tensor = kernel.arguments.get("self", kernel.arguments.get("input"))
    result = kernel.results[0]
    if not isinstance(tensor, Tensor) or result is None or not tensor.count or not result.count:
        return
    reduced = _reduced(kernel, tensor)
    outputs = math.prod(size for at, size in enumerate(tensor.shape) if at not in reduced)
    inputs = tensor.count // outputs
    runs = _runs(tensor.shape, reduced)
    along = not runs or runs[-1]
    split = Split.of(inputs, outputs, along=along, single=sum(runs) == 1)
    threads = THREADS.get(kernel.card.device.compute_capability, USUAL_THREADS)
    shared, groups = split.blocks(inputs, outputs, kernel.multiprocessors, threads)
    if shared > 1:
        meeting = _accumulated(kernel, tensor.dtype) * outputs * shared
        yield Scratch(meeting if along else meeting * split.width * split.lanes)
        yield Scratch(SEMAPHORE * groups)


def _reduced(kernel: Kernel, tensor: Tensor) -> frozenset[int]:
    """Return the dimensions that are reduced."""
    asked = kernel.arguments.get("dim")
    rank = len(tensor.shape)
    if asked is None or asked == ():
        return frozenset(range(rank))
    return frozenset(each % rank for each in (asked if isinstance(asked, tuple) else (asked,)))


def _runs(shape: tuple[int, ...], reduced: frozenset[int]) -> list[bool]:
    """Return whether each run of neighbouring dimensions is reduced, without those of one element."""
    runs: list[bool] = []
    for at, size in enumerate(shape):
        if size > 1 and (not runs or runs[-1] != (at in reduced)):
            runs.append(at in reduced)
    return runs


def _accumulated(kernel: Kernel, dtype: torch.dtype) -> int:
    """Return the bytes of a number while it is reduced."""
    if kernel.operator in {"var", "std", "var_mean", "std_mean"}:
        return WELFORD
    if kernel.operator in {"amax", "amin", "max", "min", "any", "all"}:
        return dtype.itemsize
    return max(dtype.itemsize, 4) if dtype.is_floating_point else 8


def _power_of_two(number: int) -> int:
    """Return the largest power of two that is not above a number."""
    return 1 << (number.bit_length() - 1)
