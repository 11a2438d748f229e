"""Elementwise operators, known by the tag `torch.Tag.pointwise` that PyTorch gives them.

Rule: an operator with the tag counts 1 per element of its result (an elementary function such as exp, erf,
tanh, sqrt, sigmoid or pow is one operation). Operators that do more, or nothing, and those without the tag
are in `OPERATIONS`. Scalars of a multiply-add (alpha, value) are not counted; integers, booleans and complex
numbers count like real ones.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

import torch

from fxcost.ops.call import per_input_element, per_result_element
from fxcost.ops.registry import FlopsFormula, registry
from fxcost.ops.schema import overloads

aten = torch.ops.aten

OPERATIONS: Mapping[str, int] = MappingProxyType(
    {
        # Selections, sign bits and copies compute nothing.
        "clone": 0, "masked_fill": 0, "where": 0, "nan_to_num": 0, "_conj_physical": 0, "conj_physical": 0,
        "complex": 0, "frexp": 0,
        # One operation, without the tag.
        "floor_divide": 1,
        # Several operations written as one.
        "addcmul": 2, "addcdiv": 2, "lerp": 3, "hypot": 4, "logaddexp": 5, "logaddexp2": 5, "xlogy": 2,
        "special_xlog1py": 2, "special_entr": 3, "sinc": 3, "logit": 3, "native_dropout_backward": 2,
        "_masked_scale": 2, "_add_relu": 2, "polar": 4, "clamp": 2,
        # Activations.
        "relu": 1, "leaky_relu": 2, "hardtanh": 2, "hardsigmoid": 4, "hardswish": 5, "hardshrink": 2,
        "softshrink": 3, "threshold": 1, "elu": 4, "celu": 4, "silu": 2, "mish": 4, "softplus": 4, "gelu": 5,
        "glu": 2, "log_sigmoid_forward": 5, "_prelu_kernel": 2, "prelu": 2, "rrelu_with_noise": 2,
        "rrelu_with_noise_functional": 2,
        # Their gradients.
        "threshold_backward": 1, "leaky_relu_backward": 2, "hardtanh_backward": 2, "hardsigmoid_backward": 3,
        "hardswish_backward": 5, "hardshrink_backward": 2, "softshrink_backward": 2, "elu_backward": 5,
        "silu_backward": 6, "mish_backward": 9, "softplus_backward": 5, "gelu_backward": 11,
        "glu_backward": 4, "log_sigmoid_backward": 6, "_prelu_kernel_backward": 3, "sigmoid_backward": 3,
        "tanh_backward": 3, "logit_backward": 4, "rrelu_with_noise_backward": 1,
    }
)  # fmt: skip
"""Operations per element of the result, where the rule's 1 would be wrong or the tag is missing."""


@functools.cache
def operations(name: str) -> int | None:
    """Return the operations per element of an elementwise ATen operator, None for any other operator.

    >>> operations("add"), operations("add_"), operations("addcmul"), operations("mm")
    (1, 1, 2, None)
    """
    functional = name.removesuffix("_")
    if functional in OPERATIONS:
        return OPERATIONS[functional]
    packets = (getattr(aten, candidate, None) for candidate in (name, functional))
    return 1 if any(packet is not None and _is_tagged(packet) for packet in packets) else None


def _is_tagged(packet: torch._ops.OpOverloadPacket) -> bool:
    # Not every overload carries the tag: `.out` and some in-place ones lack it.
    return any(torch.Tag.pointwise in overload.tags for overload in overloads(packet))


@registry.rule
def pointwise(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify elementwise operators: a number of operations per element of the result."""
    if target.namespace != "aten":
        return None
    per_element = operations(target._opname)
    return None if per_element is None else per_result_element(per_element)


@registry.rule
def foreach(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify `_foreach_*` operators: what the elementwise operator counts, on every tensor of the list."""
    if target.namespace != "aten" or not target._opname.startswith("_foreach_"):
        return None
    per_element = operations(target._opname.removeprefix("_foreach_"))
    return None if per_element is None else per_input_element(per_element)


registry.formula(aten.equal)(per_input_element(1))
registry.formula(aten.allclose)(per_input_element(1))
