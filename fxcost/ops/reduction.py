"""Reductions and running sums, known by `torch.Tag.reduction` where PyTorch gives it.

Rule: an operator with the tag counts 1 per element of its input (an addition, a comparison). Those that do
more, and those without the tag, are in `OPERATIONS`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

import torch

from fxcost.ops.call import per_input_element
from fxcost.ops.registry import FlopsFormula, registry
from fxcost.ops.schema import overloads

aten = torch.ops.aten

OPERATIONS: Mapping[str, int] = MappingProxyType(
    {
        # A square (or power) and a sum.
        "linalg_vector_norm": 2, "norm": 2, "linalg__powsum": 2, "nansum": 1, "dist": 3,
        # The mean, then subtract, square and sum.
        "var": 4, "std": 4, "var_mean": 4, "std_mean": 4,
        # Maximum, subtract, exponential, sum.
        "logsumexp": 4,
        "max": 1, "min": 1, "aminmax": 2, "_aminmax": 2, "all": 1, "any": 1, "trace": 1, "median": 1,
        "nanmedian": 1, "mode": 1, "hash_tensor": 1, "_is_all_true": 1, "_is_any_true": 1,
        "cumsum": 1, "cumprod": 1, "cummax": 1, "cummin": 1, "_cummax_helper": 1, "_cummin_helper": 1,
        "_foreach_norm": 2, "_foreach_powsum": 2, "_foreach_max": 1,
    }
)  # fmt: skip
"""Operations per element of the input, where the rule's 1 would be wrong or the tag is missing."""


@functools.cache
def operations(name: str) -> int | None:
    """Return the operations per input element of an ATen reduction, None for any other operator.

    >>> operations("sum"), operations("var_mean"), operations("cumsum_"), operations("mm")
    (1, 4, 1, None)
    """
    functional = name.removesuffix("_")
    if functional in OPERATIONS:
        return OPERATIONS[functional]
    packet = getattr(aten, functional, None)
    if packet is None:
        return None
    return 1 if any(torch.Tag.reduction in overload.tags for overload in overloads(packet)) else None


@registry.rule
def reduction(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify reductions: a number of operations per element of the input."""
    per_element = operations(target._opname) if target.namespace == "aten" else None
    return None if per_element is None else per_input_element(per_element)
