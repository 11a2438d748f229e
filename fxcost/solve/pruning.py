"""Branch and prune as Z3 needs it: a setting where claims are right, or claims that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fxcost.solve.boxes.sweep import BATCH, Frontier
from fxcost.solve.boxes.tree import Tree, UndecidedError, trimmed
from fxcost.solve.budget import Budget
from fxcost.solve.facts import Claim, Fact
from fxcost.solve.lattice import Box, Boxes, Lattice, Point

FIRST = 1024
"""So many boxes are looked at together at first, later as many as before."""


@dataclass(frozen=True)
class Conflict:
    """Claims of which at least one is wrong wherever the other facts hold."""

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

    def decide(self, facts: Sequence[Fact], most: float) -> Point | Conflict | None:
        """Return a point where all facts hold, or why there is none; None where boxes do not tell.

        Args:
            facts: What is to hold; the claims among them are what a conflict names.
            most: The number of boxes to look at.
        """
        box = trimmed(self.box, [fact for fact in facts if not isinstance(fact, Claim)])
        if box is None:
            return Conflict(())
        if box.low == box.high:
            return self._at(box, facts)
        tree = Tree.of(self.lattice, box, facts, whole=False)
        frontier, wrong, looked_at = Frontier(Boxes.of(box)), set[Fact](), 0
        while len(frontier):
            self.budget.left()
            batch = frontier.taken(min(BATCH, max(FIRST, looked_at)))
            looked_at += len(batch)
            looked = tree.look(batch)
            wrong |= looked.apart
            if looked.inside.any():
                return looked.boxes.take(looked.inside).lowest(0)
            try:
                frontier.put(tree.halves(looked.boxes))
            except UndecidedError:
                return None
            if looked_at > most:
                return None
        return Conflict(tuple(fact for fact in facts if isinstance(fact, Claim) and fact in wrong))

    @staticmethod
    def _at(box: Box, facts: Sequence[Fact]) -> Point | Conflict | None:
        """Decide a box of one setting; a space without hyperparameters has no other."""
        truths = [(fact, fact.truth(Boxes.of(box))) for fact in facts]
        if all(right.all() for _, (right, _) in truths):
            return box.low
        wrong = [fact for fact, (_, nowhere) in truths if nowhere.all()]
        return Conflict(tuple(fact for fact in wrong if isinstance(fact, Claim))) if wrong else None
