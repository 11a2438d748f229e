"""A quantity as a sum of contributions, each with the place it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from fxcost.errors import ConfigError
from fxcost.expr import Polynomial
from fxcost.expr.functions import Number
from fxcost.program import Source


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one operator, or one storage, adds to a quantity.

    Attributes:
        amount: How much, in the quantity's unit.
        module: Path of the module it belongs to, "" for the model itself.
        operator: The ATen operator, or what made the storage.
        phase: When the operator runs, or the storage was allocated: construct, forward, backward or step.
        source: The user's line, where there is one.
        kind: What a storage holds, a weight's dtype; "" for an operator.
    """

    amount: Polynomial
    module: str
    operator: str
    phase: str
    source: Source | None
    kind: str = ""

    @property
    def line(self) -> str:
        """The user's line as text."""
        return str(self.source) if self.source is not None else ""


GROUPINGS: Mapping[str, Callable[[Contribution], str]] = {
    "module": lambda contribution: contribution.module,
    "operator": lambda contribution: contribution.operator,
    "phase": lambda contribution: str(contribution.phase),
    "source": lambda contribution: contribution.line,
    "kind": lambda contribution: str(contribution.kind),
}


def total(contributions: Iterable[Contribution]) -> Polynomial:
    """Return the sum of all amounts."""
    return sum((contribution.amount for contribution in contributions), Polynomial())


def grouped(contributions: Iterable[Contribution], key: str) -> dict[str, Polynomial]:
    """Return the sums of the amounts that share a module, operator, phase, source line or kind.

    Raises:
        ConfigError: `key` is no such grouping.
    """
    if key not in GROUPINGS:
        raise ConfigError(f"{key!r} is no breakdown; write one of {', '.join(GROUPINGS)}")
    amounts: dict[str, list[Polynomial]] = {}
    for contribution in contributions:
        amounts.setdefault(GROUPINGS[key](contribution), []).append(contribution.amount)
    return {name: sum(parts, Polynomial()) for name, parts in amounts.items()}


def largest(
    contributions: Iterable[Contribution], values: Mapping[str, Number], count: int
) -> list[tuple[Contribution, int]]:
    """Return the contributions that add most at a configuration, same places together, largest first."""
    together: dict[Contribution, list[Polynomial]] = {}
    for contribution in contributions:
        together.setdefault(replace(contribution, amount=Polynomial()), []).append(contribution.amount)
    merged = [replace(place, amount=sum(parts, Polynomial())) for place, parts in together.items()]
    evaluated = [(contribution, contribution.amount.evaluate(values)) for contribution in merged]
    return sorted(evaluated, key=lambda pair: -pair[1])[:count]
