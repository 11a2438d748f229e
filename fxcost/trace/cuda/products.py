"""What of a product's matrices is copied before cuBLAS multiplies them, inside of the kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fxcost.trace.cuda.gpu import Gpu
from fxcost.trace.recorder import size_of

aten = torch.ops.aten
FACTORS = {
    aten.mm.default: slice(0, 2),
    aten.bmm.default: slice(0, 2),
    aten.addmm.default: slice(1, 3),
    aten.baddbmm.default: slice(1, 3),
}
"""By operator, which of its arguments are multiplied."""


def copying(gpu: Gpu | None) -> AbstractContextManager[object]:
    """Return the context, inside of the recorder's, in which a GPU's copies are made; a CPU makes none."""
    return contextlib.nullcontext() if gpu is None else _Copying()  # type: ignore[no-untyped-call]


class _Copying(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes the copies beside a product's result, and lets go of them."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        copies = [
            aten.clone.default(each, memory_format=torch.contiguous_format) for each in copied(func, args)
        ]
        copies.clear()
        return result


def copied(operator: Any, args: Sequence[Any]) -> Iterator[torch.Tensor]:
    """Yield the factors of a product that have rows or columns which are one: expanded ones.

    cuBLAS has no such layout: `prepare_matrix_for_cublas` of aten/src/ATen/native/cuda/cuBlasCommonArgs.h and
    `prepare_batch_matrix_for_cublas` of aten/src/ATen/native/cuda/Blas.cpp clone what is neither dense nor
    has a stride of one beside one that is large enough. The gradient of a sum is such a matrix.

    >>> matrix = torch.ones(()).expand(2, 3)
    >>> [tuple(each.shape) for each in copied(aten.mm.default, (matrix, torch.ones(3, 4)))]
    [(2, 3)]
    """
    for factor in args[FACTORS.get(operator, slice(0, 0))]:
        dimensions = zip(factor.shape[-2:], factor.stride()[-2:], strict=True)
        if any(size_of(stride) == 0 and size_of(size) != 1 for size, stride in dimensions):
            yield factor
