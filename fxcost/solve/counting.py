"""How many settings lie in the parts of a space, where they are few enough to look at each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from fxcost.expr import evaluate_arrays
from fxcost.expr.grid import UNDEFINED
from fxcost.expr.vectorised import INT64, Array
from fxcost.solve.constraints import Constraint
from fxcost.solve.lattice import Box, Lattice

LOOKED_AT = 1 << 22
"""So many combinations of values are looked at, those counted once that no condition tells apart."""


@dataclass(frozen=True)
class Counts:
    """Numbers of settings.

    Attributes:
        all: Of the whole part of the space.
        own: In each region and in no earlier one.
    """

    all: int
    own: tuple[int, ...]


def counted(
    lattice: Lattice, box: Box, declared: Iterable[Constraint], regions: Sequence[Sequence[sympy.Basic]]
) -> Counts | None:
    """Return how many settings of a box belong to each region; None where they are too many to look at.

    Args:
        lattice: The settings.
        box: Which of them count.
        declared: The space's conditions.
        regions: The conditions of each region; a setting in several belongs to the first.

    >>> from fxcost.expr import Domain
    >>> from fxcost.space import Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(1, 8), depth=Int(1, 3))))
    >>> width, depth = lattice.domain.symbols.values()
    >>> counted(lattice, lattice.whole, [], [[width <= 4, depth > 1], [width <= 5]])
    Counts(all=24, own=(8, 7))
    """
    conditions = [constraint.condition for constraint in declared]
    every = [condition for region in (conditions, *regions) for condition in region]
    if None in every:
        return None
    try:
        axes = {name: _axis(lattice, box, name, every) for name in lattice.names}
        if None in axes.values():
            return None
        classes = _Classes({name: axis for name, axis in axes.items() if axis is not None})
        return classes.counts(conditions, regions) if classes.size <= LOOKED_AT else None
    except UNDEFINED:
        return None


@dataclass(frozen=True, eq=False)
class _Axis:
    """Values of a hyperparameter, and how many like each there are that no condition tells apart."""

    values: Array
    alike: Array


@dataclass(frozen=True)
class _Classes:
    """The combinations of values that conditions may tell apart."""

    axes: Mapping[str, _Axis]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.values) for axis in self.axes.values())

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def counts(self, declared: Sequence[sympy.Basic], regions: Sequence[Sequence[sympy.Basic]]) -> Counts:
        """Count the settings of each region that are in no earlier one."""
        mesh = dict(zip(self.axes, np.ix_(*(axis.values for axis in self.axes.values())), strict=True))
        left = self._truth(declared, mesh)
        total, own = self._count(left), []
        for region in regions:
            inside = left & self._truth(region, mesh)
            own.append(self._count(inside))
            left &= ~inside
        return Counts(total, tuple(own))

    def _truth(self, conditions: Sequence[sympy.Basic], mesh: Mapping[str, Array]) -> Array:
        truth = np.ones(self.shape, dtype=bool)
        for condition in conditions:
            truth &= np.asarray(evaluate_arrays(condition, mesh), dtype=bool)
        return truth

    def _count(self, inside: Array) -> int:
        """Add up how many settings are like those inside, exactly."""
        exact = math.prod(int(axis.alike.sum()) for axis in self.axes.values()) >= INT64
        number = inside.astype(object if exact else np.int64)
        for axis in reversed(list(self.axes.values())):
            number = number @ axis.alike
        return int(number)


def _axis(lattice: Lattice, box: Box, name: str, conditions: Sequence[sympy.Basic]) -> _Axis | None:
    """Return the values that conditions may tell apart; None where they are too many.

    Where each condition that reads it reads nothing else, one value stands for all that satisfy the same.
    """
    index = lattice.positions[name]
    low, high = box.low[index], box.high[index]
    reading = [each for each in conditions if lattice.domain.symbols[name] in each.free_symbols]
    if low != high and lattice.listed[index] is None:
        return None
    size = 1 if low == high else int(high - low) + 1
    if not reading:
        return _Axis(lattice.values_of(index, np.array([low])), np.array([size], dtype=object))
    if size > LOOKED_AT:
        return None
    positions = np.array([low]) if size == 1 else np.arange(int(low), int(high) + 1)
    values = lattice.values_of(index, positions)
    if any(len(condition.free_symbols) > 1 for condition in reading):
        return _Axis(values, np.ones(size, dtype=np.int64))
    truths = [np.broadcast_to(evaluate_arrays(each, {name: values}), size).astype(bool) for each in reading]
    _, first, alike = np.unique(np.stack(truths), axis=1, return_index=True, return_counts=True)
    return _Axis(values[first], alike)
