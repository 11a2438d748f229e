"""Losses: a few operations per element of the prediction, the reduction included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch

from fxcost.ops.call import Flops, Size, Traffic, elements, nbytes, per_input_element
from fxcost.ops.registry import FlopsFormula, registry
from fxcost.program import TensorMeta

aten = torch.ops.aten

OPERATIONS: Mapping[str, int] = MappingProxyType(
    {
        "mse_loss": 3, "mse_loss_backward": 3, "l1_loss": 3, "smooth_l1_loss": 6,
        "smooth_l1_loss_backward": 4,
        "huber_loss": 6, "huber_loss_backward": 4, "soft_margin_loss": 5, "soft_margin_loss_backward": 6,
        "binary_cross_entropy": 7, "binary_cross_entropy_backward": 5, "binary_cross_entropy_with_logits": 9,
        "multi_margin_loss": 4, "multi_margin_loss_backward": 3, "kl_div": 4,
    }
)  # fmt: skip
"""Operations per element of the prediction (`self`)."""


@registry.rule
def loss(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify elementwise losses by `OPERATIONS`."""
    per_element = OPERATIONS.get(target._opname) if target.namespace == "aten" else None
    return None if per_element is None else per_input_element(per_element)


@registry.formula(aten.nll_loss_forward, aten.nll_loss2d_forward)
def nll_loss_forward(target: TensorMeta, weight: TensorMeta | None) -> Flops:
    """Count an addition per target, and a product and a sum of weights where there are any."""
    return Flops(pointwise=(1 if weight is None else 3) * elements(target))


@registry.formula(aten.nll_loss_backward, aten.nll_loss2d_backward)
def nll_loss_backward(target: TensorMeta, weight: TensorMeta | None) -> Flops:
    """Count a division per target, and a product where there are weights."""
    return Flops(pointwise=(1 if weight is None else 2) * elements(target))


@registry.traffic_formula(aten.nll_loss_forward, aten.nll_loss2d_forward)
def nll_loss_forward_traffic(
    self: TensorMeta, target: TensorMeta, weight: TensorMeta | None, result: Sequence[TensorMeta]
) -> Traffic:
    """Count targets read, and one prediction (and weight) per target."""
    return Traffic(read=nbytes(target) + _gathered(self, target, weight), written=nbytes(list(result)))


@registry.traffic_formula(aten.nll_loss_backward, aten.nll_loss2d_backward)
def nll_loss_backward_traffic(
    grad_output: TensorMeta,
    target: TensorMeta,
    weight: TensorMeta | None,
    total_weight: TensorMeta,
    result: TensorMeta,
) -> Traffic:
    """Count gradient, targets, their weights and the total read, and a gradient per prediction written."""
    weights = 0 if weight is None else elements(target) * weight.dtype.itemsize
    return Traffic(read=nbytes([grad_output, target, total_weight]) + weights, written=nbytes(result))


def _gathered(self: TensorMeta, target: TensorMeta, weight: TensorMeta | None) -> Size:
    per_target = self.dtype.itemsize + (0 if weight is None else weight.dtype.itemsize)
    return elements(target) * per_target


@registry.formula(aten.multilabel_margin_loss_forward)
def multilabel_margin_loss_forward(self: TensorMeta) -> Flops:
    """Count every pair of a target and another class: subtract, add the margin, clamp and sum."""
    return Flops(pointwise=4 * elements(self) * self.shape[-1])


@registry.formula(aten.multilabel_margin_loss_backward)
def multilabel_margin_loss_backward(self: TensorMeta) -> Flops:
    """Count every pair of a target and another class, as in the forward."""
    return multilabel_margin_loss_forward(self)


@registry.formula(aten._ctc_loss, aten._cudnn_ctc_loss, aten._use_cudnn_ctc_loss)
def _ctc_loss(log_probs: TensorMeta, targets: TensorMeta) -> Flops:
    """Count the forward recursion: 7 per time step and state, 2·labels + 1 states."""
    return Flops(pointwise=7 * log_probs.shape[0] * _states(log_probs, targets))


@registry.formula(aten._ctc_loss_backward)
def _ctc_loss_backward(log_probs: TensorMeta, targets: TensorMeta) -> Flops:
    """Count the backward recursion and the sum over the states of each class."""
    states = log_probs.shape[0] * _states(log_probs, targets)
    return Flops(pointwise=11 * states + 3 * elements(log_probs))


def _states(log_probs: TensorMeta, targets: TensorMeta) -> Size:
    batch = log_probs.shape[1] if len(log_probs.shape) == 3 else 1
    return 2 * elements(targets) + batch
