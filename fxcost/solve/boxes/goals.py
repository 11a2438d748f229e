"""Costs as goals: large or small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fxcost.expr.vectorised import Array
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim
from fxcost.solve.lattice import Boxes


@dataclass(frozen=True)
class CostGoal:
    """A cost that is to be large, or small.

    Attributes:
        cost: The cost.
        sign: 1 where it is to be large, -1 where it is to be small.
    """

    cost: Cost
    sign: int

    def bound(self, boxes: Boxes) -> Array:
        """Return what no point of each box scores above."""
        enclosure = self.cost.enclosure
        return enclosure.upper(boxes) if self.sign > 0 else -enclosure.lower(boxes)

    def above(self, score: Any) -> Claim:
        """Return that the cost is larger, or smaller."""
        return (
            Claim(self.cost, int(score), False) if self.sign > 0 else Claim(self.cost, -int(score) - 1, True)
        )

    def corner(self, boxes: Boxes) -> Boxes:
        """Return the corner of each box where the first of the cost's polynomials is best."""
        slopes = self.cost.enclosure.slopes
        ends = zip(slopes, boxes.low, boxes.high, strict=True)
        corner = tuple(high if (slope or 0) * self.sign > 0 else low for slope, low, high in ends)
        return Boxes(corner, corner)
