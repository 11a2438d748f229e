"""Counts and bytes of parameters and buffers."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from fxcost.costs.contributions import Contribution
from fxcost.costs.sizes import Sizes
from fxcost.program import Phase, Weight


def parameters(sizes: Sizes) -> list[Contribution]:
    """Count the elements of all parameters, shared ones once."""
    return _weights(sizes, lambda weight: not weight.buffer, bytes_each=False)


def trainable_parameters(sizes: Sizes) -> list[Contribution]:
    """Count the elements of the parameters that require a gradient."""
    return _weights(sizes, lambda weight: weight.trainable, bytes_each=False)


def buffers(sizes: Sizes) -> list[Contribution]:
    """Count the elements of all buffers."""
    return _weights(sizes, lambda weight: weight.buffer, bytes_each=False)


def weight_bytes(sizes: Sizes) -> list[Contribution]:
    """Count the bytes of parameters and buffers; their kind is their dtype."""
    return _weights(sizes, lambda weight: True, bytes_each=True)


def _weights(sizes: Sizes, chosen: Callable[[Weight], bool], *, bytes_each: bool) -> list[Contribution]:
    counted = []
    for weight in filter(chosen, sizes.program.weights):
        count = prod(map(sizes.normaliser.polynomial, weight.shape), start=sizes.normaliser.polynomial(1))
        amount = count * weight.dtype.itemsize if bytes_each else count
        module, _, name = weight.name.rpartition(".")
        dtype = str(weight.dtype).removeprefix("torch.")
        counted.append(Contribution(amount, module, name, Phase.CONSTRUCT, None, dtype))
    return counted
