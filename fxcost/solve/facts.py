"""What is true or false of a setting, and what a solver claims of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import z3

from fxcost.solve.enclosure import Enclosure
from fxcost.solve.lattice import Boxes, Point
from fxcost.solve.truths import Truth, Truths


class Fact(Protocol):
    """A statement about a setting."""

    @property
    def support(self) -> Collection[int]:
        """The places of the hyperparameters it depends on."""

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes it holds everywhere, and in which nowhere."""


@dataclass(frozen=True, eq=False)
class ConditionFact:
    """A condition between hyperparameters.

    Attributes:
        literal: The Boolean that stands for it.
        support: The places of its hyperparameters.
        holds: Its truth at a point, exactly.
        truths: What is known of it in boxes.
    """

    literal: z3.BoolRef
    support: tuple[int, ...]
    holds: Callable[[Point], bool]
    truths: Truths

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes it holds everywhere, and in which nowhere."""
        return self.truths.truth(boxes)


@dataclass(frozen=True, eq=False)
class CostFact:
    """`cost <= bound`.

    Attributes:
        literal: The Boolean that stands for it.
        enclosure: The cost's bounds over boxes.
        bound: What it is compared with.
    """

    literal: z3.BoolRef
    enclosure: Enclosure
    bound: int


@dataclass(frozen=True)
class Claim:
    """That a fact about a cost is true, or that it is false."""

    fact: CostFact
    claimed: bool

    @property
    def support(self) -> frozenset[int]:
        """The places of the hyperparameters it depends on."""
        return self.fact.enclosure.support

    @property
    def denial(self) -> z3.BoolRef:
        """The claim's opposite."""
        return z3.Not(self.fact.literal) if self.claimed else self.fact.literal

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes the claim is right everywhere, and in which it is wrong everywhere."""
        below = (self.fact.enclosure.upper(boxes) <= self.fact.bound).astype(bool)
        above = (self.fact.enclosure.lower(boxes) > self.fact.bound).astype(bool)
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
