"""Softmax and its logarithm, along one dimension.

Per element, forward: maximum, subtract, exponential, sum, divide (or subtract the logarithm of the sum): 5.
Backward: multiply, sum, subtract, multiply (or sum, exponential, multiply, subtract): 4.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, elements
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(aten._softmax, aten._log_softmax, aten._safe_softmax, aten._masked_softmax)
def _softmax(self: TensorMeta) -> Flops:
    """Count 5 per element."""
    return Flops(pointwise=5 * elements(self))


@registry.formula(aten._softmax_backward_data, aten._log_softmax_backward_data, aten._masked_softmax_backward)
def _softmax_backward_data(grad_output: TensorMeta) -> Flops:
    """Count 4 per element."""
    return Flops(pointwise=4 * elements(grad_output))


@registry.formula(aten.logcumsumexp, aten._logcumsumexp)
def logcumsumexp(self: TensorMeta) -> Flops:
    """Count maximum, subtract, exponential, sum, logarithm, add per element."""
    return Flops(pointwise=6 * elements(self))
