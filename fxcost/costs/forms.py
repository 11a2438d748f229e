"""The closed forms of a region: of one traced program, or of all that differ in the counts of repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeAlias

from fxcost.costs.contributions import Contribution, total
from fxcost.costs.definitions import Definition
from fxcost.costs.memory import alive_rows
from fxcost.costs.repeats import Repeats, repeats
from fxcost.costs.sizes import Sizes
from fxcost.costs.timeline import Timeline
from fxcost.errors import UnknownOperatorError
from fxcost.expr import Expression, Normaliser, Polynomial, Row
from fxcost.expr.prune import prune

Contributions: TypeAlias = "Callable[[Sizes], list[Contribution]]"


class Form(Protocol):
    """What the quantities of a region are made of."""

    @property
    def normaliser(self) -> Normaliser:
        """Brings its sizes into normal form."""

    def total(self, contributions: Contributions) -> Polynomial:
        """Return a quantity that is a sum."""

    @property
    def alternatives(self) -> frozenset[str]:
        """The hyperparameters that choose between alternatives traced together."""

    def rows(self) -> list[Row]:
        """Return the bytes alive at what may be the worst moments; the peak is their Max."""


def closed_form(definition: Definition, form: Form) -> Expression:
    """Return a quantity's closed form: a sum, or for the peak the largest of those rows that are needed."""
    normaliser = form.normaliser
    if definition.hyperparameter is not None:
        symbol = normaliser.domain.symbols[definition.hyperparameter]
        return Expression.of(normaliser.polynomial(symbol), definition.name)
    if definition.contributions is None:
        return prune(form.rows(), normaliser.domain).expression
    return Expression.of(form.total(definition.contributions), definition.name)


def answered(form: Form, quantities: Iterable[Contributions]) -> list[Contributions]:
    """Return which sums a form has: not those for which an operator lacks a formula, which raise then."""
    found = []
    for contributions in quantities:
        try:
            form.total(contributions)
        except UnknownOperatorError:
            continue
        found.append(contributions)
    return found


@dataclass(frozen=True, eq=False)
class Traced:
    """The form of one traced program."""

    sizes: Sizes
    _totals: dict[Contributions, Polynomial] = field(default_factory=dict)

    @property
    def normaliser(self) -> Normaliser:
        """Brings its sizes into normal form."""
        return self.sizes.normaliser

    @property
    def alternatives(self) -> frozenset[str]:
        """The hyperparameters that choose between alternatives traced together."""
        return self.sizes.program.alternatives

    def total(self, contributions: Contributions) -> Polynomial:
        """Return a quantity that is a sum."""
        if contributions not in self._totals:
            self._totals[contributions] = total(contributions(self.sizes))
        return self._totals[contributions]

    def rows(self) -> list[Row]:
        """Return the bytes alive at each local maximum of the run."""
        return alive_rows(self.sizes)

    @cached_property
    def timeline(self) -> Timeline:
        """The run's storage events."""
        return Timeline.of(self.sizes)


@dataclass(frozen=True, eq=False)
class Counted:
    """The form of programs that differ in how often segments are repeated.

    Attributes:
        base: The program where the counters have the values of `repeats.base`.
        lengthened: By counter, the program where it is one step larger.
        repeats: The timeline at all counts.
    """

    base: Traced
    lengthened: Mapping[str, Traced]
    repeats: Repeats

    @classmethod
    def of(
        cls, base: Traced, counters: Mapping[str, int], steps: Mapping[str, int], longer: Mapping[str, Traced]
    ) -> Counted | None:
        """Return the form that a program and its longer neighbours show; None where they show none."""
        timelines = {name: each.timeline for name, each in longer.items()}
        found = repeats(base.timeline, counters, steps, timelines)
        return None if found is None else cls(base, longer, found)

    @property
    def normaliser(self) -> Normaliser:
        """Brings the sizes of all its programs into normal form."""
        return self.base.normaliser

    @property
    def alternatives(self) -> frozenset[str]:
        """The hyperparameters that choose between alternatives traced together."""
        return self.base.alternatives

    def total(self, contributions: Contributions) -> Polynomial:
        """Return a quantity that is a sum: affine in the counters."""
        result = self.base.total(contributions)
        for name, growth in self._growth(contributions).items():
            result = result + growth * self.repeats.count(self.normaliser, name)
        return result

    def _growth(self, contributions: Contributions) -> dict[str, Polynomial]:
        start = self.base.total(contributions)
        return {name: each.total(contributions) - start for name, each in self.lengthened.items()}

    def rows(self) -> list[Row]:
        """Return the bytes alive at what may be the worst moments."""
        return self.repeats.rows(self.normaliser)

    def agrees(
        self, traced: Traced, counters: Mapping[str, int], quantities: Sequence[Contributions]
    ) -> bool:
        """Tell whether a program traced at other counts has the timeline and the sums that this form says."""
        if not self.repeats.agrees(traced.timeline, counters):
            return False
        known = answered(self, quantities)
        return known == answered(traced, known) and all(
            self._total_at(counters, each) == traced.total(each) for each in known
        )

    def _total_at(self, counters: Mapping[str, int], contributions: Contributions) -> Polynomial:
        said = self.base.total(contributions)
        for name, growth in self._growth(contributions).items():
            said = said + growth * self.repeats.steps_from_base(name, counters[name])
        return said
