"""Operators that make tensors from nothing but sizes.

Rule: an operator without a tensor argument is a factory. It computes nothing that is counted, and writes its
result; `empty` and its relatives write nothing. `*_like` and `new_*` look at their argument's shape only.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, Traffic, nbytes
from fxcost.ops.registry import FlopsFormula, registry
from fxcost.program import TensorMeta

aten = torch.ops.aten

UNINITIALISED = (
    aten.empty,
    aten.empty_strided,
    aten.empty_permuted,
    aten.empty_like,
    aten.new_empty,
    aten.new_empty_strided,
    aten._efficientzerotensor,
)

INITIALISED = (
    aten.zeros_like,
    aten.ones_like,
    aten.full_like,
    aten.rand_like,
    aten.randn_like,
    aten.randint_like,
    aten.new_zeros,
    aten.new_ones,
    aten.new_full,
)


def is_factory(target: torch._ops.OpOverload) -> bool:
    """Say whether an operator returns a tensor and takes none.

    >>> is_factory(torch.ops.aten.arange.default), is_factory(torch.ops.aten.zeros_like.default)
    (True, False)
    """
    schema = target._schema
    returns = any("Tensor" in str(declared.type) for declared in schema.returns)
    return returns and not any("Tensor" in str(argument.type) for argument in schema.arguments)


@registry.rule
def factory(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify factories: nothing is computed."""
    return empty if target.namespace == "aten" and is_factory(target) else None


@registry.formula(*UNINITIALISED, *INITIALISED)
def empty() -> Flops:
    """Count no arithmetic."""
    return Flops()


@registry.traffic_formula(*UNINITIALISED)
def empty_traffic() -> Traffic:
    """Count no bytes: memory is reserved, not touched."""
    return Traffic()


@registry.traffic_formula(*INITIALISED)
def zeros_like_traffic(result: TensorMeta) -> Traffic:
    """Count the result written."""
    return Traffic(written=nbytes(result))
