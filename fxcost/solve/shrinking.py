"""Smaller settings of the same kind, for people to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fxcost.expr.functions import Number
from fxcost.solve.lattice import Point

SCANNED = 64
"""So many positions are tried one by one; more are halved."""


def lowered(point: Point, low: Point, wanted: Callable[[Point], bool]) -> Point:
    """Return a point whose positions are lower, one after the other, as far as tries find it still wanted.

    Args:
        point: Where to start.
        low: The lowest positions.
        wanted: Tells whether a point will do.

    >>> lowered((9, 9), (0, 0), lambda point: sum(point) >= 6)
    (0, 6)
    """
    moved = True
    while moved:
        moved = False
        for index in range(len(point)):
            lower = _lowest(point, index, low[index], wanted)
            moved = moved or lower != point
            point = lower
    return point


def _lowest(point: Point, index: int, low: Number, wanted: Callable[[Point], bool]) -> Point:
    for position in _tries(low, point[index]):
        moved = (*point[:index], position, *point[index + 1 :])
        if wanted(moved):
            return moved
    return point


def _tries(low: Number, high: Number) -> Iterator[Number]:
    """Yield positions from low to high: all of few, else those of a halving search towards high."""
    if not isinstance(low, int) or not isinstance(high, int):
        yield from [low] if low < high else []
    elif high - low <= SCANNED:
        yield from range(low, high)
    else:
        while low < high:
            yield low
            low += max(1, (high - low) // 2)
