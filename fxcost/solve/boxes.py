"""Boxes around a point in which something stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from fxcost.expr.functions import Number
from fxcost.solve.lattice import Box, Point

LONGEST_RUN = 256
"""A hyperparameter is moved by at most so many steps in each direction."""


def free_box(point: Point, support: Collection[int], limits: Box) -> Box:
    """Return the box that keeps a point's places in `support` and leaves the others free.

    >>> free_box((1, 2), {0}, Box((0, 0), (9, 9)))
    Box(low=(1, 0), high=(1, 9))
    """
    places = range(len(point))
    low = tuple(point[i] if i in support else limits.low[i] for i in places)
    high = tuple(point[i] if i in support else limits.high[i] for i in places)
    return Box(low, high)


def grown(box: Box, order: Sequence[int], limits: Box, same: Callable[[Box], bool]) -> Box:
    """Push a box's ends out to `limits`, or as far as bisection finds that it stays the same.

    Args:
        box: Where it is the same, to begin with.
        order: The places to push, one after the other.
        limits: Where to end.
        same: Whether a box is the same throughout; true of every part of a box that is.

    >>> grown(Box((5, 5), (5, 5)), [0, 1], Box((0, 0), (9, 9)), lambda box: sum(box.high) <= 12)
    Box(low=(0, 0), high=(7, 5))
    """
    for index in order:
        box = _pushed(box, index, limits.low[index], same, lower=True)
        box = _pushed(box, index, limits.high[index], same, lower=False)
    return box


def _pushed(box: Box, index: int, far: Number, same: Callable[[Box], bool], *, lower: bool) -> Box:
    """Move one end towards `far`: an integer by bisection, a float all the way or not at all."""
    near = box.low[index] if lower else box.high[index]
    widest = _moved(box, index, far, lower=lower)
    if far == near or same(widest):
        return widest
    if not isinstance(far, int) or not isinstance(near, int):
        return box
    while abs(far - near) > 1:
        middle = (far + near) // 2
        wider = _moved(box, index, middle, lower=lower)
        if same(wider):
            near, box = middle, wider
        else:
            far = middle
    return box


def _moved(box: Box, index: int, end: Number, *, lower: bool) -> Box:
    return box.replace(index, end, box.high[index]) if lower else box.replace(index, box.low[index], end)


def run(box: Box, point: Point, index: int, limits: Box, same: Callable[[Point], bool]) -> Box:
    """Widen a box along one hyperparameter, point by point, while each point is the same.

    >>> run(Box.at((4,)), (4,), 0, Box((0,), (9,)), lambda moved: moved[0] % 4 == 0)
    Box(low=(4,), high=(4,))
    """
    ends = []
    for step, limit in ((-1, limits.low[index]), (1, limits.high[index])):
        at = point[index]
        for _ in range(LONGEST_RUN):
            moved = (*point[:index], at + step, *point[index + 1 :])
            if at == limit or not same(moved):
                break
            at += step
        ends.append(at)
    return box.replace(index, *ends)
