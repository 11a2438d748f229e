"""Better settings near a good one, before any proof is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fxcost.expr.functions import Number
from fxcost.solve.lattice import Box, Point


def climbed(point: Point, score: int, box: Box, score_of: Callable[[Point], int | None]) -> tuple[Point, int]:
    """Move along one hyperparameter after the other while that is better.

    Args:
        point: Where to start.
        score: How good it is.
        box: Where to stay.
        score_of: How good a point is; None where it is not allowed.

    >>> climbed((0, 0), 0, Box((0, 0), (9, 9)), lambda point: sum(point) if sum(point) < 13 else None)
    ((9, 3), 12)
    """
    improved = True
    while improved:
        improved = False
        for index in range(len(point)):
            for position in _tries(point[index], box.low[index], box.high[index]):
                moved = (*point[:index], position, *point[index + 1 :])
                better = score_of(moved)
                if better is not None and better > score:
                    point, score, improved = moved, better, True
                    break
    return point, score


def _tries(at: Number, low: Number, high: Number) -> Iterator[Number]:
    """Yield positions on both sides, from the far ends towards the middle by halves."""
    for end in (high, low):
        far = end
        while far != at:
            yield far
            if not isinstance(far, int) or not isinstance(at, int):
                break
            far = at + int((far - at) / 2)
