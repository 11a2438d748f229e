"""Distances between rows: subtract, power and sum per pair and coordinate, and a root per pair."""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, elements
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(aten._cdist_forward)
def _cdist_forward(x1: TensorMeta, result: TensorMeta) -> Flops:
    """Count 3 per pair and coordinate, and a root per pair."""
    return Flops(pointwise=elements(result) * (3 * x1.shape[-1] + 1))


@registry.formula(aten._cdist_backward)
def _cdist_backward(x1: TensorMeta, cdist: TensorMeta) -> Flops:
    """Count subtract, power, scale and sum per pair and coordinate."""
    return Flops(pointwise=4 * elements(cdist) * x1.shape[-1])


@registry.formula(aten._pdist_forward)
def _pdist_forward(self: TensorMeta, result: TensorMeta) -> Flops:
    """Count 3 per pair and coordinate, and a root per pair."""
    return Flops(pointwise=elements(result) * (3 * self.shape[-1] + 1))


@registry.formula(aten._pdist_backward)
def _pdist_backward(self: TensorMeta, pdist: TensorMeta) -> Flops:
    """Count subtract, power, scale and sum per pair and coordinate."""
    return Flops(pointwise=4 * elements(pdist) * self.shape[-1])
