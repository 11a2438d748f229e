"""Fused optimizer steps, one operator for all parameters; `foreach` steps are elementwise (`pointwise`).

Operations per element of the parameters. Adam: first moment 3, second moment 4, its root, correction and
epsilon 3, update 3; AMSGrad 1. SGD: update 2, momentum 3, Nesterov 2. Adagrad: sum of squares 2, its root
and epsilon 2, update 3. Weight decay 2 (decoupled, in AdamW: 1), only where it is not 0.
"""

from __future__ import annotations

from typing import Any

import torch

from fxcost.ops.call import Flops, Traffic, elements, nbytes
from fxcost.ops.registry import registry

aten = torch.ops.aten


@registry.formula(aten._fused_adam, aten._fused_adam_)
def _fused_adam(self: Any, weight_decay: float, amsgrad: bool) -> Flops:
    """Count 13 per element, 2 for weight decay and 1 for AMSGrad."""
    return Flops(pointwise=(13 + (2 if weight_decay else 0) + (1 if amsgrad else 0)) * elements(self))


@registry.formula(aten._fused_adamw, aten._fused_adamw_)
def _fused_adamw(self: Any, weight_decay: float, amsgrad: bool) -> Flops:
    """Count 13 per element, 1 for weight decay and 1 for AMSGrad."""
    return Flops(pointwise=(13 + (1 if weight_decay else 0) + (1 if amsgrad else 0)) * elements(self))


@registry.formula(aten._fused_sgd, aten._fused_sgd_)
def _fused_sgd(self: Any, weight_decay: float, momentum: float, nesterov: bool) -> Flops:
    """Count 2 per element, 2 for weight decay, 3 for momentum and 2 for Nesterov's."""
    per_element = 2 + (2 if weight_decay else 0) + (3 if momentum else 0) + (2 if nesterov else 0)
    return Flops(pointwise=per_element * elements(self))


@registry.formula(aten._fused_adagrad, aten._fused_adagrad_)
def _fused_adagrad(self: Any, weight_decay: float) -> Flops:
    """Count 7 per element and 2 for weight decay."""
    return Flops(pointwise=(7 + (2 if weight_decay else 0)) * elements(self))


@registry.traffic_formula(aten._fused_adam_, aten._fused_adamw_)
def _fused_adam_traffic(
    self: Any,
    grads: Any,
    exp_avgs: Any,
    exp_avg_sqs: Any,
    max_exp_avg_sqs: Any,
    state_steps: Any,
    grad_scale: Any,
) -> Traffic:
    """Count everything read, and parameters and moments written."""
    written = [self, exp_avgs, exp_avg_sqs, max_exp_avg_sqs]
    return _step_traffic(written, grads, state_steps, grad_scale)


@registry.traffic_formula(aten._fused_sgd_)
def _fused_sgd_traffic(self: Any, grads: Any, momentum_buffer_list: Any, grad_scale: Any) -> Traffic:
    """Count everything read, and parameters and momenta written."""
    return _step_traffic([self, momentum_buffer_list], grads, (), grad_scale)


@registry.traffic_formula(aten._fused_adagrad_)
def _fused_adagrad_traffic(
    self: Any, grads: Any, state_sums: Any, state_steps: Any, grad_scale: Any
) -> Traffic:
    """Count everything read, and parameters and sums written."""
    return _step_traffic([self, state_sums], grads, state_steps, grad_scale)


def _step_traffic(written: list[Any], grads: Any, steps: Any, grad_scale: Any) -> Traffic:
    # The schema marks gradients as mutated, but only unscaling them writes them.
    unscaled = nbytes(grads) if grad_scale is not None else 0
    return Traffic(read=nbytes([written, grads, steps, grad_scale]), written=nbytes(written) + unscaled)


@registry.formula(aten._amp_foreach_non_finite_check_and_unscale_)
def _amp_foreach_non_finite_check_and_unscale_(self: Any) -> Flops:
    """Count a comparison and a product per element."""
    return Flops(pointwise=2 * elements(self))


@registry.formula(aten._amp_update_scale_)
def _amp_update_scale_(self: Any) -> Flops:
    """Count one product."""
    return Flops(pointwise=elements(self))
