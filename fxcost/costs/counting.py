"""Which hyperparameters count repeats, and where the programs are traced that show and verify it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy

from fxcost.expr import Domain, evaluate
from fxcost.expr.domain import Axis
from fxcost.program import Program, Question, QuestionKind

VERIFIED_AHEAD = (3, 2)
"""So many steps above the base, counter by counter, lies a point that verifies."""


@dataclass(frozen=True)
class Counter:
    """A hyperparameter that may count repeats: at least three values, evenly apart.

    Attributes:
        values: Its values, ascending.
        base: Where the program is traced whose repeats are looked for; the next value is the neighbour.
    """

    values: range
    base: int

    @classmethod
    def of(cls, axis: Axis) -> Counter | None:
        """Return an axis as a counter, None where its values are too few or uneven."""
        if axis.options is not None or not axis.integral or axis.listed is None or len(axis.listed) < 3:
            return None
        ordered = sorted(map(int, axis.listed))
        values = range(ordered[0], ordered[-1] + 1, ordered[1] - ordered[0])
        if list(values) != ordered:
            return None
        return cls(values, values[1])

    @property
    def step(self) -> int:
        """How far its values are apart."""
        return self.values.step

    def higher(self) -> Counter | None:
        """Return the counter with the next value as its base, None where too few would be above it."""
        place = self.values.index(self.base) + 1
        return replace(self, base=self.values[place]) if place + 2 < len(self.values) else None

    def near(self, value: int) -> Counter:
        """Return the counter with its base at a value, or lower where too few would be above it."""
        return replace(self, base=min(value, self.values[-3]))

    def ahead(self, steps: int) -> int:
        """Return the value so many steps above the base, the last one where there are fewer."""
        return self.values[min(self.values.index(self.base) + steps, len(self.values) - 1)]


def counters_of(domain: Domain) -> dict[str, Counter]:
    """Return the hyperparameters that may count repeats.

    Example:
        >>> from fxcost.space import Choice, Int, Space
        >>> counters_of(Domain(Space(depth=Int(2, 12, step=2), heads=Choice(4, 8))))
        {'depth': Counter(values=range(2, 13, 2), base=4)}
    """
    found = {name: Counter.of(axis) for name, axis in domain.axes.items()}
    return {name: counter for name, counter in found.items() if counter is not None}


def fixed(program: Program, counters: Mapping[str, Counter]) -> list[str]:
    """Return which counters a program fixes at their base, as `range(depth)` fixes the depth."""
    conditions = [q.condition for q in program.questions if q.kind is QuestionKind.SPECIALISATION]
    alone = [(next(iter(c.free_symbols)).name, c) for c in conditions if len(c.free_symbols) == 1]
    return [
        name
        for name, counter in counters.items()
        if any(
            about == name and not evaluate(condition, {name: counter.base + counter.step})
            for about, condition in alone
        )
    ]


def verifying(
    counters: Mapping[str, Counter], least: Mapping[str, int], questions: Iterable[Question]
) -> list[dict[str, int]]:
    """Return the counts at which a form is compared with traces: above the base, and the lowest it holds for.

    Args:
        counters: The hyperparameters that count repeats.
        least: By counter, the smallest count that the form allows.
        questions: What must hold for the form; those about counters alone exclude counts.

    Example:
        >>> verifying({"depth": Counter(range(1, 97), 2)}, {"depth": 1}, [])
        [{'depth': 5}, {'depth': 1}]
    """
    ahead = {
        name: counter.ahead(steps)
        for (name, counter), steps in zip(counters.items(), itertools.cycle(VERIFIED_AHEAD), strict=False)
    }
    base = {name: counter.base for name, counter in counters.items()}
    about = [q.condition for q in questions if {s.name for s in q.condition.free_symbols} <= base.keys()]
    lowest = next((point for point in _rising(counters, least) if _holds_at(about, point)), base)
    neighbours = [base | {name: counter.ahead(1)} for name, counter in counters.items()]
    return [point for point in (ahead, lowest) if point not in (base, *neighbours)]


def _rising(counters: Mapping[str, Counter], least: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield counts from the lowest to the base, all counters together."""
    below = {
        name: [value for value in counter.values if least[name] <= value <= counter.base]
        for name, counter in counters.items()
    }
    for step in range(max(map(len, below.values()))):
        yield {name: values[min(step, len(values) - 1)] for name, values in below.items()}


def _holds_at(conditions: Iterable[sympy.Basic], point: Mapping[str, int]) -> bool:
    return all(evaluate(condition, point) for condition in conditions)


def common(
    programs: Sequence[tuple[Mapping[str, int], Program]], names: Iterable[str], domain: Domain
) -> list[Question]:
    """Return the questions of some programs that hold for all their counts.

    A question about counters alone that another of the counts answers otherwise, such as `i == depth - 1`,
    is part of what is repeated; so is all else that its line asks about them.
    """
    symbols = {domain.symbols[name] for name in names}
    asked = [question for _, program in programs for question in program.questions]
    about = [q for q in asked if q.condition.free_symbols and q.condition.free_symbols <= symbols]
    everywhere = [counts for counts, _ in programs]
    varying = {q.asked_at for q in about if not all(_holds_at([q.condition], at) for at in everywhere)}
    dropped = {id(q) for q in about if q.asked_at in varying}
    distinct = {q.condition: q for q in asked if id(q) not in dropped}
    return list(distinct.values())
