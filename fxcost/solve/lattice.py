"""The settings of a space as points of a box: one position per hyperparameter.

A position counts the ascending values of a hyperparameter from 0; for a `Float` it is the value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from fxcost.errors import DeclarationError
from fxcost.expr import Axis, Domain
from fxcost.expr.functions import Number
from fxcost.expr.vectorised import Array
from fxcost.space import Config, Space

Point: TypeAlias = "tuple[Number, ...]"
"""A position for each hyperparameter, in the order of the space."""


@dataclass(frozen=True, slots=True)
class Box:
    """All points between two corners, both included."""

    low: Point
    high: Point


@dataclass(frozen=True, slots=True)
class Boxes:
    """Several boxes: for each hyperparameter an array of lowest and one of highest positions."""

    low: tuple[Array, ...]
    high: tuple[Array, ...]

    @classmethod
    def of(cls, *boxes: Box) -> Boxes:
        """Return some boxes as arrays.

        >>> Boxes.of(Box((0, 1), (4, 1))).high
        (array([4]), array([1]))
        """
        lows = zip(*(box.low for box in boxes), strict=True)
        highs = zip(*(box.high for box in boxes), strict=True)
        return cls(tuple(map(np.array, lows)), tuple(map(np.array, highs)))

    @classmethod
    def at(cls, *points: Point) -> Boxes:
        """Return a box of one point for each point."""
        return cls.of(*(Box(point, point) for point in points))

    def __len__(self) -> int:
        return len(self.low[0]) if self.low else 1

    def take(self, chosen: Array | slice) -> Boxes:
        """Return some of the boxes, by position or by a mask."""
        return Boxes(tuple(each[chosen] for each in self.low), tuple(each[chosen] for each in self.high))

    def joined(self, other: Boxes) -> Boxes:
        """Return these boxes, and others behind them."""
        return Boxes(
            tuple(map(np.concatenate, zip(self.low, other.low, strict=True))),
            tuple(map(np.concatenate, zip(self.high, other.high, strict=True))),
        )

    def between(self, index: int, first: Array, last: Array) -> Boxes:
        """Return the boxes with positions of one hyperparameter between others; some may be empty."""
        low, high = list(self.low), list(self.high)
        low[index], high[index] = np.maximum(low[index], first), np.minimum(high[index], last)
        return Boxes(tuple(low), tuple(high))

    def equal(self, others: Boxes, index: int) -> bool:
        """Tell whether boxes have the same ends of one hyperparameter as others, each as its own."""
        ends = zip((self.low, self.high), (others.low, others.high), strict=True)
        return all(np.array_equal(mine[index], theirs[index]) for mine, theirs in ends)

    def halved(self, places: Sequence[int], scores: Array, times: int) -> Boxes:
        """Return each box in halves, the upper ones before the lower ones, and those halved again.

        Args:
            places: The hyperparameters that are cut, where they have more than one position.
            scores: A row for each of them: a box is cut along the one with the highest score, which is
                half of that in its halves.
            times: How often.
        """
        low, high = (np.array([ends[index] for index in places]) for ends in (self.low, self.high))
        origin = np.arange(len(self))
        for _ in range(times):
            several = low < high
            scores = np.where(several, scores, -1.0)
            chosen, count = scores.argmax(axis=0), len(origin)
            cell = chosen, np.arange(count)
            whole = ~several[cell]
            scores[cell] /= 2
            middle = (low[cell] + high[cell]) // 2
            low, high, scores = (np.concatenate([each, each], axis=1) for each in (low, high, scores))
            origin = np.concatenate([origin, origin])
            low[chosen, np.arange(count)] = np.where(whole, middle, middle + 1)
            high[chosen, np.arange(count, 2 * count)] = middle
            if whole.any():
                once = np.concatenate([~whole, np.ones(count, dtype=bool)])
                low, high, scores, origin = low[:, once], high[:, once], scores[:, once], origin[once]
        lows, highs = [each[origin] for each in self.low], [each[origin] for each in self.high]
        for row, index in enumerate(places):
            lows[index], highs[index] = low[row], high[row]
        return Boxes(tuple(lows), tuple(highs))

    def split_up(self, kept: int) -> Boxes:
        """Return all points of boxes without one hyperparameter, which keeps its ends in each.

        >>> Boxes((np.array([0]), np.array([2])), (np.array([9]), np.array([3]))).split_up(0)
        Boxes(low=(array([0, 0]), array([2, 3])), high=(array([9, 9]), array([2, 3])))
        """
        lengths = self._lengths()
        lengths[kept] = np.ones(len(self), dtype=np.int64)
        counts = np.prod(lengths, axis=0)
        box = np.repeat(np.arange(len(self)), counts)
        rank = np.arange(len(box)) - np.repeat(np.cumsum(counts) - counts, counts)
        low, high = [], []
        for index, length in enumerate(lengths):
            if index == kept:
                low.append(self.low[index][box])
                high.append(self.high[index][box])
                continue
            rank, offset = np.divmod(rank, length[box])
            low.append(self.low[index][box] + offset)
            high.append(low[-1])
        return Boxes(tuple(low), tuple(high))

    def _lengths(self) -> list[Array]:
        """Return how many positions each box has of each hyperparameter."""
        lengths = [high - low + 1 for low, high in zip(self.low, self.high, strict=True)]
        single = [each.dtype.kind == "f" and bool((each == 1).all()) for each in lengths]  # a Float, fixed
        return [each.astype(np.int64) if one else each for each, one in zip(lengths, single, strict=True)]

    def sizes(self) -> Array:
        """Return how many points each box has, in Python's ints where int64 is too small."""
        lengths = self._lengths()
        exact = math.prod(float(each.max(initial=1)) for each in lengths) * max(1, len(self)) >= 2**62
        sizes: Array = np.ones(len(self), dtype=object if exact else np.int64)
        for each in lengths:
            sizes = sizes * (each.astype(object) if exact else each)
        return sizes

    def fixed(self, index: int) -> Array:
        """Tell of each box whether one hyperparameter has a single position."""
        fixed: Array = self.low[index] == self.high[index]
        return fixed

    def lowest(self, place: int) -> Point:
        """Return the lowest point of one box."""
        return tuple(each[place].item() for each in self.low)


@dataclass(frozen=True)
class Lattice:
    """A domain's settings as points.

    >>> from fxcost.space import Choice, Int
    >>> space = Space(width=Int(64, 256, step=64), heads=Choice(16, 4, 8))
    >>> lattice = Lattice(Domain(space))
    >>> lattice.config((1, 0))
    Config(width=128, heads=4)
    >>> lattice.box(space.restrict(width=(100, 200), heads=8))
    Box(low=(1, 1), high=(2, 1))
    """

    domain: Domain

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The hyperparameters' axes, in the order of the space."""
        return tuple(self.domain.axes.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters, in the order of the space."""
        return tuple(self.domain.axes)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Each hyperparameter's place in a point."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def listed(self) -> tuple[Sequence[Number] | None, ...]:
        """Each hyperparameter's values, ascending; None for a `Float`."""
        return tuple(
            sorted(axis.listed) if isinstance(axis.listed, tuple) else axis.listed for axis in self.axes
        )

    @cached_property
    def whole(self) -> Box:
        """All points."""
        ends = [
            (axis.low, axis.high) if listed is None else (0, len(listed) - 1)
            for axis, listed in zip(self.axes, self.listed, strict=True)
        ]
        return Box(tuple(low for low, _ in ends), tuple(high for _, high in ends))

    def values(self, point: Point) -> dict[str, Number]:
        """Return the encoded values at a point."""
        return {
            name: position if listed is None else listed[int(position)]
            for name, position, listed in zip(self.names, point, self.listed, strict=True)
        }

    def values_of(self, index: int, positions: Array) -> Array:
        """Return one hyperparameter's encoded values at an array of positions."""
        listed = self.listed[index]
        if listed is None:
            return positions
        if not isinstance(listed, range):
            return np.array(listed, dtype=None if _fits(listed) else object)[positions]
        fits = _fits(listed)
        return listed.start + listed.step * (positions if fits else positions.astype(object))

    def config(self, point: Point) -> Config:
        """Return the configuration at a point."""
        return self.domain.decode(self.values(point))

    def point(self, config: Mapping[str, object]) -> Point:
        """Return a configuration's point."""
        return self._point(self.domain.encode(config))

    def _point(self, values: Mapping[str, Number]) -> Point:
        return tuple(
            values[name] if listed is None else listed.index(values[name])
            for name, listed in zip(self.names, self.listed, strict=True)
        )

    def box(self, part: Space) -> Box:
        """Return the box of a part of the space, as `Space.restrict` makes it.

        Raises:
            DeclarationError: Some options are left of a `Choice` that does not list them one after the other.
        """
        low, high = {}, {}
        for name, axis in self.domain.axes.items():
            part_axis = Axis.of(name, part[name])
            if axis.options is None:
                low[name], high[name] = part_axis.low, part_axis.high
                continue
            codes = [axis.encode(option) for option in part[name].values]
            low[name], high[name] = min(codes), max(codes)
            if high[name] - low[name] >= len(codes):
                whole = self.domain.space[name]
                raise DeclarationError(f"{name}: {part[name]} skips options of {whole}; fix one of them")
        return Box(self._point(low), self._point(high))


def _fits(listed: Sequence[Number]) -> bool:
    """Tell whether ascending values, and their differences, are exact in int64."""
    return listed[0] > -(2**62) and listed[-1] < 2**62
