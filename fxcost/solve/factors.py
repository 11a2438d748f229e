"""A polynomial's atoms as functions of positions: their values at points, their bounds over boxes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from fxcost.errors import FxcostError
from fxcost.expr import Atom, evaluate, evaluate_arrays
from fxcost.expr.vectorised import Array
from fxcost.solve.lattice import Box, Boxes, Lattice, Point

Slope: TypeAlias = "int | None"
"""1 where a value never falls as a position rises, -1 where it never rises, 0 for both, None for neither."""

INT64 = 2**62
"""Values below this leave room for differences in int64."""

LONG = 1 << 20
"""An atom of more values than this is not tabulated here."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Smallest and largest possible values in each of several boxes; `known` where they are."""

    low: Array
    high: Array
    known: Array


@dataclass(frozen=True, eq=False)
class Variable:
    """A hyperparameter with integer values, from the first position that counts on."""

    index: int
    lattice: Lattice
    first: int = 0

    @property
    def support(self) -> frozenset[int]:
        """The hyperparameter itself."""
        return frozenset((self.index,))

    @property
    def low(self) -> int | None:
        """Its smallest value that counts."""
        listed = self.lattice.listed[self.index]
        return int(self.lattice.axes[self.index].low if listed is None else listed[self.first])

    def within(self, box: Box) -> Variable:
        """Return it where only the positions of a box count."""
        return replace(self, first=int(box.low[self.index]))

    def slope(self, index: int) -> Slope:
        """Return that it rises with itself only."""
        return 1 if index == self.index else 0

    @cached_property
    def column(self) -> Array | None:
        """All its values, as Python ints; None where they are too many."""
        values = self.lattice.domain.values(self.lattice.names[self.index])
        return values.astype(object) if values is not None and len(values) <= LONG else None

    def at(self, points: tuple[Array, ...]) -> Array:
        """Return its values at points."""
        if self._line is None:
            return self.lattice.values_of(self.index, points[self.index])
        first, step = self._line
        return first + step * points[self.index]

    @cached_property
    def _line(self) -> tuple[int, int] | None:
        """Its first value and its step, where all are evenly apart and exact in int64."""
        listed = self.lattice.listed[self.index]
        fits = isinstance(listed, range) and listed[0] > -INT64 and listed[-1] < INT64
        return (listed.start, listed.step) if isinstance(listed, range) and fits else None

    def value(self, point: Point) -> int:
        """Return its value at a point."""
        listed = self.lattice.listed[self.index] or ()
        return int(listed[int(point[self.index])])

    def ends(self, boxes: Boxes) -> Ends:
        """Return its values at the boxes' corners."""
        low = self.at(boxes.low)
        return Ends(low, self.at(boxes.high), np.ones(len(low), dtype=bool))


@dataclass(frozen=True, eq=False)
class Tabulated:
    """An atom of a few hyperparameters, as the array of its values."""

    indices: tuple[int, ...]
    array: Array
    slopes: tuple[Slope, ...]
    counted: tuple[slice, ...] = ()

    @property
    def support(self) -> frozenset[int]:
        """The array's axes."""
        return frozenset(self.indices)

    @cached_property
    def low(self) -> int | None:
        """Its smallest value that counts."""
        return int(self.array[self.counted].min())

    def within(self, box: Box) -> Tabulated:
        """Return it where only the positions of a box count."""
        counted = tuple(slice(int(box.low[index]), int(box.high[index]) + 1) for index in self.indices)
        return replace(self, counted=counted)

    def slope(self, index: int) -> Slope:
        """Return how the array changes along one axis."""
        return self.slopes[self.indices.index(index)] if index in self.indices else 0

    @cached_property
    def column(self) -> Array | None:
        """Its values, where it depends on one hyperparameter."""
        return self.array.astype(object) if len(self.indices) == 1 else None

    def at(self, points: tuple[Array, ...]) -> Array:
        """Return its values at points."""
        values: Array = self.array[tuple(points[index] for index in self.indices)]
        return values

    def value(self, point: Point) -> int:
        """Return its value at a point."""
        return int(self.array[tuple(int(point[index]) for index in self.indices)])

    def ends(self, boxes: Boxes) -> Ends:
        """Return the extremes inside each box: at its corners where the array rises or falls alike."""
        if None not in self.slopes:
            ends = zip(self.indices, self.slopes, strict=True)
            pairs = [(boxes.low[i], boxes.high[i])[:: -1 if slope == -1 else 1] for i, slope in ends]
            low, high = (self.array[tuple(each)] for each in zip(*pairs, strict=True))
            return Ends(low, high, np.ones(len(low), dtype=bool))
        sides = [side[index] for index in self.indices for side in (boxes.low, boxes.high)]
        return _each(self._extremes, sides, len(boxes))

    def _extremes(self, *ends: int) -> tuple[int, int]:
        ranges = [slice(low, high + 1) for low, high in zip(ends[::2], ends[1::2], strict=True)]
        part = self.array[tuple(ranges)]
        return int(part.min()), int(part.max())


@dataclass(frozen=True, eq=False)
class Opaque:
    """An atom that can be evaluated at a point, and of which little else is known."""

    atom: Atom
    lattice: Lattice

    @cached_property
    def support(self) -> frozenset[int]:
        """The hyperparameters its expression names."""
        return frozenset(self.lattice.positions[name] for name in self.atom.names)

    def within(self, _: Box) -> Opaque:
        """Return it as it is: its bound holds everywhere."""
        return self

    @property
    def column(self) -> None:
        """Nothing: its values are not listed."""
        return

    @property
    def low(self) -> int | None:
        """The atom's own bound, which holds at valid points."""
        return self.atom.low if isinstance(self.atom.low, int) else None

    def slope(self, index: int) -> Slope:
        """Return that nothing is known, for the hyperparameters it names."""
        return None if index in self.support else 0

    def at(self, points: tuple[Array, ...]) -> Array:
        """Return its values at points."""
        return self.ends(Boxes(points, points)).low

    def value(self, point: Point) -> int:
        """Return its value at a point.

        Raises:
            ArithmeticError: It has none.
        """
        ends = self._extremes(*(point[index] for index in sorted(self.support) for _ in range(2)))
        if ends is None:
            raise ArithmeticError(f"no value at {point}")
        return ends[0]

    def ends(self, boxes: Boxes) -> Ends:
        """Return its value where a box fixes its support, else the atom's own bounds."""
        sides = [side[index] for index in sorted(self.support) for side in (boxes.low, boxes.high)]
        return _each(self._extremes, sides, len(boxes))

    def _extremes(self, *ends: float) -> tuple[int, int] | None:
        if ends[::2] != ends[1::2]:
            low, high = self.atom.low, self.atom.high
            return (low, high) if isinstance(low, int) and isinstance(high, int) else None
        point = dict(zip(sorted(self.support), ends[::2], strict=True))
        whole = tuple(point.get(index, low) for index, low in enumerate(self.lattice.whole.low))
        try:
            value = evaluate(self.atom.expression, self.lattice.values(whole))
        except (ArithmeticError, ValueError, FxcostError):
            return None
        return (value, value) if isinstance(value, int) else None


Factor: TypeAlias = Variable | Tabulated | Opaque
"""An atom as a function of positions."""


def _each(extremes: Callable[..., tuple[int, int] | None], columns: Sequence[Array], count: int) -> Ends:
    """Return what a function says of each row of some columns, asking it once for equal rows."""
    rows = list(zip(*(column.tolist() for column in columns), strict=True)) or [()] * count
    answers = {row: extremes(*row) for row in set(rows)}
    found = [answers[row] for row in rows]
    known = np.array([pair is not None for pair in found], dtype=bool)
    low, high = (np.array([pair[side] if pair else 0 for pair in found], dtype=object) for side in (0, 1))
    return Ends(low, high, known)


def factor_of(atom: Atom, lattice: Lattice) -> Factor:
    """Return what bounds an atom best."""
    if atom.name is not None:
        index = lattice.positions[atom.name]
        return Variable(index, lattice) if lattice.axes[index].integral else Opaque(atom, lattice)
    values, valid = _values(atom, lattice)
    if values is None or valid is None:
        return Opaque(atom, lattice)
    array, slopes = monotone(values, valid)
    return Tabulated(tuple(lattice.positions[name] for name in sorted(atom.names)), array, slopes)


def _values(atom: Atom, lattice: Lattice) -> tuple[Array, Array] | tuple[None, None]:
    """Return an atom's values over all positions, and where they count."""
    if atom.table is not None:
        return atom.table.full, atom.table.grid.valid
    if len(atom.names) != 1:
        return None, None
    (name,) = atom.names
    positions = lattice.domain.values(name)
    if positions is None or len(positions) > LONG:
        return None, None
    try:
        array = np.broadcast_to(evaluate_arrays(atom.expression, {name: positions}), positions.shape)
    except (ArithmeticError, ValueError, FxcostError):
        return None, None
    integers = array.dtype == np.int64 or all(type(value) is int for value in array.flat)
    return (array, np.ones(array.shape, dtype=bool)) if integers else (None, None)


def monotone(values: Array, valid: Array) -> tuple[Array, tuple[Slope, ...]]:
    """Return values with those that do not count replaced so that all are monotone, where that can be done.

    Args:
        values: An array of integers.
        valid: Where they count.

    Returns:
        The array, and its slope along each axis.

    >>> monotone(np.array([4, 0, 2, 1]), np.array([True, False, True, True]))
    (array([4, 2, 2, 1]), (-1,))
    >>> monotone(np.array([1, 2, 1]), np.ones(3, dtype=bool))[1]
    (None,)
    """
    filled = np.where(valid, values, values[valid].min())
    for slopes in itertools.product((1, -1), repeat=values.ndim):
        flip = tuple(slice(None, None, slope) for slope in slopes)
        raised = filled[flip]
        for axis in range(values.ndim):
            raised = np.maximum.accumulate(raised, axis=axis)
        if np.array_equal(raised[flip][valid], values[valid]):
            return raised[flip], slopes
    return filled, (None,) * values.ndim
