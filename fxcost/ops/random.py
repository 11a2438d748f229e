# ruff: noqa: A002 - parameters carry the names of ATen's schemas, `input` among them.
"""Random numbers and dropout. Drawing a number is not counted as arithmetic; scaling by a mask is."""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, Traffic, elements, nbytes
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(
    aten.bernoulli,
    aten.bernoulli_,
    aten.normal,
    aten.normal_,
    aten.normal_functional,
    aten.uniform,
    aten.uniform_,
    aten.random,
    aten.random_,
    aten.exponential,
    aten.exponential_,
    aten.geometric,
    aten.geometric_,
    aten.cauchy,
    aten.cauchy_,
    aten.log_normal,
    aten.log_normal_,
    aten.multinomial,
    aten.poisson,
    aten.binomial,
    aten._standard_gamma,
    aten._sample_dirichlet,
)
def normal_() -> Flops:
    """Count no arithmetic."""
    return Flops()


@registry.traffic_formula(
    aten.normal_,
    aten.uniform_,
    aten.random_,
    aten.exponential_,
    aten.geometric_,
    aten.cauchy_,
    aten.log_normal_,
    aten.normal_functional,
)
def normal_traffic(self: TensorMeta) -> Traffic:
    """Count the tensor written: what was there before is not read."""
    return Traffic(written=nbytes(self))


@registry.traffic_formula(aten.bernoulli_)
def bernoulli_traffic(self: TensorMeta, p: TensorMeta | float) -> Traffic:
    """Count the probabilities read, where they are a tensor, and the tensor written."""
    return Traffic(read=nbytes(p), written=nbytes(self))


@registry.formula(aten.native_dropout)
def native_dropout(input: TensorMeta) -> Flops:
    """Count the mask and the scale of every element."""
    return Flops(pointwise=2 * elements(input))


@registry.formula(aten._fused_dropout)
def _fused_dropout(self: TensorMeta) -> Flops:
    """Count the mask and the scale of every element."""
    return native_dropout(self)
