"""Parts of a space as conditions that all hold, one for each few hyperparameters: joined, cut and read."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy

from fxcost.expr import Domain
from fxcost.expr.conditions import evaluate, readable
from fxcost.expr.functions import Number
from fxcost.expr.grid import Grids
from fxcost.expr.vectorised import Array
from fxcost.program import Question

POINTS = 1 << 16
"""Conditions are compared by their truth at so many settings, others by how they are written."""

WIDENED = 8
"""Conditions that are not needed are looked for in so many cubes; in more, it takes too long."""

Names: TypeAlias = "frozenset[str]"


@dataclass(frozen=True)
class Clause:
    """A condition, and who asked for it."""

    condition: sympy.Basic
    questions: tuple[Question, ...] = ()


Cube: TypeAlias = "Mapping[Names, Clause]"
"""Conditions by the hyperparameters they read; the settings where all hold."""


class Frame:
    """The part of a domain that cubes lie in.

    Args:
        domain: The hyperparameters.
        conditions: What holds in the whole part; cubes do not repeat it.
        ends: The smallest and the largest value of each hyperparameter in it.

    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(1, 8), depth=Int(1, 3)))
    >>> width, depth = domain.symbols.values()
    >>> frame = Frame(domain, [depth <= 2], {"width": (1, 8), "depth": (1, 2)})
    >>> narrow, wide, deep = (frame.cube([Clause(each)]) for each in (width <= 4, width > 4, depth <= 2))
    >>> frame.texts(narrow), frame.texts(deep), frame.united([narrow, wide])
    (('width <= 4',), (), [{}])
    """

    def __init__(
        self,
        domain: Domain,
        conditions: Iterable[sympy.Basic],
        ends: Mapping[str, tuple[Number, Number]],
    ) -> None:
        self.grids = Grids(domain, conditions)
        self.ends = ends
        self._truths: dict[sympy.Basic, Array | None] = {}

    def cube(self, clauses: Iterable[Clause]) -> Cube | None:
        """Return the part where some conditions hold, None where it is seen to be empty."""
        cube: Cube | None = {}
        for clause in clauses:
            cube = None if cube is None else self._within(cube, clause)
        return cube

    def texts(self, cube: Cube) -> tuple[str, ...]:
        """Return a cube's conditions as Python."""
        return tuple(self.text(clause) for clause in cube.values())

    def text(self, clause: Clause) -> str:
        """Return a condition as Python, by the values it allows where that is shorter."""
        return readable(clause.condition, self.grids)

    def united(self, cubes: Sequence[Cube]) -> list[Cube]:
        """Return fewer and shorter cubes that hold the same settings."""
        fewer = self._merged(cubes)
        return self._merged(self._widened(fewer)) if 1 < len(fewer) <= WIDENED else fewer

    def outside(self, cubes: Iterable[Cube], most: int) -> list[Cube] | None:
        """Return the settings in none of some cubes, as cubes; None where those are more than so many."""
        left: list[Cube] = [{}]
        for cube in cubes:
            left = [part for whole in left for part in self._without(whole, cube)]
            if len(left) > most:
                left = self.united(left)
            if len(left) > most:
                return None
        return self.united(left)

    def _merged(self, cubes: Sequence[Cube]) -> list[Cube]:
        """Put two cubes together, as long as there are two that differ in one condition only."""
        left, done = list(cubes), list[Cube]()
        while left:
            first = left.pop(0)
            for index, other in enumerate(left + done):
                joined = self._joined(first, other)
                if joined is not None:
                    waiting = len(left)
                    left = [joined, *(each for place, each in enumerate(left) if place != index)]
                    done = [each for place, each in enumerate(done, start=waiting) if place != index]
                    break
            else:
                done.append(first)
        return done

    def _widened(self, cubes: list[Cube]) -> list[Cube]:
        """Drop the conditions without which a cube holds more, but nothing that the others do not hold."""
        wide = list(cubes)
        for index, cube in enumerate(cubes):
            for names in cube:
                rest = {name: clause for name, clause in wide[index].items() if name != names}
                opposite = Clause(sympy.Not(cube[names].condition))
                more = self._within(rest, opposite)
                others = wide[:index] + wide[index + 1 :]
                if more is None or not self._left(more, others):
                    wide[index] = rest
        return wide

    def _left(self, cube: Cube, others: Iterable[Cube]) -> list[Cube]:
        """Return the settings of a cube in none of some others, as cubes that share none."""
        left = [cube]
        for other in others:
            left = [part for whole in left for part in self._without(whole, other)]
        return left

    def _within(self, cube: Cube, clause: Clause) -> Cube | None:
        names = frozenset(symbol.name for symbol in clause.condition.free_symbols)
        if self._always(clause.condition):
            return cube
        both = _conjunction(cube[names], clause) if names in cube else clause
        if self._never(both.condition):
            return None
        if names in cube and self._same(both.condition, cube[names].condition):
            return cube
        return {**cube, names: clause if self._same(both.condition, clause.condition) else both}

    def _without(self, cube: Cube, other: Cube) -> list[Cube]:
        """Return the settings of a cube that are not in another one, as cubes that share none."""
        parts: list[Cube] = []
        inside: Cube | None = cube
        for clause in other.values():
            opposite = Clause(sympy.Not(clause.condition), clause.questions)
            part = self._within(inside, opposite) if inside is not None else None
            inside = self._within(inside, clause) if inside is not None else None
            if part is not None:
                parts.append(part)
        return parts if inside is not None else [cube]

    def _joined(self, left: Cube, right: Cube) -> Cube | None:
        """Return the settings of both as one cube, None where they differ in more than one condition."""
        shared = [names for names in left if names in right and self._same_clause(left, right, names)]
        for whole in (left, right):
            if all(names in shared for names in whole):
                return whole
        if len(shared) + 1 < max(len(left), len(right)):
            return None
        (different,) = (names for names in left if names not in shared)
        if different not in right:
            return None
        either = _disjunction(left[different], right[different])
        rest = {names: clause for names, clause in left.items() if names != different}
        return rest if self._always(either.condition) else {**left, different: either}

    def _same_clause(self, left: Cube, right: Cube, names: Names) -> bool:
        return self._same(left[names].condition, right[names].condition)

    def _always(self, condition: sympy.Basic) -> bool:
        truth = self._truth(condition)
        if truth is not None:
            return bool(truth.all())
        parts = condition.args if isinstance(condition, sympy.Or) else (condition,)
        return any(self._at_ends(part) == {True} for part in parts) or _opposed(parts)

    def _never(self, condition: sympy.Basic) -> bool:
        truth = self._truth(condition)
        if truth is not None:
            return not truth.any()
        parts = condition.args if isinstance(condition, sympy.And) else (condition,)
        return any(self._at_ends(part) == {False} for part in parts) or _opposed(parts)

    def _at_ends(self, condition: sympy.Basic) -> set[bool]:
        """Return the truth values of `name <= number` and the like over all values of the name."""
        symbols = [side for side in condition.args if side.is_Symbol]
        numbers = [side for side in condition.args if side.is_number]
        if not isinstance(condition, _ORDERS) or not len(symbols) == len(numbers) == 1:
            return {True, False}
        (symbol,) = symbols
        return {evaluate(condition, {symbol.name: end}) for end in self.ends[symbol.name]}

    def _same(self, left: sympy.Basic, right: sympy.Basic) -> bool:
        if left == right:
            return True
        first, second = self._truth(left), self._truth(right)
        if first is None or second is None or left.free_symbols != right.free_symbols:
            return False
        return np.array_equal(first, second)

    def _truth(self, condition: sympy.Basic) -> Array | None:
        """Return a condition's truth at all valid values of what it reads, None where these are too many."""
        if not condition.free_symbols:
            return np.array([condition == sympy.true])
        if condition not in self._truths:
            grid = self.grids.grid((symbol.name for symbol in condition.free_symbols), POINTS)
            truth = grid.evaluate(condition) if grid is not None else None
            self._truths[condition] = None if truth is None else truth.astype(bool)
        return self._truths[condition]


_ORDERS = (sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge)


def _opposed(parts: Sequence[sympy.Basic]) -> bool:
    """Tell whether one condition is written as the opposite of another."""
    return any(left == sympy.Not(right) for left, right in itertools.permutations(parts, 2))


def _conjunction(left: Clause, right: Clause) -> Clause:
    return Clause(_connected(sympy.And, left, right), _asked(left, right))


def _disjunction(left: Clause, right: Clause) -> Clause:
    return Clause(_connected(sympy.Or, left, right), _asked(left, right))


def _connected(connective: Any, left: Clause, right: Clause) -> sympy.Basic:
    """Connect two conditions as they are written: SymPy's own rewriting is for real numbers."""
    sides = (each.condition for each in (left, right))
    parts = [part for side in sides for part in (side.args if isinstance(side, connective) else (side,))]
    return connective(*dict.fromkeys(parts), evaluate=False) if len(set(parts)) > 1 else parts[0]


def _asked(left: Clause, right: Clause) -> tuple[Question, ...]:
    """Return the questions of both, each line once."""
    by_line = {(each.kind, each.source): each for each in (*left.questions, *right.questions)}
    return tuple(by_line.values())
