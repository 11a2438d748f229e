"""Pooling: one comparison or addition per element of each window.

An adaptive window's size depends on its place, so adaptive pooling counts 1 per element of its input, which
is exact where the input divides evenly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxcost.ops.call import Flops, Size, elements, product
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


def window(kernel_size: int | Sequence[Size], spatial: int) -> Size:
    """Return how many elements a kernel covers; one number stands for every spatial dimension.

    >>> window((3, 2), 2), window([3], 2)
    (6, 9)
    """
    sizes = [kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
    return product(sizes * spatial if len(sizes) == 1 else sizes)


@registry.formula(aten.max_pool2d_with_indices, aten.mkldnn_max_pool2d, aten.fractional_max_pool2d)
def max_pool2d_with_indices(kernel_size: Sequence[Size], result: Sequence[TensorMeta]) -> Flops:
    """Count a comparison per element of each window."""
    output = result if isinstance(result, TensorMeta) else result[0]
    return Flops(pointwise=window(kernel_size, 2) * elements(output))


@registry.formula(aten.max_pool3d_with_indices, aten.mkldnn_max_pool3d, aten.fractional_max_pool3d)
def max_pool3d_with_indices(kernel_size: Sequence[Size], result: Sequence[TensorMeta]) -> Flops:
    """Count a comparison per element of each window."""
    output = result if isinstance(result, TensorMeta) else result[0]
    return Flops(pointwise=window(kernel_size, 3) * elements(output))


@registry.formula(aten.avg_pool2d)
def avg_pool2d(kernel_size: Sequence[Size], result: TensorMeta) -> Flops:
    """Count an addition per element of each window, and a division."""
    return Flops(pointwise=(window(kernel_size, 2) + 1) * elements(result))


@registry.formula(aten.avg_pool3d)
def avg_pool3d(kernel_size: Sequence[Size], result: TensorMeta) -> Flops:
    """Count an addition per element of each window, and a division."""
    return Flops(pointwise=(window(kernel_size, 3) + 1) * elements(result))


@registry.formula(aten.avg_pool2d_backward)
def avg_pool2d_backward(grad_output: TensorMeta, kernel_size: Sequence[Size]) -> Flops:
    """Count a division per window, and an addition per element of it."""
    return Flops(pointwise=(window(kernel_size, 2) + 1) * elements(grad_output))


@registry.formula(aten.avg_pool3d_backward)
def avg_pool3d_backward(grad_output: TensorMeta, kernel_size: Sequence[Size]) -> Flops:
    """Count a division per window, and an addition per element of it."""
    return Flops(pointwise=(window(kernel_size, 3) + 1) * elements(grad_output))


@registry.formula(
    aten._adaptive_avg_pool2d,
    aten._adaptive_avg_pool3d,
    aten.mkldnn_adaptive_avg_pool2d,
    aten.adaptive_max_pool2d,
    aten.adaptive_max_pool3d,
)
def _adaptive_avg_pool2d(self: TensorMeta) -> Flops:
    """Count an addition or a comparison per element of the input."""
    return Flops(pointwise=elements(self))


@registry.formula(aten._adaptive_avg_pool2d_backward, aten._adaptive_avg_pool3d_backward)
def _adaptive_avg_pool2d_backward(self: TensorMeta) -> Flops:
    """Count a division per element of the input."""
    return Flops(pointwise=elements(self))


@registry.formula(
    aten.max_pool2d_with_indices_backward,
    aten.max_pool3d_with_indices_backward,
    aten.adaptive_max_pool2d_backward,
    aten.adaptive_max_pool3d_backward,
    aten.fractional_max_pool2d_backward,
    aten.fractional_max_pool3d_backward,
)
def max_pool2d_with_indices_backward(grad_output: TensorMeta) -> Flops:
    """Count an addition per window."""
    return Flops(pointwise=elements(grad_output))


@registry.formula(aten.max_unpool2d, aten.max_unpool3d)
def max_unpool2d() -> Flops:
    """Count no arithmetic: elements go to where they came from."""
    return Flops()
