"""Counts and bytes of parameters and buffers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from fxcost.costs.contributions import Contribution
from fxcost.costs.sizes import Sizes
from fxcost.program import Phase, Weight


def parameters(sizes: Sizes) -> list[Contribution]:
    """Count the elements of all parameters, shared ones once."""
    return _weights(sizes, [weight for weight in sizes.program.weights if not weight.buffer])


def trainable_parameters(sizes: Sizes) -> list[Contribution]:
    """Count the elements of the parameters that require a gradient."""
    return _weights(sizes, [weight for weight in sizes.program.weights if weight.trainable])


def buffers(sizes: Sizes) -> list[Contribution]:
    """Count the elements of all buffers."""
    return _weights(sizes, [weight for weight in sizes.program.weights if weight.buffer])


def weight_bytes(sizes: Sizes) -> list[Contribution]:
    """Count the bytes of parameters and buffers; their kind is their dtype."""
    return _weights(sizes, sizes.program.weights, in_bytes=True)


def _weights(sizes: Sizes, weights: Sequence[Weight], *, in_bytes: bool = False) -> list[Contribution]:
    counted = []
    for weight in weights:
        count = prod(map(sizes.normaliser.polynomial, weight.shape), start=sizes.normaliser.polynomial(1))
        count = count * sizes.indicator(weight.gate)
        amount = count * weight.dtype.itemsize if in_bytes else count
        module, _, name = weight.name.rpartition(".")
        dtype = str(weight.dtype).removeprefix("torch.")
        counted.append(Contribution(amount, module, name, Phase.CONSTRUCT, None, dtype))
    return counted
