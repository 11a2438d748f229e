"""FLOP and bytes moved, operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy
import torch

from fxcost import ops
from fxcost.costs.contributions import Contribution
from fxcost.costs.sizes import Sizes
from fxcost.errors import UnknownOperatorError
from fxcost.expr import Polynomial


def flops(sizes: Sizes) -> list[Contribution]:
    """Count 2 FLOP per multiply-add of matrix products, convolutions, attention and recurrent layers.

    The convention is that of `torch.utils.flop_counter`.
    """
    return _operators(sizes, lambda call: ops.flops(call).contraction)


def pointwise_flops(sizes: Sizes) -> list[Contribution]:
    """Count 1 FLOP per arithmetic operation and element of everything else."""
    return _operators(sizes, lambda call: ops.flops(call).pointwise)


def bytes_read(sizes: Sizes) -> list[Contribution]:
    """Count the bytes that operators read."""
    return _operators(sizes, lambda call: ops.traffic(call).read)


def bytes_written(sizes: Sizes) -> list[Contribution]:
    """Count the bytes that operators write."""
    return _operators(sizes, lambda call: ops.traffic(call).written)


def traffic(sizes: Sizes) -> list[Contribution]:
    """Count the bytes that operators read and write; nothing is taken to stay in a cache."""
    return bytes_read(sizes) + bytes_written(sizes)


def _operators(sizes: Sizes, amount: Callable[[ops.Call], ops.Size]) -> list[Contribution]:
    counted = []
    for node in sizes.operators():
        polynomial = sum((_gated(sizes, node, amount, *part) for part in _parts(sizes, node)), Polynomial())
        if polynomial.terms:
            place = (node.meta["module"], str(node.target), str(node.meta["phase"]), node.meta["source"])
            counted.append(Contribution(polynomial, *place))
    return counted


def _gated(
    sizes: Sizes,
    node: torch.fx.Node,
    amount: Callable[[ops.Call], ops.Size],
    call: ops.Call,
    gate: sympy.Basic,
) -> Polynomial:
    try:
        size = amount(call)
    except UnknownOperatorError as error:
        raise UnknownOperatorError(f"{node.meta['source'] or node.meta['module']}: {error}") from error
    return sizes.indicator(gate) * size


def _parts(sizes: Sizes, node: torch.fx.Node) -> Iterator[tuple[ops.Call, sympy.Basic]]:
    """Yield a node's call with when it runs; one on lists, for the entries that exist together."""
    call, gate = sizes.call(node), node.meta["gate"]
    if not isinstance(gate, tuple):
        yield call, gate
        return
    for each in dict.fromkeys(gate):
        yield _entries(call, [index for index, other in enumerate(gate) if other == each], len(gate)), each


def _entries(call: ops.Call, chosen: list[int], length: int) -> ops.Call:
    """Return a call on lists with only some of their entries."""

    def some(value: Any) -> Any:
        if isinstance(value, tuple) and len(value) == length:
            return tuple(value[index] for index in chosen)
        return value

    kwargs = {name: some(value) for name, value in call.kwargs.items()}
    return ops.Call(call.target, tuple(map(some, call.args)), kwargs, some(call.result))
