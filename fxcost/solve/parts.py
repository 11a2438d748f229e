"""The feasible settings of a question: disjoint parts of its space, each with what decides its boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fxcost.errors import DeclarationError
from fxcost.solve.boxes.best import Climb, Goal
from fxcost.solve.boxes.peeling import peeled
from fxcost.solve.boxes.sweep import Bundle, Frontier, bundles
from fxcost.solve.boxes.tree import Tree, UndecidedError, trimmed
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.cells import Cell, Ground
from fxcost.solve.facts import Claim, Fact
from fxcost.solve.lattice import Box, Boxes, Point
from fxcost.solve.limits import Limit
from fxcost.solve.routes import Kind, engines_for

UNDECIDED = "there are settings of which the bounds of costs do not tell whether they are feasible"


@dataclass(frozen=True)
class Best:
    """The best point known, its score and the paths through it."""

    score: int
    point: Point
    cell: Cell


@dataclass(frozen=True, eq=False)
class Part:
    """The feasible settings on one path through each factory, and on no earlier one.

    Attributes:
        cell: The paths.
        box: Holds all of them.
        tree: Decides boxes.
    """

    cell: Cell
    box: Box
    tree: Tree

    def bundles(self, frontier: Frontier, budget: Budget) -> Iterator[Bundle]:
        """Yield feasible settings; together they are all that the frontier held.

        Raises:
            OutOfBudgetError: The time is over, or a setting cannot be decided.
        """
        try:
            yield from bundles(self.tree, frontier, budget)
        except UndecidedError:
            raise OutOfBudgetError(UNDECIDED) from None

    def best(self, goal: Goal, budget: Budget, known: Best | None) -> Best | None:
        """Return the best score and where it is, from those known before.

        Raises:
            OutOfBudgetError: The time is over, or a setting cannot be decided.
        """
        best = known

        def better(point: Point) -> int:
            nonlocal best
            best = Best(int(goal.bound(Boxes.at(point))[0]), point, self.cell)
            return best.score

        least = None if known is None else known.score
        try:
            Climb(self.tree, goal, budget, better).best(Boxes.of(self.box), least)
        except UndecidedError:
            raise OutOfBudgetError(UNDECIDED) from None
        return best


def parts_of(ground: Ground, limit: Limit) -> Iterator[Part]:
    """Yield the feasible settings in parts that share none, tracing until every setting has its paths.

    Args:
        ground: Where to look.
        limit: What is to hold.

    Raises:
        OutOfBudgetError: Settings are left that no path covers.
    """
    for engine in engines_for(Kind.LIST):
        ground.answered(engine)
    earlier: list[Fact] = []
    fibres = _fibres(ground, limit)
    for cell in ground.cells():
        facts = [*cell.facts(limit), *earlier]
        earlier.append(cell.outside())
        box = trimmed(ground.box, facts)
        if box is None:
            continue
        for part in peeled(box, [fact.cost for fact in facts if isinstance(fact, Claim)]):
            inside = [fact.within(part) if isinstance(fact, Claim) else fact for fact in facts]
            tree = _tree(ground, part, inside, fibres)
            if tree.fibre not in fibres:
                fibres.append(tree.fibre)
            yield Part(cell, part, tree)


def _fibres(ground: Ground, limit: Limit) -> list[int]:
    """Return the fibres that were best when the same was asked before."""
    asked = "fibres", ground.box, tuple((each.sides, each.at_most) for each in limit.comparisons)
    fibres: list[int] = ground.regions[0].kept.setdefault(asked, [])
    return fibres


def _tree(ground: Ground, box: Box, facts: Sequence[Fact], fibres: Sequence[int]) -> Tree:
    """Return a tree with a fibre that was best elsewhere, where the box has several positions of it."""
    for fibre in fibres:
        if box.low[fibre] < box.high[fibre]:
            return Tree.along(ground.lattice, box, facts, fibre)
    return Tree.of(ground.lattice, box, facts, whole=True)


def require_finite(ground: Ground) -> None:
    """Make sure that settings can be counted.

    Raises:
        DeclarationError: A hyperparameter is a `Float` with more than one value.
    """
    lattice, box = ground.lattice, ground.box
    if not lattice.names:
        raise DeclarationError("the space has no hyperparameters, so there is one setting: prove the limit")
    for index, name in enumerate(lattice.names):
        if lattice.listed[index] is None and box.low[index] != box.high[index]:
            raise DeclarationError(
                f"{name} has infinitely many values: to count, list or draw settings, fix it ({name}=...) "
                "or declare it as a Choice"
            )
