"""The rows that are the largest somewhere, found by looking at every point.

At each combination of all hyperparameters but the fibre, every row is a line in the fibre, and the maximum is
the upper envelope of these lines. All values are exact int64; where there are too many combinations, or
numbers too large, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxcost.expr.bounds import atom_interval, is_bounded
from fxcost.expr.domain import Domain
from fxcost.expr.evaluation import evaluate_arrays
from fxcost.expr.fibre import fibre_of, parts
from fxcost.expr.kernel import Plan
from fxcost.expr.polynomial import Polynomial
from fxcost.expr.vectorised import FLOAT, Array

MOST_POINTS = 1 << 17
"""More combinations than this are not looked at."""

MOST_VALUES = 1 << 25
"""Nor are more values, one for each row and combination."""

CHUNK = 1 << 12
"""Points are looked at so many at a time."""


def envelope(rows: Sequence[Polynomial], domain: Domain) -> list[int] | None:
    """Return the positions of rows that together are the maximum of all rows everywhere, None: unknown.

    Args:
        rows: Polynomials of one normaliser.
        domain: The hyperparameters; combinations that its conditions exclude are looked at as well.

    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Choice, Int, Space
    >>> domain = Domain(Space(width=Choice(1, 2, 5), batch=Int(1, 100)))
    >>> width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    >>> envelope([width * batch, 3 * width, 2 * width + batch, 4 * batch], domain)
    [0, 1, 3]
    >>> envelope([width * batch, width * batch - 1, batch + 1], domain)
    [0, 2]
    """
    lines = _Lines.of(rows, domain)
    return None if lines is None else lines.needed()


@dataclass(frozen=True, eq=False)
class _Lines:
    """Rows as lines in the fibre: a column of each array for each row, a line for each combination.

    Attributes:
        constant: The values where the fibre is 0.
        slope: What one more of the fibre adds.
        low: The fibre's smallest value.
        high: Its largest one.
    """

    constant: Array
    slope: Array
    low: int
    high: int

    @classmethod
    def of(cls, rows: Sequence[Polynomial], domain: Domain) -> _Lines | None:
        atoms = {atom for row in rows for atom in row.atoms}
        fibre = fibre_of(rows)
        low, high = (0, 0) if fibre is None else atom_interval(fibre)
        names = sorted({name for atom in atoms if atom != fibre for name in atom.names})
        size = math.prod((domain.axes[name].size for name in names), start=1.0)
        if low is None or high is None or size > MOST_POINTS or size * len(rows) > MOST_VALUES:
            return None
        if not is_bounded(rows):
            return None
        constant, slope = zip(*(parts(row, fibre) for row in rows), strict=True)
        plan = Plan.of([*constant, *slope])
        values = _columns(plan, [domain.values(name) for name in names], names)
        coefficients = np.array(plan.coefficients, dtype=values.dtype).reshape(2, len(rows), -1)
        at_zero, each_more = ((values @ each.T).astype(np.int64) for each in coefficients)
        return cls(at_zero, each_more, low, high)

    def needed(self) -> list[int]:
        """Return rows that are the maximum everywhere: at the fibre's ends, then where two of them cross."""
        points = np.arange(len(self.constant))
        start, stop = np.full(len(points), self.low), np.full(len(points), self.high)
        chosen: list[int] = []
        for fibre in (start, stop):
            chosen = self._covering(chosen, points, fibre)
        while len(points):
            open_, crossing = self._crossings(np.array(chosen), points, start, stop)
            points, start, stop, crossing = points[open_], start[open_], stop[open_], crossing[open_]
            for fibre in (crossing, crossing + 1):
                chosen = self._covering(chosen, points, fibre)
            points = np.concatenate([points, points])
            start, stop = np.concatenate([start, crossing + 1]), np.concatenate([crossing, stop])
        return sorted(chosen)

    def _covering(self, chosen: list[int], points: Array, fibre: Array) -> list[int]:
        """Return the rows chosen and as many more as it takes for them to be the maximum at some points."""
        for first in range(0, len(points), CHUNK):
            here, at = points[first : first + CHUNK], fibre[first : first + CHUNK]
            values = self.slope[here]
            values *= at[:, None]
            values += self.constant[here]
            reaches = values == values.max(axis=1, keepdims=True)
            left = ~reaches[:, chosen].any(axis=1)
            while left.any():
                best = int(reaches[left].sum(axis=0).argmax())
                chosen = [*chosen, best]
                left &= ~reaches[:, best]
        return chosen

    def _crossings(self, chosen: Array, points: Array, start: Array, stop: Array) -> tuple[Array, Array]:
        """Return between which ends no chosen row is the maximum throughout, and where the ends' rows cross.

        The maximum is convex: a row that is the maximum at both ends is so between them.
        """
        constant, slope = (
            np.ascontiguousarray(each[:, chosen].T)[:, points] for each in (self.constant, self.slope)
        )
        first, last = constant + slope * start, constant + slope * stop
        at_start, at_stop = first == first.max(axis=0), last == last.max(axis=0)
        open_ = ~(at_start & at_stop).any(axis=0) & (stop - start > 1)
        lowest, highest = np.iinfo(np.int64).min, np.iinfo(np.int64).max
        rising = np.where(at_start, slope, lowest).argmax(axis=0), np.arange(len(points))
        falling = np.where(at_stop, slope, highest).argmin(axis=0), np.arange(len(points))
        apart = slope[falling] - slope[rising]
        gap = constant[rising] - constant[falling]
        crossing = gap // np.where(apart == 0, 1, apart)
        return open_, np.clip(crossing, start, np.maximum(start, stop - 1))


def _columns(plan: Plan, axes: Sequence[Array | None], names: Sequence[str]) -> Array:
    """Return the plan's columns at all combinations: as floats, which are faster, where no sum rounds."""
    mesh: dict[str, Array] = dict(zip(names, np.ix_(*axes), strict=True))
    shape = tuple(len(axis) for axis in axes if axis is not None)
    bounds = [atom_interval(atom) for atom in plan.atoms]
    exact = plan.bound([max(abs(low or 0), abs(high or 0)) for low, high in bounds]) < FLOAT
    columns = np.ones(
        (1 + len(plan.atoms) + len(plan.products), *shape), dtype=np.float64 if exact else np.int64
    )
    for index, atom in enumerate(plan.atoms, start=1):
        columns[index] = evaluate_arrays(atom.expression, mesh)
    for index, (left, right) in enumerate(plan.products, start=1 + len(plan.atoms)):
        np.multiply(columns[left], columns[right], out=columns[index])
    return np.ascontiguousarray(columns.reshape(len(columns), -1).T)
