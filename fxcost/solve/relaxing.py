"""The smallest change of one demand with which a setting satisfies everything else, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fxcost import units
from fxcost.expr import Axis
from fxcost.solve.budget import OutOfBudgetError
from fxcost.solve.contradictions import Demand, Relaxation
from fxcost.solve.demands import Asked, Bound, alternatives
from fxcost.solve.hyperparameters import Hyperparameter
from fxcost.solve.limits import Comparison, Limit, Relation, Some
from fxcost.solve.probing import Probe
from fxcost.solve.verdicts import Infeasible, Unknown
from fxcost.space import Condition
from fxcost.units import Unit

OPTIONS = 16
"""So many other options of a hyperparameter are tried in place of one that is set."""

STILL = "without it, the rest is in conflict all the same"
CONDITION = "a condition of the space: where it does not hold, no cost is known"
TWO_QUANTITIES = "compares two quantities: there is no number to change"
REALS = "a real number: there is no nearest one to try"


class NoRelaxationError(Exception):
    """There is none, or none is known; the message says why."""


@dataclass(frozen=True)
class Relaxing:
    """Looks for the smallest change of each demand that suffices alone.

    Attributes:
        probe: Answers whether a setting satisfies what is asked.
        asked: All that was asked for.
    """

    probe: Probe
    asked: Sequence[Asked]

    def demand(self, asked: Asked) -> Demand:
        """Return something asked for with its relaxations, and with the reason where some are not known."""
        relaxations: list[Relaxation] = []
        reason: str | None = None
        try:
            relaxations.extend(self._relaxations(asked))
        except (NoRelaxationError, OutOfBudgetError) as error:
            reason = str(error)
        if not relaxations and reason is None:
            reason = STILL
        return Demand(_kind(asked), str(asked), tuple(relaxations), reason)

    def _relaxations(self, asked: Asked) -> Iterator[Relaxation]:
        others = [each for each in self.asked if each is not asked]
        match asked:
            case Comparison():
                yield from self._of_comparison(asked, others)
            case Some():
                yield from self._of_alternatives(asked, others)
            case Bound():
                yield from self._of_bound(asked, others)
            case Condition():
                raise NoRelaxationError(CONDITION)

    def _of_alternatives(self, limit: Some, others: Sequence[Asked]) -> Iterator[Relaxation]:
        """Yield what each alternative that is a comparison would have to be; one is enough."""
        numbers = [part for part in alternatives(limit) if isinstance(part, Comparison)]
        numbers = [part for part in numbers if len(part.sides) == 1]
        for part in numbers:
            yield from self._of_comparison(part, others)
        if not numbers:
            raise NoRelaxationError("none of its alternatives is a single comparison with a number")

    def _of_comparison(self, limit: Comparison, others: Sequence[Asked]) -> Iterator[Relaxation]:
        if len(limit.sides) > 1:
            raise NoRelaxationError(TWO_QUANTITIES)
        best = self.probe.best(limit.quantity, -1 if limit.at_most[1] else 1, others)
        if isinstance(best, Unknown):
            raise OutOfBudgetError(best.reason)
        if isinstance(best, Infeasible):
            return
        strict = {"<": 1, ">": -1}.get(limit.relation, 0)
        texts = comparison_texts(
            limit.quantity.name, limit.relation, best.value + strict, limit.quantity.unit
        )
        yield Relaxation(*texts, best.value + strict, best.config, best.reason)

    def _of_bound(self, bound: Bound, others: Sequence[Asked]) -> Iterator[Relaxation]:
        regions = self.probe.problem.quantities[0].regions
        axis = regions.domain.axes[bound.name]
        if axis.listed is None:
            raise NoRelaxationError(REALS)
        if axis.options is not None or not axis.integral:
            yield from self._of_option(bound, axis, others)
            return
        quantity = Hyperparameter(bound.name, regions)
        beyond = {"<=": ">", ">=": "<"}
        for relation in ("<", ">") if bound.relation == "=" else (beyond[bound.relation],):
            side = Comparison(quantity, relation, Fraction(bound.value), "")
            best = self.probe.best(quantity, 1 if relation == "<" else -1, [*others, side])
            if isinstance(best, Unknown):
                raise OutOfBudgetError(best.reason)
            if not isinstance(best, Infeasible):
                text = str(Bound(bound.name, bound.relation, best.value))
                yield Relaxation(text, text, best.value, best.config, best.reason)

    def _of_option(self, bound: Bound, axis: Axis, others: Sequence[Asked]) -> Iterator[Relaxation]:
        """Yield the options that suffice, the nearest ones where they are numbers."""
        for option in _options(self.probe, bound, axis):
            config = self.probe.setting([*others, Bound(bound.name, "=", option)])
            if config is not None:
                text = str(Bound(bound.name, bound.relation, option))
                yield Relaxation(text, text, option, config, None)
                if bound.relation != "=":
                    return


def comparison_texts(name: str, relation: Relation, value: int, unit: Unit) -> tuple[str, str]:
    """Return a comparison in few digits, rounded so that it is not narrower, and with the exact number.

    >>> comparison_texts("peak_memory", "<=", 2**30 + 1, Unit.BYTES)
    ('peak_memory <= 1.01 GiB', 'peak_memory <= 1,073,741,825 B')
    """
    symbol = "" if unit is Unit.COUNT else f" {unit.symbol}"
    exact = f"{name} {relation} {value:,}{symbol}"
    if value < 0:
        return exact, exact
    text = units.format_bound(value, unit, up=relation in ("<=", "<"))
    short = f"{name} {relation} {text}"
    return short, short if units.parse(text, unit) == value else exact


def _options(probe: Probe, bound: Bound, axis: Axis) -> list[object]:
    """Return the options beyond a bound, nearest first; all others for one that is fixed."""
    options: list[Any] = list(probe.whole[bound.name].values)
    match bound.relation:
        case "=":
            chosen = [option for option in options if axis.encode(option) != axis.encode(bound.value)]
        case ">=":
            chosen = sorted((option for option in options if option < bound.value), reverse=True)
        case "<=":
            chosen = sorted(option for option in options if option > bound.value)
    if len(chosen) > OPTIONS:
        raise NoRelaxationError(f"there are {len(chosen)} other values, more than are tried")
    return chosen


def _kind(asked: Asked) -> str:
    kinds = {Limit: "limit", Bound: "restriction", Condition: "condition"}
    return next(name for kind, name in kinds.items() if isinstance(asked, kind))
