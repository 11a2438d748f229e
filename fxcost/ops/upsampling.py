"""Interpolation: 2 operations (a weighted sum) per neighbour of each element made; nearest is a copy.

The weights themselves, one set per row and column, are left out; grid samplers compute theirs per place and
count 10 per dimension of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxcost.ops.call import Flops, elements, product
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten

NEIGHBOURS = 2
CUBIC_NEIGHBOURS = 4
GRID_WEIGHTS = 10


@registry.formula(
    aten.upsample_nearest1d,
    aten.upsample_nearest2d,
    aten.upsample_nearest3d,
    aten._upsample_nearest_exact1d,
    aten._upsample_nearest_exact2d,
    aten._upsample_nearest_exact3d,
)
def upsample_nearest2d() -> Flops:
    """Count no arithmetic."""
    return Flops()


@registry.formula(
    aten.upsample_nearest1d_backward,
    aten.upsample_nearest2d_backward,
    aten.upsample_nearest3d_backward,
    aten._upsample_nearest_exact1d_backward,
    aten._upsample_nearest_exact2d_backward,
    aten._upsample_nearest_exact3d_backward,
)
def upsample_nearest2d_backward(grad_output: TensorMeta) -> Flops:
    """Count an addition per element made."""
    return Flops(pointwise=elements(grad_output))


@registry.formula(
    aten.upsample_linear1d,
    aten.upsample_bilinear2d,
    aten.upsample_trilinear3d,
    aten._upsample_bilinear2d_aa,
)
def upsample_bilinear2d(result: TensorMeta) -> Flops:
    """Count 2 neighbours per dimension of each element made."""
    return Flops(pointwise=2 * NEIGHBOURS ** (len(result.shape) - 2) * elements(result))


@registry.formula(
    aten.upsample_linear1d_backward,
    aten.upsample_bilinear2d_backward,
    aten.upsample_trilinear3d_backward,
    aten._upsample_bilinear2d_aa_backward,
)
def upsample_bilinear2d_backward(grad_output: TensorMeta) -> Flops:
    """Count 2 neighbours per dimension of each element made."""
    return upsample_bilinear2d(grad_output)


@registry.formula(aten.upsample_bicubic2d, aten._upsample_bicubic2d_aa)
def upsample_bicubic2d(result: TensorMeta) -> Flops:
    """Count 4 neighbours per dimension of each element made."""
    return Flops(pointwise=2 * CUBIC_NEIGHBOURS**2 * elements(result))


@registry.formula(aten.upsample_bicubic2d_backward, aten._upsample_bicubic2d_aa_backward)
def upsample_bicubic2d_backward(grad_output: TensorMeta) -> Flops:
    """Count 4 neighbours per dimension of each element made."""
    return upsample_bicubic2d(grad_output)


@registry.formula(aten.grid_sampler_2d, aten.grid_sampler_3d)
def grid_sampler_2d(grid: TensorMeta, result: TensorMeta, interpolation_mode: int) -> Flops:
    """Count weights per place of the grid, and the neighbours (by mode: linear, nearest, cubic)."""
    dimensions = len(result.shape) - 2
    neighbours = (NEIGHBOURS, 0, CUBIC_NEIGHBOURS)[interpolation_mode] ** dimensions
    return Flops(pointwise=GRID_WEIGHTS * elements(grid) + 2 * neighbours * elements(result))


@registry.formula(aten.grid_sampler_2d_backward, aten.grid_sampler_3d_backward)
def grid_sampler_2d_backward(
    grad_output: TensorMeta, grid: TensorMeta, interpolation_mode: int, output_mask: Sequence[bool]
) -> Flops:
    """Count as much as the forward for each gradient asked for: the input's, and the grid's by dimension."""
    forward = grid_sampler_2d(grid, grad_output, interpolation_mode)
    gradients = int(output_mask[0]) + (len(grad_output.shape) - 2) * int(output_mask[1])
    return Flops(pointwise=gradients * forward.pointwise)


@registry.formula(aten.affine_grid_generator, aten.cudnn_affine_grid_generator)
def affine_grid_generator(theta: TensorMeta, result: TensorMeta) -> Flops:
    """Count each place's homogeneous coordinates times the matrix: a batched product."""
    return Flops(contraction=2 * product(result.shape) * theta.shape[-1])
