"""What is true or false of a setting, and what a solver claims of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import z3

from fxcost.expr import Lowering
from fxcost.solve.costs import Cost
from fxcost.solve.lattice import Boxes, Point
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
    """That a fact about a cost is true, or that it is false."""

    fact: CostFact
    claimed: bool

    @property
    def support(self) -> frozenset[int]:
        """The places of the hyperparameters it depends on."""
        return self.fact.cost.enclosure.support

    @property
    def bounded(self) -> bool:
        """Whether the cost has bounds in boxes."""
        return not self.fact.cost.enclosure.opaque

    @property
    def denial(self) -> z3.BoolRef:
        """The claim's opposite."""
        return z3.Not(self.fact.literal) if self.claimed else self.fact.literal

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes the claim is right everywhere, and in which it is wrong everywhere."""
        enclosure, bound = self.fact.cost.enclosure, self.fact.bound
        below = (enclosure.upper(boxes) <= bound).astype(bool)
        above = (enclosure.lower(boxes) > bound).astype(bool)
        return (below, above) if self.claimed else (above, below)


def strongest(chain: Sequence[CostFact], model: z3.ModelRef) -> list[Claim]:
    """Return a model's claims about one cost that imply its others: the lowest and the highest bound.

    Args:
        chain: The facts about the cost, by rising bounds.
        model: Says of each fact whether it is true; of those that do not matter, nothing.
    """
    below = next((fact for fact in chain if z3.is_true(model.eval(fact.literal))), None)
    above = next((fact for fact in reversed(chain) if z3.is_false(model.eval(fact.literal))), None)
    return [Claim(fact, fact is below) for fact in (below, above) if fact is not None]
