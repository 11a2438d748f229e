"""How many settings lie in the parts of a space, where they are few enough to look at each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from fxcost.expr import evaluate_arrays
from fxcost.expr.grid import UNDEFINED
from fxcost.expr.vectorised import Array
from fxcost.solve.constraints import Constraint
from fxcost.solve.lattice import Box, Lattice

LOOKED_AT = 1 << 22
"""So many combinations are looked at, of the hyperparameters that conditions read."""


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
    if None in conditions:
        return None
    read = {symbol for each in [conditions, *regions] for part in each for symbol in part.free_symbols}
    names = [name for name in lattice.names if lattice.domain.symbols[name] in read]
    sizes = {name: _size(lattice, box, name) for name in lattice.names}
    if math.inf in sizes.values():
        return None
    shape = tuple(int(sizes[name]) for name in names)
    others = math.prod(int(size) for name, size in sizes.items() if name not in names)
    if math.prod(shape) > LOOKED_AT:
        return None
    mesh = dict(zip(names, np.ix_(*(_values(lattice, box, name) for name in names)), strict=True))
    try:
        left = _truth(conditions, mesh, shape)
        total, own = np.count_nonzero(left), []
        for region in regions:
            inside = left & _truth(region, mesh, shape)
            own.append(int(np.count_nonzero(inside)) * others)
            left &= ~inside
    except UNDEFINED:
        return None
    return Counts(int(total) * others, tuple(own))


def _size(lattice: Lattice, box: Box, name: str) -> float:
    index = lattice.positions[name]
    low, high = box.low[index], box.high[index]
    if lattice.listed[index] is None:
        return 1 if low == high else math.inf
    return int(high - low) + 1


def _values(lattice: Lattice, box: Box, name: str) -> Array:
    index = lattice.positions[name]
    low, high = box.low[index], box.high[index]
    positions = np.array([low]) if low == high else np.arange(int(low), int(high) + 1)
    return lattice.values_of(index, positions)


def _truth(conditions: Iterable[sympy.Basic], mesh: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    truth = np.ones(shape, dtype=bool)
    for condition in conditions:
        truth &= np.asarray(evaluate_arrays(condition, mesh), dtype=bool)
    return truth
