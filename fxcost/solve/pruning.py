"""Branch and prune: is there a point of a box where facts hold and claims about costs are right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxcost.expr.vectorised import Array
from fxcost.solve.budget import Budget
from fxcost.solve.facts import Claim, Fact, Required
from fxcost.solve.lattice import Box, Boxes, Lattice, Point

BATCH = 2048
"""So many boxes are looked at together."""


@dataclass(frozen=True)
class Conflict:
    """Claims of which at least one is wrong wherever the required facts hold."""

    claims: tuple[Claim, ...]


class Pruning:
    """Halves boxes until everything holds in one, or something holds nowhere in each.

    Args:
        lattice: The settings.
        box: Where to look.
        budget: When to stop.
    """

    def __init__(self, lattice: Lattice, box: Box, budget: Budget) -> None:
        self.lattice = lattice
        self.box = box
        self.budget = budget

    def decide(
        self, required: Sequence[Required], claims: Sequence[Claim], most: float
    ) -> Point | Conflict | None:
        """Return a point where all hold, or claims that exclude each other; None where boxes do not tell.

        Args:
            required: What must hold.
            claims: What must be right.
            most: The number of boxes to look at.
        """
        facts: list[Fact] = [*required, *claims]
        left, used, looked_at = Boxes.of(self.box), set[Claim](), 0
        while len(left):
            self.budget.left()
            batch, left = left.take(slice(-BATCH, None)), left.take(slice(None, -BATCH))
            looked_at += len(batch)
            open_ = np.ones(len(batch), dtype=bool)
            right = np.ones(len(batch), dtype=bool)
            for fact in facts:
                everywhere, nowhere = fact.truth(batch)
                if isinstance(fact, Claim) and np.any(open_ & nowhere):
                    used.add(fact)
                open_ &= ~nowhere
                right &= everywhere
            if right.any():
                return batch.lowest(int(np.argmax(right)))
            halves = self._halves(batch.take(open_), facts)
            if halves is None or looked_at > most:
                return None
            left = left.joined(halves)
        return Conflict(tuple(claim for claim in claims if claim in used))

    def _halves(self, boxes: Boxes, facts: Sequence[Fact]) -> Boxes | None:
        """Return each box in two halves; None where one cannot be halved."""
        support = sorted(index for fact in facts for index in fact.support)
        places = [index for index in dict.fromkeys(support) if self.lattice.listed[index] is not None]
        spreads = np.array([self._spread(boxes, index) for index in places]).reshape(len(places), len(boxes))
        if not len(boxes):
            return boxes
        if not places or not np.all(spreads.max(axis=0) > 0):
            return None
        chosen = np.array(places)[spreads.argmax(axis=0)]
        low, high = list(boxes.low), list(boxes.high)
        upper_low, lower_high = list(boxes.low), list(boxes.high)
        for index in places:
            middle = (boxes.low[index] + boxes.high[index]) // 2
            lower_high[index] = np.where(chosen == index, middle, boxes.high[index])
            upper_low[index] = np.where(chosen == index, middle + 1, boxes.low[index])
        return Boxes(tuple(upper_low), tuple(high)).joined(Boxes(tuple(low), tuple(lower_high)))

    def _spread(self, boxes: Boxes, index: int) -> Array:
        """Return by what factor a hyperparameter's values differ in each box, as a logarithm."""
        low = self.lattice.values_of(index, boxes.low[index]).astype(np.float64)
        high = self.lattice.values_of(index, boxes.high[index]).astype(np.float64)
        spread: Array = np.log1p((high - low) / np.maximum(low, 1.0))
        return spread
