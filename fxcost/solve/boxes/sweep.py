"""Sweeps of a tree: batches of boxes, the last ones first, until none is open."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.tree import Tree, UndecidedError
from fxcost.solve.budget import Budget
from fxcost.solve.lattice import Boxes

BATCH = 4096
"""So many boxes are looked at together."""


SMALL = 16
"""A box of at most so many fibres is not halved: each of them is looked at."""

FEW = 1 << 15
"""Nor are boxes halved that have no more fibres all together."""

PACKED = 1024
"""The same where compiled code looks at them."""

MANY = 30_000
"""After so many boxes and fibres it pays to compile what looks at the others."""

TOGETHER = 1 << 17
"""Compiled code looks at so many fibres at a time."""


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


@dataclass(frozen=True)
class Bundle:
    """Settings where everything holds.

    Attributes:
        whole: Boxes that hold them.
        ends: First and last position of each fibre in the boxes; None where all settings in these are meant.
        fibre: The hyperparameter along which there are such ends.

    >>> from fxcost.solve.lattice import Box
    >>> boxes = Boxes.of(Box((0, 0), (1, 9)))
    >>> bundle = Bundle(boxes, (np.array([0, 4]), np.array([5, 3])), 1)
    >>> bundle.size, len(bundle), bundle.boxes
    (6, 1, Boxes(low=(array([0]), array([0])), high=(array([0]), array([5]))))
    """

    whole: Boxes
    ends: tuple[Array, Array] | None = None
    fibre: int = 0

    @cached_property
    def size(self) -> int:
        """How many settings there are."""
        if self.ends is None:
            return volume(self.whole)
        first, last = self.ends
        return int(np.maximum(last - first + 1, 0).sum())

    def __len__(self) -> int:
        return len(self.whole) if self.ends is None else int(np.count_nonzero(self._some))

    @cached_property
    def _some(self) -> Array:
        """Which fibres hold a setting."""
        first, last = self.ends or ((), ())
        some: Array = np.less_equal(first, last)
        return some

    @property
    def boxes(self) -> Boxes:
        """The settings, in boxes."""
        if self.ends is None:
            return self.whole
        first, last = self.ends
        return self.whole.split_up(self.fibre).between(self.fibre, first, last).take(self._some)


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
    return (bundle.boxes for bundle in bundles(tree, frontier, budget))


def bundles(tree: Tree, frontier: Frontier, budget: Budget, looked_at: int = 0) -> Iterator[Bundle]:
    """Yield what `sweep` does, as it is found; boxes of many fibres are not taken apart.

    Args:
        tree: Decides boxes.
        frontier: Where to look.
        budget: When to stop.
        looked_at: The number of boxes that the tree decided before.

    Raises:
        OutOfBudgetError: The time is over.
        UndecidedError: A single setting cannot be decided.
    """
    while len(frontier):
        budget.left()
        batch = frontier.taken(BATCH)
        looked = tree.look(batch)
        if looked.inside.any():
            yield Bundle(looked.boxes.take(looked.inside))
        left = ~looked.inside
        boxes, settled = looked.boxes.take(left), looked.settled[left]
        looked_at += len(batch)
        if looked_at > MANY and tree.compilable:
            packed = settled & (tree.fibres(boxes) <= PACKED)
            for some in _some(boxes.take(packed), tree):
                yield Bundle(some, tree.ends(some), tree.fibre)
            boxes = boxes.take(~packed)
        fibres = tree.fibres(boxes)
        small = fibres <= (SMALL if fibres.sum() > FEW else FEW)
        open_ = boxes.take(~small)
        if small.any():
            single = boxes.take(small).split_up(tree.fibre)
            looked_at += len(single)
            looked = tree.look(single, fibres=True)
            if looked.inside.any():
                yield Bundle(looked.boxes.take(looked.inside))
            open_ = open_.joined(looked.boxes.take(~looked.inside))
        try:
            frontier.put(tree.halves(open_))
        except UndecidedError:
            frontier.put(open_)
            raise


def _some(boxes: Boxes, tree: Tree) -> Iterator[Boxes]:
    """Yield boxes, so many at a time that their fibres are not too many to keep at hand."""
    part = (np.cumsum(tree.fibres(boxes)) // TOGETHER).astype(np.int64)
    ends = np.flatnonzero(np.diff(part)) + 1
    for first, last in itertools.pairwise([0, *ends.tolist(), len(boxes)]):
        if first < last:
            yield boxes.take(slice(first, last))


def volume(boxes: Boxes) -> int:
    """Return how many settings some boxes hold that share none.

    >>> from fxcost.solve.lattice import Box
    >>> volume(Boxes.of(Box((0, 0), (9, 1)), Box((10, 0), (10, 0))))
    21
    """
    return int(np.sum(boxes.sizes()))
