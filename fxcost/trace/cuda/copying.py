"""What operators copy inside of their kernels, because of how it is laid out."""

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

NORMALISED = {
    aten.native_layer_norm.default: slice(0, 1),
    aten.native_layer_norm_backward.default: slice(1, 2),
    aten.native_group_norm.default: slice(0, 1),
    aten.native_group_norm_backward.default: slice(0, 2),
}
"""By operator, which of its arguments are copied before there are results, where rows are scattered.

Groups of channels are copied once the largest result is there, which is no other peak; before torch 2.14 they
come as copies already.
"""

LATE = {aten.native_layer_norm_backward.default: slice(0, 1)}
"""The same once there are results."""

NONE = slice(0, 0)


def copying(gpu: Gpu | None) -> AbstractContextManager[object]:
    """Return the context, inside of the recorder's, in which a GPU's copies are made; a CPU makes none."""
    return contextlib.nullcontext() if gpu is None else _Copying()  # type: ignore[no-untyped-call]


class _Copying(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes the copies, those of what is normalised before the result, others after it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        copies = list(map(_dense, scattered(args[NORMALISED.get(func, NONE)])))
        result = func(*args, **(kwargs or {}))
        copies += map(_dense, scattered(args[LATE.get(func, NONE)]))
        copies += map(_dense, expanded(args[FACTORS.get(func, NONE)]))
        copies.clear()
        return result


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    copy: torch.Tensor = aten.clone.default(tensor, memory_format=torch.contiguous_format)
    return copy


def scattered(tensors: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield those whose rows are not one after the other, as kernels that normalise rows want them.

    `layer_norm_cuda` and `LayerNormBackwardKernelImpl` of aten/src/ATen/native/cuda/layer_norm_kernel.cu; for
    groups of channels, what PyTorch's compiled code of 2.14 asked for over a pretend CUDA.

    >>> patches = torch.ones(2, 8, 3).transpose(1, 2)
    >>> [tuple(each.shape) for each in scattered((patches, torch.ones(2, 3)))]
    [(2, 3, 8)]
    """
    return (each for each in tensors if not each.is_contiguous())


def expanded(factors: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield those of a product's factors that have rows or columns which are one: expanded ones.

    cuBLAS has no such layout: `prepare_matrix_for_cublas` of aten/src/ATen/native/cuda/cuBlasCommonArgs.h and
    `prepare_batch_matrix_for_cublas` of aten/src/ATen/native/cuda/Blas.cpp clone what is neither dense nor
    has a stride of one beside one that is large enough. The gradient of a sum is such a matrix.

    >>> matrix = torch.ones(()).expand(2, 3)
    >>> [tuple(each.shape) for each in expanded((matrix, torch.ones(3, 4)))]
    [(2, 3)]
    """
    for factor in factors:
        dimensions = zip(factor.shape[-2:], factor.stride()[-2:], strict=True)
        if any(size_of(stride) == 0 and size_of(size) != 1 for size, stride in dimensions):
            yield factor
