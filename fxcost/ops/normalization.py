# ruff: noqa: A002 - parameters carry the names of ATen's schemas, `input` among them.
"""Batch, layer, group, instance, RMS and weight normalisation.

Counted per element of the input: the mean 1, the variance 3 (subtract, square, sum), the normalised value
2 (subtract, multiply), weight and bias 1 each. Backward, per element: the normalised value again 2, the
weight 1, the two sums of the input's gradient 3, their combination 4; the weight's gradient 2, the bias's 1.
Arithmetic on the statistics themselves, one per group of elements, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fxcost.ops.call import Flops, Traffic, elements, nbytes
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten

STATISTICS = 4
NORMALISE = 2
INPUT_GRADIENT = 10


def affine(weight: TensorMeta | None, bias: TensorMeta | None) -> int:
    """Return the operations per element of the weight and the bias that are there.

    >>> affine(None, None)
    0
    """
    return int(weight is not None) + int(bias is not None)


@registry.formula(aten.native_layer_norm, aten.native_group_norm)
def native_layer_norm(input: TensorMeta, weight: TensorMeta | None, bias: TensorMeta | None) -> Flops:
    """Count statistics, normalisation and affine."""
    return Flops(pointwise=(STATISTICS + NORMALISE + affine(weight, bias)) * elements(input))


@registry.formula(aten._fused_rms_norm)
def _fused_rms_norm(input: TensorMeta, weight: TensorMeta | None) -> Flops:
    """Count square and sum, the scaling and the weight."""
    return Flops(pointwise=(3 + affine(weight, None)) * elements(input))


@registry.formula(
    aten.native_batch_norm,
    aten._native_batch_norm_legit,
    aten._native_batch_norm_legit_functional,
    aten.cudnn_batch_norm,
    aten.miopen_batch_norm,
)
def native_batch_norm(
    input: TensorMeta, weight: TensorMeta | None, bias: TensorMeta | None, training: bool
) -> Flops:
    """Count normalisation and affine, and the statistics when training."""
    statistics = STATISTICS if training else 0
    return Flops(pointwise=(statistics + NORMALISE + affine(weight, bias)) * elements(input))


@registry.formula(aten._batch_norm_with_update, aten._batch_norm_with_update_functional)
def _batch_norm_with_update(input: TensorMeta, weight: TensorMeta | None, bias: TensorMeta | None) -> Flops:
    """Count statistics, normalisation and affine."""
    return native_batch_norm(input, weight, bias, training=True)


@registry.formula(
    aten._batch_norm_no_update, aten._native_batch_norm_legit_no_training, aten.batch_norm_elemt
)
def _batch_norm_no_update(input: TensorMeta, weight: TensorMeta | None, bias: TensorMeta | None) -> Flops:
    """Count normalisation and affine."""
    return native_batch_norm(input, weight, bias, training=False)


@registry.formula(aten.batch_norm_stats, aten.batch_norm_update_stats)
def batch_norm_stats(input: TensorMeta) -> Flops:
    """Count the statistics."""
    return Flops(pointwise=STATISTICS * elements(input))


@registry.formula(aten.batch_norm_gather_stats, aten.batch_norm_gather_stats_with_counts)
def batch_norm_gather_stats(mean: TensorMeta) -> Flops:
    """Count merging the replicas' means and variances: 6 per replica and channel."""
    return Flops(pointwise=6 * elements(mean))


@registry.formula(
    aten.native_layer_norm_backward,
    aten.native_group_norm_backward,
    aten.native_batch_norm_backward,
    aten.batch_norm_backward,
    aten._fused_rms_norm_backward,
)
def native_layer_norm_backward(input: TensorMeta, output_mask: Sequence[bool]) -> Flops:
    """Count the gradients that are asked for, of the input, the weight and the bias in this order."""
    costs = zip((INPUT_GRADIENT, 2, 1), output_mask, strict=False)
    return Flops(pointwise=sum(cost for cost, asked in costs if asked) * elements(input))


@registry.formula(aten.cudnn_batch_norm_backward, aten.miopen_batch_norm_backward)
def cudnn_batch_norm_backward(input: TensorMeta) -> Flops:
    """Count the gradients of the input, the weight and the bias."""
    return native_layer_norm_backward(input, (True, True, True))


@registry.formula(aten.batch_norm_backward_reduce)
def batch_norm_backward_reduce(input: TensorMeta) -> Flops:
    """Count the two sums over the batch and the normalised values in one of them."""
    return Flops(pointwise=5 * elements(input))


@registry.formula(aten.batch_norm_backward_elemt)
def batch_norm_backward_elemt(input: TensorMeta) -> Flops:
    """Count the combination of the input's gradient."""
    return Flops(pointwise=6 * elements(input))


@registry.formula(aten._weight_norm_interface)
def _weight_norm_interface(v: TensorMeta) -> Flops:
    """Count square and sum, and the scaling."""
    return Flops(pointwise=3 * elements(v))


@registry.formula(aten._weight_norm_interface_backward)
def _weight_norm_interface_backward(saved_v: TensorMeta) -> Flops:
    """Count the inner product with v and the combination of both terms."""
    return Flops(pointwise=5 * elements(saved_v))


@registry.formula(aten.renorm)
def renorm(self: TensorMeta) -> Flops:
    """Count square and sum, and the scaling."""
    return Flops(pointwise=3 * elements(self))


@registry.traffic_formula(aten.native_batch_norm, aten.cudnn_batch_norm, aten.miopen_batch_norm)
def native_batch_norm_traffic(
    input: TensorMeta,
    weight: TensorMeta | None,
    bias: TensorMeta | None,
    running_mean: TensorMeta | None,
    running_var: TensorMeta | None,
    training: bool,
    result: Sequence[Any],
) -> Traffic:
    """Count what the schema says, and the running statistics that it silently updates when training."""
    running = nbytes([running_mean, running_var])
    return Traffic(
        read=nbytes([input, weight, bias]) + running,
        written=nbytes(list(result)) + (running if training else 0),
    )
