"""FLOP and bytes moved, operator by operator."""

from __future__ import annotations

from collections.abc import Callable

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
        try:
            size = amount(sizes.call(node))
        except UnknownOperatorError as error:
            raise UnknownOperatorError(f"{node.meta['source'] or node.meta['module']}: {error}") from error
        polynomial = sizes.normaliser.polynomial(size) if isinstance(size, int) else size
        if isinstance(polynomial, Polynomial) and polynomial.terms:
            place = (node.meta["module"], str(node.target), str(node.meta["phase"]), node.meta["source"])
            counted.append(Contribution(polynomial, *place))
    return counted
