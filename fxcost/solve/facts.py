"""What is true or false of a setting, and what a solver claims of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import z3

from fxcost.expr import Lowering
from fxcost.solve.costs import Cost
from fxcost.solve.lattice import Box, Boxes, Point
from fxcost.solve.truths import Truth


class Lowered(Protocol):
    """What Z3 can be told."""

    def lowered(self, lowering: Lowering) -> z3.BoolRef:
        """Return what holds wherever the fact holds."""


class Fact(Protocol):
    """A statement about a setting."""

    @property
    def support(self) -> Collection[int]:
        """The places of the hyperparameters it depends on."""

    @property
    def bounded(self) -> bool:
        """Whether more is known of it than its truth at points."""

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes it holds everywhere, and in which nowhere."""


class Required(Fact, Lowered, Protocol):
    """A fact that is to hold in any case."""

    def holds(self, point: Point) -> bool:
        """Return its truth at a point, exactly."""


@dataclass(frozen=True, eq=False)
class CostFact:
    """`cost <= bound`.

    Attributes:
        literal: The Boolean that stands for it.
        cost: What is compared.
        bound: What it is compared with.
    """

    literal: z3.BoolRef
    cost: Cost
    bound: int

    def lowered(self, lowering: Lowering) -> z3.BoolRef:
        """Return what Z3 is told of it."""
        return self.literal == self.cost.at_most(self.bound, lowering)


@dataclass(frozen=True)
class Claim:
    """That a cost is at most a bound, or that it is not.

    Attributes:
        cost: What is compared.
        bound: What it is compared with.
        claimed: Whether it is claimed to be at most the bound, or above it.
    """

    cost: Cost
    bound: int
    claimed: bool

    def within(self, box: Box) -> Claim:
        """Return the claim about the settings of a box only."""
        return replace(self, cost=self.cost.within(box))

    @property
    def support(self) -> frozenset[int]:
        """The places of the hyperparameters it depends on."""
        return self.cost.enclosure.support

    @property
    def bounded(self) -> bool:
        """Whether the cost has bounds in boxes."""
        return not self.cost.enclosure.opaque

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes the claim is right everywhere, and in which it is wrong everywhere."""
        below = (self.cost.enclosure.upper(boxes) <= self.bound).astype(bool)
        above = (self.cost.enclosure.lower(boxes) > self.bound).astype(bool)
        return (below, above) if self.claimed else (above, below)


@dataclass(frozen=True, eq=False)
class Connected:
    """Facts that all hold, or of which some holds.

    Attributes:
        parts: The facts.
        every: Whether all of them are to hold.
    """

    parts: tuple[Fact, ...]
    every: bool

    @property
    def support(self) -> frozenset[int]:
        """The places of the hyperparameters they depend on."""
        return frozenset(index for part in self.parts for index in part.support)

    @property
    def bounded(self) -> bool:
        """Whether more is known of each than its truth at points."""
        return all(part.bounded for part in self.parts)

    def truth(self, boxes: Boxes) -> Truth:
        """Connect what is known of the parts."""
        right, wrong = zip(*(part.truth(boxes) for part in self.parts), strict=True)
        if self.every:
            return np.logical_and.reduce(right), np.logical_or.reduce(wrong)
        return np.logical_or.reduce(right), np.logical_and.reduce(wrong)


def strongest(chain: Sequence[CostFact], model: z3.ModelRef) -> list[tuple[CostFact, bool]]:
    """Return what a model claims of one cost that implies its other claims: the lowest and the highest bound.

    Args:
        chain: The facts about the cost, by rising bounds.
        model: Says of each fact whether it is true; of those that do not matter, nothing.

    Returns:
        Facts, and whether they are claimed to be true.
    """
    below = next((fact for fact in chain if z3.is_true(model.eval(fact.literal))), None)
    above = next((fact for fact in reversed(chain) if z3.is_false(model.eval(fact.literal))), None)
    return [(fact, fact is below) for fact in (below, above) if fact is not None]
