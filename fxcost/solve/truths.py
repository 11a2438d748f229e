"""Where conditions between hyperparameters hold: from a table, from bounds of both sides, point by point."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import sympy

from fxcost.errors import FxcostError
from fxcost.expr import Normaliser, evaluate
from fxcost.expr.kinds import is_integral
from fxcost.expr.vectorised import Array
from fxcost.solve.enclosure import Enclosure
from fxcost.solve.lattice import Boxes, Lattice, Point

Truth: TypeAlias = "tuple[Array, Array]"
"""Of each of several boxes: whether something holds everywhere in it, and whether it holds nowhere in it."""


@dataclass(frozen=True, eq=False)
class Table:
    """A condition's truth at all positions of a few hyperparameters.

    >>> table = Table((1,), np.array([True, True, False]))
    >>> box = Boxes((np.array([0, 0]), np.array([0, 1])), (np.array([9, 9]), np.array([1, 2])))
    >>> table.truth(box)
    (array([ True, False]), array([False, False]))
    """

    support: tuple[int, ...]
    holds: Array

    @cached_property
    def _counts(self) -> Array:
        """How many positions before each one hold, along all axes."""
        counts = np.pad(self.holds.astype(np.int64), [(1, 0)] * self.holds.ndim)
        for axis in range(self.holds.ndim):
            counts = counts.cumsum(axis=axis)
        return counts

    def truth(self, boxes: Boxes) -> Truth:
        """Count the positions inside the boxes where it holds."""
        sides = [(boxes.low[index], boxes.high[index] + 1) for index in self.support]
        size = np.prod([high - low for low, high in sides], axis=0)
        inside = np.zeros(len(boxes), dtype=np.int64)
        for corner in itertools.product((0, 1), repeat=len(sides)):
            sign = (-1) ** (len(sides) - sum(corner))
            inside += sign * self._counts[tuple(side[end] for side, end in zip(sides, corner, strict=True))]
        return inside == size, inside == 0


_RELATIONS: Mapping[type, Callable[[Array, Array], Truth]] = {
    sympy.Le: lambda low, high: (high <= 0, low > 0),
    sympy.Lt: lambda low, high: (high < 0, low >= 0),
    sympy.Ge: lambda low, high: (low >= 0, high < 0),
    sympy.Gt: lambda low, high: (low > 0, high <= 0),
    sympy.Eq: lambda low, high: ((low == 0) & (high == 0), (low > 0) | (high < 0)),
    sympy.Ne: lambda low, high: ((low > 0) | (high < 0), (low == 0) & (high == 0)),
}


@dataclass(frozen=True, eq=False)
class Difference:
    """A comparison with 0 of what has bounds."""

    relation: type
    enclosure: Enclosure

    def truth(self, boxes: Boxes) -> Truth:
        """Compare the bounds."""
        low, high = self.enclosure.lower(boxes), self.enclosure.upper(boxes)
        right, wrong = _RELATIONS[self.relation](low, high)
        return right.astype(bool), wrong.astype(bool)


@dataclass(frozen=True, eq=False)
class Points:
    """A condition that is evaluated where a box fixes all it depends on."""

    support: frozenset[int]
    holds: Callable[[Point], bool | None]

    def truth(self, boxes: Boxes) -> Truth:
        """Evaluate it, once for equal points; nothing is known where it has no value."""
        right, wrong = np.zeros(len(boxes), dtype=bool), np.zeros(len(boxes), dtype=bool)
        fixed = np.logical_and.reduce([~right, *(boxes.fixed(index) for index in self.support)])
        known: dict[Point, bool | None] = {}
        for place in np.flatnonzero(fixed).tolist():
            point = boxes.lowest(place)
            key = tuple(point[index] for index in self.support)
            if key not in known:
                known[key] = self.holds(point)
            right[place], wrong[place] = known[key] is True, known[key] is False
        return right, wrong


@dataclass(frozen=True, eq=False)
class Joined:
    """Conditions connected by `and`, `or` or `not`."""

    connective: type
    parts: tuple[Truths, ...]

    def truth(self, boxes: Boxes) -> Truth:
        """Connect what is known of the parts."""
        right, wrong = zip(*(part.truth(boxes) for part in self.parts), strict=True)
        if self.connective is sympy.Not:
            return wrong[0], right[0]
        if self.connective is sympy.And:
            return np.logical_and.reduce(right), np.logical_or.reduce(wrong)
        return np.logical_or.reduce(right), np.logical_and.reduce(wrong)


Truths: TypeAlias = Table | Difference | Points | Joined
"""What is known of a condition in boxes."""


def truths(condition: sympy.Basic, normaliser: Normaliser, lattice: Lattice) -> Truths:
    """Return what tells most about a condition.

    Args:
        condition: In SymPy.
        normaliser: Tabulates, and brings into normal form.
        lattice: The settings.
    """
    names = {symbol.name for symbol in condition.free_symbols}
    grid = normaliser.grids.grid(names) if names else None
    truth = grid.evaluate(condition) if grid is not None else None
    if grid is not None and truth is not None:
        axes = tuple(lattice.positions[name] for name in grid.names)
        return Table(axes, truth.astype(bool).reshape(grid.valid.shape))
    if names and isinstance(condition, sympy.And | sympy.Or | sympy.Not):
        parts = tuple(truths(part, normaliser, lattice) for part in condition.args)
        return Joined(next(kind for kind in _CONNECTIVES if isinstance(condition, kind)), parts)
    return _difference(condition, normaliser, lattice) or _points(condition, lattice)


_CONNECTIVES = (sympy.And, sympy.Or, sympy.Not)


def _difference(condition: sympy.Basic, normaliser: Normaliser, lattice: Lattice) -> Difference | None:
    """Return a comparison of integers as one of their difference with 0."""
    if type(condition) not in _RELATIONS or not all(is_integral(side) for side in condition.args):
        return None
    left, right = condition.args
    try:
        difference = normaliser.polynomial(left) - normaliser.polynomial(right)
    except FxcostError:
        return None
    return Difference(type(condition), Enclosure([[difference]], lattice))


def _points(condition: sympy.Basic, lattice: Lattice) -> Points:
    def holds(point: Point) -> bool | None:
        try:
            return bool(evaluate(condition, lattice.values(point)))
        except (ArithmeticError, ValueError, FxcostError):
            return None

    support = frozenset(lattice.positions[symbol.name] for symbol in condition.free_symbols)
    return Points(support, holds)
