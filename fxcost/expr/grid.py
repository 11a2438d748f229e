"""The valid points of a few hyperparameters, and the values that expressions take there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from fxcost.errors import ExpressionError
from fxcost.expr.domain import Domain
from fxcost.expr.evaluation import evaluate, evaluate_arrays
from fxcost.expr.vectorised import Array, extremes, narrow

TABLE_POINTS = 300_000
"""An atom over more points than this is not tabulated."""

TABLE_VALUE = 2**62
"""Nor is one with larger values: sums and differences of two tables stay in int64."""

SLOW_POINTS = 20_000
"""Expressions that raise somewhere on the grid are tabulated point by point up to so many."""

UNDEFINED = (ArithmeticError, ValueError, ExpressionError)
"""What an expression raises at a point where it has no value."""


@dataclass(frozen=True, eq=False)
class Grid:
    """All combinations of the values of some hyperparameters, and which of them are valid.

    Attributes:
        names: The hyperparameters, sorted.
        axes: The ascending values of each.
        valid: For each combination, whether the conditions hold; one array axis per hyperparameter.
    """

    names: tuple[str, ...]
    axes: tuple[Array, ...]
    valid: Array

    @cached_property
    def mesh(self) -> Mapping[str, Array]:
        """Each hyperparameter's values along its own array axis."""
        return dict(zip(self.names, np.ix_(*self.axes), strict=True))

    @cached_property
    def points(self) -> Mapping[str, Array]:
        """Each hyperparameter's value at every valid combination, flat."""
        return {name: np.broadcast_to(mesh, self.valid.shape)[self.valid] for name, mesh in self.mesh.items()}

    def evaluate(self, expression: sympy.Basic) -> Array | None:
        """Return an expression's values at the valid combinations, flat; None where it has none somewhere."""
        try:
            values = evaluate_arrays(expression, self.mesh)
        except UNDEFINED:
            return self._evaluate_slowly(expression)
        return np.broadcast_to(values, self.valid.shape)[self.valid]

    def _evaluate_slowly(self, expression: sympy.Basic) -> Array | None:
        if np.count_nonzero(self.valid) > SLOW_POINTS:
            return None
        columns = [column.tolist() for column in self.points.values()]
        try:
            values = [
                evaluate(expression, dict(zip(self.names, point, strict=True)))
                for point in zip(*columns, strict=True)
            ]
        except UNDEFINED:
            return None
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return narrow(array)


@dataclass(frozen=True, eq=False)
class Table:
    """An integer expression's value at every valid combination of a few hyperparameters.

    Attributes:
        grid: The combinations.
        valid: The values at the valid ones, flat.
    """

    grid: Grid
    valid: Array

    @property
    def low(self) -> int:
        """The smallest value."""
        return int(self.valid.min())

    @property
    def high(self) -> int:
        """The largest value."""
        return int(self.valid.max())

    @cached_property
    def full(self) -> Array:
        """The values on the whole grid, with the smallest one where a combination is not valid."""
        full = np.full(self.grid.valid.shape, self.valid.min())
        full[self.grid.valid] = self.valid
        return full


class Grids:
    """The grids of a domain restricted to where conditions hold, made when asked for.

    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(1, 4), heads=Int(1, 2)))
    >>> width, heads = domain.symbols.values()
    >>> Grids(domain, [width > heads]).table(width * heads).valid
    array([2, 3, 4, 6, 8])
    """

    def __init__(self, domain: Domain, conditions: Iterable[sympy.Basic] = ()) -> None:
        self.domain = domain
        self.conditions = tuple(conditions)
        self.supports = [frozenset(symbol.name for symbol in each.free_symbols) for each in self.conditions]
        self._grids: dict[tuple[str, ...], Grid | None] = {}

    def grid(self, names: Iterable[str], limit: int = TABLE_POINTS) -> Grid | None:
        """Return the grid of some hyperparameters; None if it has too many points or no valid one."""
        key = tuple(sorted(names))
        if self._size(key) > limit:
            return None
        if key not in self._grids:
            self._grids[key] = self._made(key)
        return self._grids[key]

    def _size(self, names: tuple[str, ...]) -> float:
        return math.prod((self.domain.axes[name].size for name in names), start=1.0)

    def _made(self, names: tuple[str, ...]) -> Grid | None:
        axes = tuple(self.domain.axes[name].values for name in names)
        shape = tuple(len(axis) for axis in axes if axis is not None)
        everywhere = Grid(names, tuple(axis for axis in axes if axis is not None), np.ones(shape, dtype=bool))
        valid = everywhere.valid
        for condition, support in zip(self.conditions, self.supports, strict=True):
            if support <= set(names):
                valid = valid & self._truth(condition, everywhere)
        return Grid(names, everywhere.axes, valid) if valid.any() else None

    def _truth(self, condition: sympy.Basic, grid: Grid) -> Array:
        """Return where a condition holds; everywhere, if it has no value somewhere."""
        try:
            return evaluate_arrays(condition, grid.mesh).astype(bool)
        except UNDEFINED:
            return np.ones((), dtype=bool)

    def table(self, expression: sympy.Expr) -> Table | None:
        """Return an integer expression's table, None where it is too large or holds no int64 somewhere."""
        grid = self.grid(symbol.name for symbol in expression.free_symbols)
        values = grid.evaluate(expression) if grid is not None else None
        if grid is None or values is None or values.dtype != np.int64:
            return None
        return Table(grid, values) if max(map(abs, extremes(values))) < TABLE_VALUE else None
