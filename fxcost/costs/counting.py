"""Which hyperparameters count repeats, and where the programs are traced that show and verify it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import sympy

from fxcost.expr import Domain, evaluate
from fxcost.expr.domain import Axis
from fxcost.expr.functions import Number
from fxcost.program import Program, Question, QuestionKind
from fxcost.space import Config

VERIFIED_AHEAD = (3, 2)
"""So many steps above the base, counter by counter, lies a point that verifies."""

NEAR = 4
"""A last value at most so many steps above the base is that point."""

FEW = 9
"""So many counts are all tried where layers depend both on their position and on the count."""


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
        if isinstance(axis.listed, range):
            return cls(axis.listed, axis.listed[1])
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


def count_of(config: Config, name: str) -> int:
    """Return a counter's value at a configuration."""
    return cast("int", config[name])


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


def looked_at(base: Program, longer: Mapping[str, Program]) -> frozenset[str]:
    """Return the counters of loops in which the model looks at its position, such as `if layer == 7`."""
    return frozenset(name for name, program in longer.items() if program.positions != base.positions)


def bent(program: Program, counters: Mapping[str, Counter], values: Mapping[str, Number]) -> frozenset[str]:
    """Return the counters of which a program fixes more than a straight line.

    `range(depth - 6)` is empty where the depth is small, and `range(min(depth, 8))` has an end.

    Args:
        program: Where the counters have their base.
        counters: The hyperparameters.
        values: Of all hyperparameters, encoded.
    """
    fixed_ones = [q.condition for q in program.questions if q.kind is QuestionKind.SPECIALISATION]
    sides = [condition.lhs for condition in fixed_ones if isinstance(condition, sympy.Eq)]
    return frozenset(
        name
        for name, counter in counters.items()
        for side in sides
        if any(symbol.name == name for symbol in side.free_symbols) and _bends(side, name, counter, values)
    )


def _bends(side: sympy.Expr, name: str, counter: Counter, values: Mapping[str, Number]) -> bool:
    start, end = counter.values.index(counter.base), len(counter.values) - 1
    first, second, last = (
        evaluate(side, {**values, name: counter.values[place]}) for place in (start, start + 1, end)
    )
    return bool(first < 0 or last < 0 or last - first != (second - first) * (end - start))


def verifying(
    counters: Mapping[str, Counter],
    least: Mapping[str, int],
    looked: frozenset[str],
    allowed: Callable[[Mapping[str, int]], bool],
) -> list[dict[str, int]]:
    """Return the counts at which a form is compared with traces: above the base, and the lowest it holds for.

    Above the base is as high as can be where that is near or the counter is one of `looked`: a special layer
    might come late.

    Args:
        counters: The hyperparameters that count repeats.
        least: By counter, the smallest count that the form allows.
        looked: The counters that are bent, or of loops in which positions are looked at.
        allowed: Whether counts are in the space and none of the form's conditions about counts forbids them.

    Example:
        >>> depth = {"depth": Counter(range(1, 97), 2)}
        >>> verifying(depth, {"depth": 1}, frozenset(), lambda _: True)
        [{'depth': 5}, {'depth': 1}]
        >>> verifying(depth, {"depth": 1}, frozenset({"depth"}), lambda _: True)
        [{'depth': 96}, {'depth': 1}]
    """
    base = {name: counter.base for name, counter in counters.items()}
    above, below = {}, {}
    for (name, counter), steps in zip(counters.items(), itertools.cycle(VERIFIED_AHEAD), strict=False):
        last = counter.values[-1]
        top = last if name in looked or counter.ahead(NEAR) == last else counter.ahead(steps)
        above[name] = [
            value for value in counter.values if base[name] <= value <= top and allowed(base | {name: value})
        ]
        below[name] = [value for value in counter.values if least[name] <= value <= base[name]]
    ahead = next((point for point in reversed(list(_rising(above))) if allowed(point)), base)
    lowest = next((point for point in _rising(below) if allowed(point)), base)
    neighbours = [base | {name: counter.ahead(1)} for name, counter in counters.items()]
    return [point for point in (ahead, lowest) if point not in (base, *neighbours)]


def _rising(values: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    """Yield counts from the lowest to the highest, all counters together."""
    for step in range(max(map(len, values.values()))):
        yield {name: each[min(step, len(each) - 1)] for name, each in values.items()}


def holds_at(conditions: Iterable[sympy.Basic], point: Mapping[str, int]) -> bool:
    """Tell whether conditions hold where counters have some values."""
    return all(evaluate(condition, point) for condition in conditions)


Programs: TypeAlias = "Sequence[tuple[Mapping[str, int], Program]]"
"""Programs, each with the counts that it was traced at."""


def common(programs: Programs, names: Iterable[str], domain: Domain) -> list[Question]:
    """Return the questions of some programs that hold for all their counts.

    A question about counters alone that another of the counts answers otherwise, such as `i == depth - 1`,
    is part of what is repeated; so is all else that its line asks about them.
    """
    dropped = {id(question) for question in varying(programs, names, domain)}
    asked = [question for _, program in programs for question in program.questions]
    return list({q.condition: q for q in asked if id(q) not in dropped}.values())


def varying(programs: Programs, names: Iterable[str], domain: Domain) -> list[Question]:
    """Return what is asked about counters alone at lines that other counts answer otherwise."""
    symbols = {domain.symbols[name] for name in names}
    asked = [question for _, program in programs for question in program.questions]
    about = [q for q in asked if q.condition.free_symbols and q.condition.free_symbols <= symbols]
    lines = {q.asked_at for q in about if not all(holds_at([q.condition], at) for at, _ in programs)}
    return [question for question in about if question.asked_at in lines]


def regular(questions: Iterable[Question]) -> bool:
    """Tell whether all questions compare a counter with a number, as `i == depth - 1` does.

    Which of the layers `i < depth // 2` holds for, no two depths show.

    Example:
        >>> from torch.utils._sympy.functions import FloorDiv
        >>> depth = sympy.Symbol("depth")
        >>> answers = [sympy.Eq(0, depth - 1), sympy.Lt(0, FloorDiv(depth, 2), evaluate=False)]
        >>> [regular([Question(each, QuestionKind.MODEL, None)]) for each in answers]
        [True, False]
    """
    return all(map(_compares_a_counter, (question.condition for question in questions)))


def _compares_a_counter(condition: sympy.Basic) -> bool:
    if isinstance(condition, (sympy.And, sympy.Or, sympy.Not)):
        return all(map(_compares_a_counter, condition.args))
    if not isinstance(condition, sympy.core.relational.Relational) or len(condition.free_symbols) != 1:
        return False
    (symbol,) = condition.free_symbols
    difference = sympy.expand(condition.lhs - condition.rhs)
    return bool(difference.is_polynomial(symbol) and abs(sympy.diff(difference, symbol)) == 1)


def between(
    counters: Mapping[str, Counter],
    least: Mapping[str, int],
    allowed: Callable[[Mapping[str, int]], bool],
) -> Iterator[dict[str, int]]:
    """Yield counts between the ends, counter by counter: all where they are few, else one in the middle.

    Example:
        >>> list(between({"depth": Counter(range(1, 97), 2)}, {"depth": 1}, lambda _: True))
        [{'depth': 49}]
    """
    base = {name: counter.base for name, counter in counters.items()}
    for name, counter in counters.items():
        points = [base | {name: value} for value in counter.values if value >= least[name]]
        inside = [point for point in points if allowed(point)]
        yield from inside if len(inside) <= FEW else inside[len(inside) // 2 :][:1]
