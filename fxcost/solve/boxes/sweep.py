"""Sweeps of a tree: batches of boxes, the last ones first, until none is open."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from fxcost.solve.boxes.tree import Tree, UndecidedError
from fxcost.solve.budget import Budget
from fxcost.solve.lattice import Boxes

BATCH = 4096
"""So many boxes are looked at together."""


class Frontier:
    """The boxes that are left to be looked at, taken from the end.

    >>> from fxcost.solve.lattice import Box
    >>> frontier = Frontier(Boxes.of(Box((0,), (9,)), Box((10,), (19,))))
    >>> len(frontier), frontier.taken(1).low, len(frontier)
    (2, (array([10]),), 1)
    """

    def __init__(self, boxes: Boxes) -> None:
        self._parts = [boxes]
        self._none = boxes.take(slice(0))

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def put(self, boxes: Boxes) -> None:
        """Add boxes."""
        if len(boxes):
            self._parts.append(boxes)

    def taken(self, count: int) -> Boxes:
        """Remove and return so many boxes, or all that are left."""
        taken = self._parts.pop()
        while len(taken) < count and self._parts:
            taken = self._parts.pop().joined(taken)
        if len(taken) > count:
            self._parts.append(taken.take(slice(None, -count)))
            taken = taken.take(slice(-count, None))
        return taken

    @property
    def boxes(self) -> Boxes:
        """All that are left."""
        return functools.reduce(Boxes.joined, self._parts, self._none)


def sweep(tree: Tree, frontier: Frontier, budget: Budget) -> Iterator[Boxes]:
    """Yield boxes in which everything holds everywhere; together they are all settings where it does.

    Args:
        tree: Decides boxes.
        frontier: Where to look; what is left in it when the sweep raises was not decided.
        budget: When to stop.

    Raises:
        OutOfBudgetError: The time is over.
        UndecidedError: A single setting cannot be decided.
    """
    while len(frontier):
        budget.left()
        looked = tree.look(frontier.taken(BATCH))
        if looked.inside.any():
            yield looked.boxes.take(looked.inside)
        left = looked.boxes.take(np.logical_not(looked.inside))
        small = tree.small(left)
        looked = tree.look(left.take(small).split_up(tree.fibre), fibres=True)
        if looked.inside.any():
            yield looked.boxes.take(looked.inside)
        open_ = left.take(~small).joined(looked.boxes.take(~looked.inside))
        try:
            frontier.put(tree.halves(open_))
        except UndecidedError:
            frontier.put(open_)
            raise


def volume(boxes: Boxes) -> int:
    """Return how many settings some boxes hold that share none.

    >>> from fxcost.solve.lattice import Box
    >>> volume(Boxes.of(Box((0, 0), (9, 1)), Box((10, 0), (10, 0))))
    21
    """
    return int(np.sum(boxes.sizes()))
