"""Which operators' kernels take scratch memory, and how much that is in a program at a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch

from fxcost.costs import Sizes
from fxcost.expr.functions import Number
from fxcost.gpu.card import Card, operator_name
from fxcost.gpu.scratch import attention, convolutions, groups, reductions, softmax
from fxcost.gpu.scratch.kernel import Kernel, Scratch, Tensor
from fxcost.program import Phase, TensorMeta

TABLE: Mapping[str, Callable[[Kernel], Iterator[Scratch]]] = MappingProxyType(
    {
        "convolution": convolutions.scratch,
        "convolution_backward": convolutions.scratch,
        "sum": reductions.scratch,
        "mean": reductions.scratch,
        "linalg_vector_norm": reductions.scratch,
        "amax": reductions.scratch,
        "amin": reductions.scratch,
        "var": reductions.scratch,
        "var_mean": reductions.scratch,
        **dict.fromkeys(attention.OPERATORS, attention.scratch),
        **dict.fromkeys(groups.OPERATORS, groups.scratch),
        **dict.fromkeys(softmax.OPERATORS, softmax.scratch),
    }
)


def scratch_of(
    sizes: Sizes, values: Mapping[str, Number], card: Card, *, channels_last: bool
) -> dict[str, tuple[Scratch, ...]]:
    """Return what the operators of a program take besides their results, by node.

    Args:
        sizes: The program's.
        values: The configuration, encoded by the domain.
        card: What it runs on.
        channels_last: Whether images are laid out so.
    """
    found = {}
    for node in sizes.operators():
        formula = TABLE.get(operator_name(node))
        if formula is not None:
            taken = tuple(formula(_kernel(sizes, node, values, card, channels_last=channels_last)))
            if taken:
                found[node.name] = taken
    return found


def largest_convolution(sizes: Sizes, values: Mapping[str, Number], card: Card) -> int:
    """Return the bytes of the input and output of the largest dense convolution; 0 where there is none."""
    kernels = (
        _kernel(sizes, node, values, card)
        for node in sizes.operators()
        if operator_name(node) == "convolution" and node.meta["phase"] is Phase.FORWARD
    )
    return max((convolutions.seen(kernel) for kernel in kernels), default=0)


def _kernel(
    sizes: Sizes,
    node: torch.fx.Node,
    values: Mapping[str, Number],
    card: Card,
    *,
    channels_last: bool = False,
) -> Kernel:
    call = sizes.call(node)
    results = call.result if isinstance(call.result, tuple) else (call.result,)
    return Kernel(
        operator=operator_name(node),
        arguments={name: _number(value, values) for name, value in call.arguments().items()},
        results=tuple(each if isinstance(each, Tensor) else None for each in _number(results, values)),
        card=card,
        channels_last=channels_last,
    )


def _number(value: Any, values: Mapping[str, Number]) -> Any:
    """Return a value of a call with numbers for its sizes."""
    if isinstance(value, TensorMeta):
        return Tensor(tuple(_number(size, values) for size in value.shape), value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple(_number(each, values) for each in value)
    evaluate = getattr(value, "evaluate", None)
    return value if evaluate is None else evaluate(values)
