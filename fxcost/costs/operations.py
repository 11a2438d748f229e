"""FLOP and bytes moved, operator by operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import sympy

from fxcost import ops
from fxcost.costs.contributions import Contribution
from fxcost.costs.sizes import Sizes
from fxcost.errors import UnknownOperatorError
from fxcost.expr import Polynomial

Amount: TypeAlias = "Callable[[ops.Call], ops.Size]"


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


def _operators(sizes: Sizes, amount: Amount) -> list[Contribution]:
    counted = []
    for node in sizes.operators():
        call, gate = sizes.call(node), node.meta["gate"]
        try:
            gated = _of_lists(sizes, call, gate, amount) if isinstance(gate, tuple) else None
            polynomial = sizes.indicator(gate) * amount(call) if gated is None else gated
            polynomial = polynomial * sizes.normaliser.polynomial(node.meta["times"])
        except UnknownOperatorError as error:
            raise UnknownOperatorError(f"{node.meta['source'] or node.meta['module']}: {error}") from error
        if polynomial.terms:
            place = (node.meta["module"], str(node.target), str(node.meta["phase"]), node.meta["source"])
            counted.append(Contribution(polynomial, *place))
    return counted


def _of_lists(sizes: Sizes, call: ops.Call, gates: tuple[sympy.Basic, ...], amount: Amount) -> Polynomial:
    """Return an operator's amount on lists: of the entries that exist together, and of what all share."""
    shared = Polynomial() + amount(_entries(call, [], len(gates)))
    total = shared
    for gate in dict.fromkeys(gates):
        entries = [index for index, other in enumerate(gates) if other == gate]
        total = total + sizes.indicator(gate) * (amount(_entries(call, entries, len(gates))) - shared)
    return total


def _entries(call: ops.Call, chosen: list[int], length: int) -> ops.Call:
    """Return a call on lists with only some of their entries."""

    def some(value: Any) -> Any:
        if isinstance(value, tuple) and len(value) == length:
            return tuple(value[index] for index in chosen)
        return value

    kwargs = {name: some(value) for name, value in call.kwargs.items()}
    return ops.Call(call.target, tuple(map(some, call.args)), kwargs, some(call.result))
