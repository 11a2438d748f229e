"""Tables looked up by index: rows are gathered, and gradients added to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxcost.ops.call import Flops, Traffic, elements, nbytes
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(aten.embedding)
def embedding() -> Flops:
    """Count no arithmetic: rows are copied."""
    return Flops()


@registry.traffic_formula(aten.embedding)
def embedding_traffic(indices: TensorMeta, result: TensorMeta) -> Traffic:
    """Count the indices and one row per index read, and the result written."""
    return Traffic(read=nbytes(indices) + nbytes(result), written=nbytes(result))


@registry.formula(aten.embedding_dense_backward)
def embedding_dense_backward(grad_output: TensorMeta) -> Flops:
    """Count an addition per element of the gradient."""
    return Flops(pointwise=elements(grad_output))


@registry.formula(aten.embedding_renorm)
def embedding_renorm(self: TensorMeta, indices: TensorMeta) -> Flops:
    """Count square, sum and scaling of one row per index."""
    return Flops(pointwise=3 * elements(indices) * self.shape[-1])


@registry.traffic_formula(aten.embedding_renorm_)
def embedding_renorm_traffic(self: TensorMeta, indices: TensorMeta) -> Traffic:
    """Count the indices read, and one row per index read and written."""
    rows = elements(indices) * self.shape[-1] * self.dtype.itemsize
    return Traffic(read=nbytes(indices) + rows, written=rows)


@registry.formula(aten._embedding_bag, aten._embedding_bag_forward_only)
def _embedding_bag(weight: TensorMeta, indices: TensorMeta, per_sample_weights: TensorMeta | None) -> Flops:
    """Count an addition (and a multiplication by the sample's weight) per element of one row per index."""
    per_element = 1 if per_sample_weights is None else 2
    return Flops(pointwise=per_element * elements(indices) * weight.shape[1])


@registry.traffic_formula(aten._embedding_bag, aten._embedding_bag_forward_only)
def _embedding_bag_traffic(
    weight: TensorMeta,
    indices: TensorMeta,
    offsets: TensorMeta,
    per_sample_weights: TensorMeta | None,
    result: Sequence[TensorMeta],
) -> Traffic:
    """Count indices, offsets, weights of samples and one row per index read, and the results written."""
    rows = elements(indices) * weight.shape[1] * weight.dtype.itemsize
    return Traffic(read=nbytes([indices, offsets, per_sample_weights]) + rows, written=nbytes(list(result)))


@registry.formula(aten._embedding_bag_backward, aten._embedding_bag_dense_backward)
def _embedding_bag_dense_backward(
    grad: TensorMeta, indices: TensorMeta, per_sample_weights: TensorMeta | None
) -> Flops:
    """Count an addition (and a multiplication by the sample's weight) per element of one row per index."""
    per_element = 1 if per_sample_weights is None else 2
    return Flops(pointwise=per_element * elements(indices) * grad.shape[-1])


@registry.formula(aten._embedding_bag_per_sample_weights_backward)
def _embedding_bag_per_sample_weights_backward(grad: TensorMeta, indices: TensorMeta) -> Flops:
    """Count the inner product of the bag's gradient with one row per index."""
    return Flops(pointwise=2 * elements(indices) * grad.shape[-1])


@registry.traffic_formula(aten._embedding_bag_per_sample_weights_backward)
def _embedding_bag_per_sample_weights_traffic(
    grad: TensorMeta, weight: TensorMeta, indices: TensorMeta, offset2bag: TensorMeta, result: TensorMeta
) -> Traffic:
    """Count indices, bags, gradients and one row per index read, and the result written."""
    rows = elements(indices) * weight.shape[1] * weight.dtype.itemsize
    return Traffic(read=nbytes([grad, indices, offset2bag]) + rows, written=nbytes(result))
