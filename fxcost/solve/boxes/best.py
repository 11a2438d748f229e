"""The best setting by branch and bound: the most promising boxes first, until none promises more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.tree import Tree
from fxcost.solve.budget import Budget
from fxcost.solve.facts import Claim
from fxcost.solve.lattice import Boxes, Lattice, Point

BATCH = 256
"""So many boxes are looked at together: enough that NumPy's calls do not count, few enough to be choosy."""

PROBED = 32
"""Of so many open boxes at a time the cheapest fibre is tried."""


class Goal(Protocol):
    """What is to be large."""

    def bound(self, boxes: Boxes) -> Array:
        """Return what no point of each box scores above."""

    def corner(self, boxes: Boxes) -> Boxes:
        """Return a point of each box that is likely to be its best."""

    def above(self, score: Any) -> Claim | None:
        """Return what is claimed of a point that scores more; None where that is no claim about a cost."""


class Climb:
    """Raises the best score known to the best of all boxes.

    Args:
        tree: Decides boxes.
        goal: What is to be large.
        budget: When to stop.
        better: Is told each better point as it is found, and returns the best score known after it.

    Attributes:
        left: Where the best may still be.
    """

    def __init__(self, tree: Tree, goal: Goal, budget: Budget, better: Callable[[Point], Any]) -> None:
        self.tree = tree
        self.goal = goal
        self.budget = budget
        self._better = better
        self.left: Boxes | None = None

    def best(self, boxes: Boxes, score: Any) -> Any:
        """Return the best score, from one known before: None where there was none, and where there is none.

        Raises:
            OutOfBudgetError: The time is over.
            UndecidedError: A single setting cannot be decided.
        """
        bounds = self.goal.bound(boxes)
        while True:
            if score is not None:
                left = bounds > score
                boxes, bounds = boxes.take(left), bounds[left]
            self.left = boxes
            if not len(boxes):
                return score
            self.budget.left()
            batch, boxes, bounds = _most_promising(boxes, bounds)
            tree = self._tree(score)
            looked = tree.look(batch)
            open_ = looked.boxes.take(np.logical_not(looked.inside))
            inside = looked.boxes.take(looked.inside)
            for found in (inside, self._probed(open_)):
                score = self._improved(found, score)
            new = tree.halves(open_.joined(_divisible(inside)))
            boxes, bounds = boxes.joined(new), np.concatenate([bounds, self.goal.bound(new)])

    def _tree(self, score: Any) -> Tree:
        """Return what decides boxes: settings that do not score more than what is known are of no use."""
        claim = None if score is None else self.goal.above(score)
        return self.tree if claim is None else self.tree.narrowed(claim)

    def _probed(self, boxes: Boxes) -> Boxes:
        """Return what fits of the lowest fibres of the first boxes."""
        low = boxes.take(slice(0, PROBED))
        kept = self.tree.fibre
        high = tuple(low.high[index] if index == kept else each for index, each in enumerate(low.low))
        looked = self.tree.look(Boxes(low.low, high), fibres=True)
        return looked.boxes.take(looked.inside)

    def _improved(self, inside: Boxes, score: Any) -> Any:
        if not len(inside):
            return score
        corners = self.goal.corner(inside)
        scores = self.goal.bound(corners)
        place = int(scores.argmax())
        return score if score is not None and scores[place] <= score else self._better(corners.lowest(place))


def _most_promising(boxes: Boxes, bounds: Array) -> tuple[Boxes, Boxes, Array]:
    """Return some boxes with the highest bounds, and the others with theirs."""
    if len(boxes) <= BATCH:
        return boxes, boxes.take(slice(0)), bounds[:0]
    order = np.argpartition(-bounds, BATCH)
    chosen, rest = order[:BATCH], order[BATCH:]
    return boxes.take(chosen), boxes.take(rest), bounds[rest]


def _divisible(boxes: Boxes) -> Boxes:
    """Return the boxes of more than one setting: another of theirs may be better."""
    return boxes.take(boxes.sizes() > 1)


class Nearest:
    """Points that differ from one in few hyperparameters, and among these by few steps.

    >>> from fxcost.expr import Domain
    >>> from fxcost.space import Int, Space
    >>> goal = Nearest(Lattice(Domain(Space(width=Int(1, 9), depth=Int(1, 9)))), (3, 3))
    >>> boxes = Boxes((np.array([4, 0]), np.array([0, 5])), (np.array([9, 9]), np.array([8, 8])))
    >>> -goal.bound(boxes) // goal.changed, goal.corner(boxes).low
    (array([1, 1]), (array([4, 3]), array([3, 5])))
    """

    def __init__(self, lattice: Lattice, point: Point) -> None:
        self.point = point
        self.changed = 1 + sum(len(listed or ()) for listed in lattice.listed)

    def bound(self, boxes: Boxes) -> Array:
        """Return the distance to the nearest point of each box, negative."""
        fits = self.changed * (len(self.point) + 1) < 2**63
        total = np.zeros(len(boxes), dtype=np.int64 if fits else object)
        for at, low, high in zip(self.point, boxes.low, boxes.high, strict=True):
            steps = np.maximum(np.maximum(low - at, at - high), 0)
            steps = steps if isinstance(at, int) else steps > 0  # a Float is fixed: all are as far away
            total -= steps + self.changed * (steps > 0).astype(total.dtype)
        return total

    def above(self, score: Any) -> None:
        """Return nothing: a distance is no cost."""

    def corner(self, boxes: Boxes) -> Boxes:
        """Return the nearest point of each box."""
        ends = zip(self.point, boxes.low, boxes.high, strict=True)
        nearest = tuple(np.clip(np.full(len(low), at), low, high) for at, low, high in ends)
        return Boxes(nearest, nearest)


@dataclass(frozen=True)
class Extreme:
    """One hyperparameter's position, to be large or small.

    Attributes:
        index: The hyperparameter's place.
        sign: 1 where it is to be large, -1 where it is to be small.
    """

    index: int
    sign: int

    def bound(self, boxes: Boxes) -> Array:
        """Return the best position of each box."""
        return (boxes.high if self.sign > 0 else boxes.low)[self.index] * self.sign

    def above(self, score: Any) -> None:
        """Return nothing: a position is no cost."""

    def corner(self, boxes: Boxes) -> Boxes:
        """Return the lowest point of each box that has the best position."""
        ends = list(boxes.low)
        ends[self.index] = (boxes.high if self.sign > 0 else boxes.low)[self.index]
        return Boxes(tuple(ends), tuple(ends))
