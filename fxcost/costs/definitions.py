"""The quantities: what each is called, its unit, what it counts and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fxcost.costs import memory, operations, parameters
from fxcost.costs.contributions import Contribution
from fxcost.costs.sizes import Sizes
from fxcost.program import Phase
from fxcost.units import Unit


@dataclass(frozen=True)
class Definition:
    """A quantity that a program has.

    Attributes:
        name: What it is called.
        unit: Its unit.
        counts: What is counted, in a sentence.
        contributions: Its parts; their sum is the quantity. None for the peak, which is a maximum of sums.
        hyperparameter: Which one it is, where it is no cost.
    """

    name: str
    unit: Unit
    counts: str
    contributions: Callable[[Sizes], list[Contribution]] | None
    hyperparameter: str | None = None


def hyperparameter(name: str) -> Definition:
    """Return a hyperparameter as a quantity, so that it can be maximised: the largest batch that fits."""

    def itself(sizes: Sizes) -> list[Contribution]:
        symbol = sizes.normaliser.domain.symbols[name]
        return [Contribution(sizes.normaliser.polynomial(symbol), "", name, Phase.CONSTRUCT, None)]

    return Definition(name, Unit.COUNT, f"the hyperparameter {name} itself", itself, name)


def gpus(factors: Sequence[int | str]) -> Definition:
    """Return how many GPUs there are: the product of numbers and of hyperparameters, given by name."""

    def product(sizes: Sizes) -> list[Contribution]:
        symbols = sizes.normaliser.domain.symbols
        number: Any = 1
        for factor in factors:
            number = number * (symbols[factor] if isinstance(factor, str) else factor)
        return [Contribution(sizes.normaliser.polynomial(number), "", "GPUs", Phase.CONSTRUCT, None)]

    return Definition("gpus", Unit.COUNT, "the GPUs that train one model together", product)


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "parameters", Unit.COUNT, "elements of all parameters, shared ones once", parameters.parameters
    ),
    Definition(
        "trainable_parameters",
        Unit.COUNT,
        "elements of the parameters that require a gradient",
        parameters.trainable_parameters,
    ),
    Definition("buffers", Unit.COUNT, "elements of all buffers", parameters.buffers),
    Definition(
        "weight_bytes",
        Unit.BYTES,
        "bytes of parameters and buffers; by kind, of each dtype",
        parameters.weight_bytes,
    ),
    Definition(
        "flops",
        Unit.FLOP,
        "2 per multiply-add of matrix products, convolutions, attention and recurrent layers, "
        "forward and, when trained, backward; the convention of torch.utils.flop_counter",
        operations.flops,
    ),
    Definition(
        "pointwise_flops",
        Unit.FLOP,
        "1 per arithmetic operation and element of everything that `flops` leaves out: elementwise, "
        "normalisation, softmax, reductions, the optimizer",
        operations.pointwise_flops,
    ),
    Definition(
        "traffic",
        Unit.BYTES,
        "bytes that each operator reads and writes, none taken to stay in a cache",
        operations.traffic,
    ),
    Definition("bytes_read", Unit.BYTES, "bytes that each operator reads", operations.bytes_read),
    Definition("bytes_written", Unit.BYTES, "bytes that each operator writes", operations.bytes_written),
    Definition(
        "activations",
        Unit.BYTES,
        "bytes that autograd keeps for the backward pass, beyond weights and the batch",
        memory.activations,
    ),
    Definition(
        "peak_memory",
        Unit.BYTES,
        "bytes of tensor storage alive at the worst moment; parameters, buffers, the batch and the "
        "optimizer's state count throughout, scratch memory inside a kernel does not",
        None,
    ),
)

SUMS = tuple(each.contributions for each in DEFINITIONS if each.contributions is not None)
"""The quantities that are sums."""
