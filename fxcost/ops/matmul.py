"""Matrix products: 2 FLOP per multiply-add, a bias 1 per element of the result.

An m×k by k×n product is 2·m·k·n, as in `torch.utils.flop_counter`; products with a vector, which it
leaves out, are the same formula with m or n equal to 1. The scalars alpha and beta are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxcost.ops.call import Flops, Size, elements, product
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(aten.mm, aten.bmm, aten._int_mm)
def mm(self: TensorMeta, mat2: TensorMeta) -> Flops:
    """Count (batches of) m×k by k×n."""
    return Flops(contraction=2 * elements(self) * mat2.shape[-1])


@registry.formula(aten.addmm, aten._addmm_activation)
def addmm(mat1: TensorMeta, mat2: TensorMeta, result: TensorMeta) -> Flops:
    """Count m×k by k×n and the addition of the bias."""
    return Flops(contraction=2 * elements(mat1) * mat2.shape[-1], pointwise=elements(result))


@registry.formula(aten.baddbmm, aten.addbmm)
def baddbmm(batch1: TensorMeta, batch2: TensorMeta) -> Flops:
    """Count a batch of m×k by k×n and one addition per element of the products."""
    batch, rows, _ = batch1.shape
    columns = batch2.shape[-1]
    return Flops(contraction=2 * elements(batch1) * columns, pointwise=batch * rows * columns)


@registry.formula(aten.mv)
def mv(self: TensorMeta) -> Flops:
    """Count a matrix by a vector: 2 per element of the matrix."""
    return Flops(contraction=2 * elements(self))


@registry.formula(aten.addmv)
def addmv(mat: TensorMeta, result: TensorMeta) -> Flops:
    """Count a matrix by a vector, and an addition per row."""
    return Flops(contraction=2 * elements(mat), pointwise=elements(result))


@registry.formula(aten.dot, aten.vdot)
def dot(self: TensorMeta) -> Flops:
    """Count a multiply-add per element."""
    return Flops(contraction=2 * elements(self))


@registry.formula(aten.addr)
def addr(vec1: TensorMeta, vec2: TensorMeta) -> Flops:
    """Count an outer product as m×1 by 1×n, and an addition per element."""
    size = elements(vec1) * elements(vec2)
    return Flops(contraction=2 * size, pointwise=size)


@registry.formula(aten.linear, aten.mkldnn_linear)
def linear(weight: TensorMeta, bias: TensorMeta | None, result: TensorMeta) -> Flops:
    """Count one row of the weight by the input per element of the result."""
    size = elements(result)
    return Flops(contraction=2 * size * weight.shape[-1], pointwise=0 if bias is None else size)


@registry.formula(aten.linear_backward)
def linear_backward(grad_output: TensorMeta, weight: TensorMeta, output_mask: Sequence[bool]) -> Flops:
    """Count the products for the input's and the weight's gradients, and the sum for the bias's."""
    products = int(output_mask[0]) + int(output_mask[1])
    size = elements(grad_output)
    return Flops(contraction=2 * products * size * weight.shape[-1], pointwise=size if output_mask[2] else 0)


@registry.formula(aten.matmul)
def matmul(self: TensorMeta, result: TensorMeta) -> Flops:
    """Count one row by one column per element of the (broadcast) result."""
    return Flops(contraction=2 * elements(result) * self.shape[-1])


@registry.formula(aten._scaled_mm, aten._scaled_mm_v2)
def _scaled_mm(self: TensorMeta, mat2: TensorMeta, bias: TensorMeta | None, result: TensorMeta) -> Flops:
    """Count m×k by k×n and, per element, the scaling and the bias."""
    size = elements(result)
    return Flops(
        contraction=2 * elements(self) * mat2.shape[-1], pointwise=size if bias is None else 2 * size
    )


@registry.formula(aten._grouped_mm, aten._scaled_grouped_mm, aten._scaled_grouped_mm_v2)
def _grouped_mm(self: TensorMeta, mat2: TensorMeta, bias: TensorMeta | None, result: TensorMeta) -> Flops:
    """Count the groups' products.

    That is m·k·n once where the groups share out the rows, the columns or the inner dimension, and once per
    group where both factors are batches of matrices.
    """
    rows, inner = self.shape[-2:]
    groups = self.shape[0] if len(self.shape) == len(mat2.shape) == 3 else 1
    return Flops(
        contraction=2 * groups * rows * inner * mat2.shape[-1],
        pointwise=0 if bias is None else elements(result),
    )


@registry.formula(aten._weight_int8pack_mm)
def _weight_int8pack_mm(self: TensorMeta, mat2: TensorMeta, result: TensorMeta) -> Flops:
    """Count m×k by the transposed n×k weight, and the scaling of each element."""
    return Flops(contraction=2 * elements(self) * mat2.shape[0], pointwise=elements(result))


@registry.formula(aten._trilinear)
def _trilinear(  # noqa: PLR0913, PLR0917 - it takes what the operator takes
    i1: TensorMeta,
    i2: TensorMeta,
    i3: TensorMeta,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int,
) -> Flops:
    """Count the two pairwise products that `nn.Bilinear` and its gradients run: i1·i2, then that ·i3.

    Dimensions summed in the first product are those to sum that `i3` does not have.
    """
    factors = ((i1, expand1), (i2, expand2), (i3, expand3))
    sizes = [_unexpanded(tensor, expanded) for tensor, expanded in factors]
    everything = sizes[2] | sizes[1] | sizes[0]
    summed_first = set(sumdim) & set(expand3)
    first = set(sizes[0]) | set(sizes[1]) | {unroll_dim}
    second = (first | set(sizes[2])) - summed_first
    return Flops(
        contraction=2 * product(everything[dimension] for dimension in first)
        + 2 * product(everything[dimension] for dimension in second)
    )


def _unexpanded(tensor: TensorMeta, expanded: Sequence[int]) -> dict[int, Size]:
    dimensions = [place for place in range(len(tensor.shape) + len(expanded)) if place not in expanded]
    return dict(zip(dimensions, tensor.shape, strict=True))


@registry.formula(aten._euclidean_dist)
def _euclidean_dist(x1: TensorMeta, x2: TensorMeta) -> Flops:
    """Count n×(d+2) by (d+2)×m (norms ride along as two columns), the norms, a clamp and a root."""
    distances = product(x1.shape[:-1]) * x2.shape[-2]
    return Flops(
        contraction=2 * distances * (x1.shape[-1] + 2),
        pointwise=2 * elements(x1) + 2 * elements(x2) + 2 * distances,
    )
