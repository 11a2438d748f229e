"""Random small systems of costs, claims and conditions, and what plain Python says of every setting."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, TypeAlias

import sympy
from torch.utils._sympy.functions import CeilDiv, FloorDiv, Max, PythonMod

from fxcost.expr import Domain, Expression, Normaliser, Row
from fxcost.expr.conditions import of_callable
from fxcost.solve.constraints import Constraint
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim
from fxcost.solve.lattice import Lattice
from fxcost.space import Choice, Int, Space
from tests.solve.random_factories import Formula, name, number, pair

Point: TypeAlias = "tuple[int, ...]"

NAMES = "abcd"

SCALES = [1] * 6 + [2**k + d for k in (20, 40, 49, 51, 52, 53, 60, 61, 62, 63, 64, 80) for d in (-1, 1)]

CONDITIONS: Sequence[tuple[str, Callable[[int, int], bool]]] = [
    ("{} % {} == 0", lambda x, y: x % y == 0),
    ("{} + {} <= 9", lambda x, y: x + y <= 9),
    ("{} * {} < 40", lambda x, y: x * y < 40),
    ("{} > 2 or {} <= 3", lambda x, y: x > 2 or y <= 3),
    ("{} != {}", lambda x, y: x != y),
]


@dataclass(frozen=True)
class Value:
    """The largest of some rows, less the largest of others where there are any."""

    rows: tuple[Formula, ...]
    others: tuple[Formula, ...]

    def python(self, values: Mapping[str, Any]) -> int:
        less = max(row.python(values) for row in self.others) if self.others else 0
        return int(max(row.python(values) for row in self.rows) - less)


@dataclass(frozen=True)
class Statement:
    """`value <= bound`, or `value > bound`, of the value with a number."""

    which: int
    bound: int
    at_most: bool

    def holds(self, value: int) -> bool:
        return (value <= self.bound) == self.at_most


@dataclass(frozen=True)
class System:
    """Hyperparameters with their ascending values, conditions between them, and costs."""

    space: Space
    listed: Mapping[str, Sequence[int]]
    conditions: Sequence[tuple[str, str, Callable[[int, int], bool]]]
    values: Sequence[Value]

    @cached_property
    def points(self) -> dict[Point, tuple[int, ...]]:
        """The valid points, and each cost there."""
        found = {}
        for point in itertools.product(*(range(len(each)) for each in self.listed.values())):
            at = dict(zip(self.listed, map(operator.getitem, self.listed.values(), point), strict=True))
            if all(holds(at[first], at[second]) for first, second, holds in self.conditions):
                found[point] = tuple(value.python(at) for value in self.values)
        return found

    def meeting(self, statements: Sequence[Statement]) -> set[Point]:
        """Return the valid points where statements hold."""
        return {
            point
            for point, values in self.points.items()
            if all(each.holds(values[each.which]) for each in statements)
        }

    def statements(self, draw: Random, most: int = 4) -> list[Statement]:
        """Draw statements, with bounds near the values there are."""
        found = []
        for _ in range(draw.randint(1, most)):
            which = draw.randrange(len(self.values))
            seen = sorted(values[which] for values in self.points.values()) or [0]
            near = draw.choice(seen) + draw.choice([-1, 0, 0, 0, 1])
            far = draw.choice([0, -1, 2**62, 2**63, -(2**63) - 1, 2**70, seen[0] - 1, seen[-1] + 1])
            found.append(Statement(which, draw.choice([near] * 7 + [far]), draw.random() < 0.6))
        return found


class Compiled:
    """A system as the engine sees it."""

    def __init__(self, system: System) -> None:
        self.system = system
        domain = Domain(system.space)
        self.lattice = Lattice(domain)
        self.plain = Normaliser(domain)
        space = system.space
        self.required = [Constraint.of_space(each, self.lattice, self.plain) for each in space.conditions]
        normaliser = Normaliser(domain, [of_callable(each, domain) for each in space.conditions])

        def expression(rows: Sequence[Formula]) -> Expression:
            written = [sympy.sympify(row.symbolic(domain.symbols)) for row in rows]
            return Expression(tuple(Row(normaliser.polynomial(row)) for row in written))

        self.expressions = [
            (expression(value.rows), expression(value.others) if value.others else None)
            for value in system.values
        ]
        self.costs = [Cost(value, other, self.lattice) for value, other in self.expressions]

    def claims(self, statements: Sequence[Statement]) -> list[Claim]:
        return [Claim(self.costs[each.which], each.bound, each.at_most) for each in statements]


def gate(left: Formula, right: Formula) -> Formula:
    """Return 1 where one number is at most another, else 0."""
    return pair(lambda p, q: sympy.Piecewise((1, p <= q), (0, True)), lambda p, q: int(p <= q), left, right)


def plus(left: Formula, right: Formula) -> Formula:
    return pair(lambda p, q: p + q, lambda p, q: p + q, left, right)


def times(left: Formula, right: Formula) -> Formula:
    return pair(lambda p, q: p * q, lambda p, q: p * q, left, right)


def system(draw: Random, most: int = 4) -> System:
    """Draw a system of at most so many hyperparameters."""
    hyperparameters: dict[str, Any] = {}
    listed: dict[str, Sequence[int]] = {}
    count = draw.randint(1, most)
    for each in NAMES[:count]:
        hyperparameters[each], listed[each] = _hyperparameter(draw, (24, 9, 6, 5)[count - 1])
    positive = [each for each in listed if listed[each][0] > 0]
    conditions = []
    for _ in range(draw.choice([0, 0, 1, 2])):
        first, second = draw.choice(list(listed)), draw.choice(positive or list(listed))
        text, holds = draw.choice(CONDITIONS[0 if positive else 1 :])
        if not (first == second or isinstance(hyperparameters[first].values[0], str)):
            conditions.append((text.format(first, second), first, second, holds))
    conditions = [each for each in conditions if not isinstance(hyperparameters[each[2]].values[0], str)]
    space = Space(**hyperparameters).where(*(each[0] for each in conditions))
    scale = draw.choice(SCALES)
    values = tuple(_value(draw, listed, positive, scale) for _ in range(draw.randint(1, 3)))
    return System(space, listed, [each[1:] for each in conditions], values)


def _hyperparameter(draw: Random, length: int) -> tuple[Any, Sequence[int]]:
    kind = draw.choice(["int", "int", "int", "choice", "text"])
    size = draw.randint(1, length)
    if kind == "text":
        options = ["relu", "gelu", "silu", "tanh", "none"][: max(2, min(size, 5))]
        return Choice(*options), range(len(options))
    if kind == "choice":
        start = draw.choice([-6, 0, 1, 1])
        chosen = draw.sample(range(start, start + 4 * size), size)
        return Choice(*chosen), sorted(chosen)
    low, step = draw.choice([-7, 0, 1, 1, 1, 2, 5]), draw.choice([1, 1, 2, 3])
    return Int(low, low + step * (size - 1), step=step), range(low, low + step * size, step)


def _value(draw: Random, listed: Mapping[str, Sequence[int]], positive: Sequence[str], scale: int) -> Value:
    signed = draw.random() < 0.5

    def rows(most: int) -> tuple[Formula, ...]:
        return tuple(_row(draw, listed, positive, scale, signed) for _ in range(draw.randint(1, most)))

    others = rows(2) if draw.random() < 0.3 else ()
    return Value(rows(3), others)


def _row(
    draw: Random, listed: Mapping[str, Sequence[int]], positive: Sequence[str], scale: int, signed: bool
) -> Formula:
    total = number(draw.randint(-20 if signed else 0, 20))
    for _ in range(draw.randint(1, 4)):
        term = number(draw.choice([1, 1, scale]) * draw.randint(-4 if signed else 1, 6))
        for _ in range(draw.randint(1, 3)):
            term = times(term, _factor(draw, listed, positive))
        total = plus(total, term)
    return total


def _factor(draw: Random, listed: Mapping[str, Sequence[int]], positive: Sequence[str]) -> Formula:
    first = name(draw.choice(list(listed)))
    kind = draw.choice(["name"] * 8 + ["floor", "ceiling", "ratio", "gate", "max", "remainder", "square"])
    if kind == "floor":
        return pair(FloorDiv, lambda p, q: p // q, first, number(draw.randint(2, 4)))
    if kind == "ceiling":
        return pair(CeilDiv, lambda p, q: -(-p // q), first, number(draw.randint(2, 4)))
    if kind == "ratio" and positive:
        return pair(FloorDiv, lambda p, q: p // q, first, name(draw.choice(positive)))
    if kind == "remainder" and positive:
        return pair(PythonMod, lambda p, q: p % q, first, name(draw.choice(positive)))
    if kind == "gate":
        return gate(first, draw.choice([name(draw.choice(list(listed))), number(draw.randint(0, 8))]))
    if kind == "max":
        return pair(Max, max, first, number(draw.randint(-2, 6)))
    return times(first, first) if kind == "square" else first
