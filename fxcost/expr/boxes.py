"""Prove that a row of a maximum is never above all others: branch and bound over boxes of positions.

In a box every monomial has exact integer bounds, hence so has each difference between another row and
the one in question. One variable in which all differences are affine, the fibre, is never split: over
a box each difference leaves an interval of it open, and the box is covered where these do not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxcost.expr.bounds import atom_interval, is_bounded
from fxcost.expr.domain import Domain
from fxcost.expr.fibre import fibre_of, parts
from fxcost.expr.kernel import Plan
from fxcost.expr.polynomial import Atom, Polynomial
from fxcost.expr.vectorised import Array

Range = Callable[[Array, Array], tuple[Array, Array]]
"""From the first and last positions of boxes, an atom's smallest and largest value in each."""


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Boxes as first and last positions: one line per box, one column per variable."""

    first: Array
    last: Array

    def __len__(self) -> int:
        return len(self.first)

    def where(self, mask: Array) -> _Boxes:
        return _Boxes(self.first[mask], self.last[mask])

    def split(self, axes: Sequence[Array]) -> _Boxes:
        """Return the halves of every box along the variable that varies most, relative to its size."""
        sizes = [
            _relative_size(axis[first], axis[last])
            for axis, first, last in zip(axes, self.first.T, self.last.T, strict=True)
        ]
        chosen = np.argmax(np.stack(sizes, axis=1), axis=1)
        lines = np.arange(len(self))
        middle = (self.first[lines, chosen] + self.last[lines, chosen]) // 2
        first, last = self.first.copy(), self.last.copy()
        last[lines, chosen] = middle
        first[lines, chosen] = middle + 1
        return _Boxes(np.concatenate([self.first, first]), np.concatenate([last, self.last]))


def _relative_size(low: Array, high: Array) -> Array:
    return np.asarray((high - low) / (np.minimum(np.abs(low), np.abs(high)) + 1.0))


class Search:
    """The search for a point at which one row is above others.

    Args:
        rows: Polynomials of one normaliser.
        domain: The hyperparameters.

    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(1, 64), batch=Int(1, 1000)))
    >>> width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    >>> search = Search([width**2, 64 * batch, 6 * batch, 8 * width], domain)
    >>> search.covers(3, [0, 1], 1000), search.covers(3, [0, 2], 1000)
    (True, False)
    """

    def __init__(self, rows: Sequence[Polynomial], domain: Domain) -> None:
        atoms = {atom for row in rows for atom in row.atoms}
        variables = {atom.key[1]: atom for atom in atoms if atom.name is not None}
        fibre = fibre_of(rows)
        self.names = sorted({name for atom in atoms for name in atom.names} - {fibre.key[1] if fibre else ""})
        self.axes = [_axis(domain, name, variables.get(name)) for name in self.names]
        self.fibre_axis = _axis(domain, fibre.key[1], fibre) if fibre else np.array([0])
        self.possible = is_bounded(rows) and all(axis is not None for axis in (*self.axes, self.fibre_axis))
        constant, slope = zip(*(parts(row, fibre) for row in rows), strict=True)
        self.plan = Plan.of([*constant, *slope])
        if self.possible:
            self.coefficients = np.array(self.plan.coefficients, dtype=np.int64).reshape(2, len(rows), -1)
            self.ranges = [_range(atom, self.names, self.axes) for atom in self.plan.atoms]

    def covers(self, row: int, others: Sequence[int], budget: int) -> bool:
        """Say whether one row is proved to be nowhere above all of some others, searching so many boxes."""
        if not self.possible or not others:
            return False
        differences = self.coefficients[:, others] - self.coefficients[:, [row]]
        used = np.flatnonzero(differences.any(axis=(0, 1)))
        boxes = _Boxes(
            np.zeros((1, len(self.axes)), dtype=np.int64),
            np.array([[len(axis) - 1 for axis in self.axes]], dtype=np.int64),
        )
        while len(boxes):
            budget -= len(boxes)
            if budget < 0:
                return False
            lows, highs = (columns[used] for columns in self._columns(boxes))
            boxes = boxes.where(self._open(*_below(differences[:, :, used], lows, highs)))
            if np.any(np.all(boxes.first == boxes.last, axis=1)):
                return False
            boxes = boxes.split(self.axes) if len(boxes) else boxes
        return True

    def _columns(self, boxes: _Boxes) -> tuple[Array, Array]:
        """Return the bounds of the plan's columns in every box: one line per column."""
        shape = (1 + len(self.ranges) + len(self.plan.products), len(boxes))
        lows, highs = np.ones(shape, dtype=np.int64), np.ones(shape, dtype=np.int64)
        for index, range_ in enumerate(self.ranges, start=1):
            lows[index], highs[index] = range_(boxes.first, boxes.last)
        for index, (left, right) in enumerate(self.plan.products, start=1 + len(self.ranges)):
            ends = [one * other for one in (lows[left], highs[left]) for other in (lows[right], highs[right])]
            lows[index], highs[index] = np.minimum.reduce(ends), np.maximum.reduce(ends)
        return lows, highs

    def _open(self, constant: Array, slope: Array) -> Array:
        """Say for each box whether some fibre value is left where every difference may be below 0."""
        axis = self.fibre_axis
        below = -1 - constant
        safe = np.where(slope == 0, 1, slope)
        last = np.where(slope > 0, below // safe, np.where((slope < 0) | (below >= 0), axis[-1], axis[0] - 1))
        first = np.where(slope < 0, -(below // -safe), axis[0])
        first_position = np.searchsorted(axis, first.max(axis=0), side="left")
        last_position = np.searchsorted(axis, last.min(axis=0), side="right") - 1
        return np.asarray(first_position <= last_position)


def _below(differences: Array, lows: Array, highs: Array) -> tuple[Array, Array]:
    """Return lower bounds of the differences' constant parts and slopes: one line per difference."""
    bounds = np.maximum(differences, 0) @ lows + np.minimum(differences, 0) @ highs
    return bounds[0], bounds[1]


def _axis(domain: Domain, name: str, atom: Atom | None) -> Any:
    """Return a variable's values within its bounds; None where they cannot be listed or calculated with."""
    values = domain.values(name)
    if values is None or values.dtype == object:
        return None
    if atom is None or atom.low is None or atom.high is None:
        return values
    return values[(values >= atom.low) & (values <= atom.high)]


def _range(atom: Atom, names: Sequence[str], axes: Sequence[Array]) -> Range:
    """Return what bounds an atom over boxes."""
    if atom.name is not None:
        column, values = names.index(atom.name), axes[names.index(atom.name)]
        return lambda first, last: (values[first[:, column]], values[last[:, column]])
    table = atom.table
    if table is None or len(table.grid.names) != 1 or table.grid.names[0] not in names:
        low, high = atom_interval(atom)
        return lambda first, _: (np.full(len(first), low), np.full(len(first), high))
    column = names.index(table.grid.names[0])
    inside = np.isin(table.grid.axes[0], axes[column])
    return _range_of_line(table.full[inside], column)


def _range_of_line(line: Array, column: int) -> Range:
    """Return what finds the smallest and largest value between two positions, from powers of two of them."""
    lows, highs = [line], [line]
    width = 1
    while 2 * width <= len(line):
        lows.append(np.minimum(lows[-1][:-width], lows[-1][width:]))
        highs.append(np.maximum(highs[-1][:-width], highs[-1][width:]))
        width *= 2

    def range_(first: Array, last: Array) -> tuple[Array, Array]:
        start, stop = first[:, column], last[:, column]
        level = np.frexp((stop - start + 1).astype(np.float64))[1] - 1
        low, high = np.empty(len(start), dtype=np.int64), np.empty(len(start), dtype=np.int64)
        for power in np.unique(level):
            here = level == power
            left, right = start[here], stop[here] - (1 << int(power)) + 1
            low[here] = np.minimum(lows[power][left], lows[power][right])
            high[here] = np.maximum(highs[power][left], highs[power][right])
        return low, high

    return range_
