"""Better settings near a good one, before any proof is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fxcost.expr.functions import Number
from fxcost.solve.lattice import Box, Point


def climbed(point: Point, score: int, box: Box, better: Callable[[Point, int], int | None]) -> Point:
    """Move along one hyperparameter after the other while that is better.

    Args:
        point: Where to start.
        score: How good it is.
        box: Where to stay.
        better: The score of a point that is allowed and has more than a score; None of any other.

    >>> better = lambda point, least: sum(point) if least < sum(point) < 13 else None
    >>> climbed((0, 0), 0, Box((0, 0), (9, 9)), better)
    (9, 3)
    """
    improved = True
    while improved:
        improved = False
        for index in range(len(point)):
            for position in _tries(point[index], box.low[index], box.high[index]):
                moved = (*point[:index], position, *point[index + 1 :])
                higher = better(moved, score)
                if higher is not None:
                    point, score, improved = moved, higher, True
                    break
    return point


def _tries(at: Number, low: Number, high: Number) -> Iterator[Number]:
    """Yield positions on both sides, from the far ends towards the middle by halves."""
    for end in (high, low):
        far = end
        while far != at:
            yield far
            if not isinstance(far, int) or not isinstance(at, int):
                break
            far = at + int((far - at) / 2)
