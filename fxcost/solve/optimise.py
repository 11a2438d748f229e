"""The largest and the smallest value of a quantity, among settings for which limits hold."""

from __future__ import annotations

import math
from collections.abc import Mapping

import z3

from fxcost.errors import ExpressionError
from fxcost.solve.boxes.best import Climb
from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.tree import Tree, UndecidedError, trimmed
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, OutOfBudgetError, Progress
from fxcost.solve.cells import Cell, Ground
from fxcost.solve.climbing import climbed
from fxcost.solve.lattice import Boxes, Point
from fxcost.solve.limits import Limit, every
from fxcost.solve.problems import Problem
from fxcost.solve.quantities import Quantity
from fxcost.solve.spelling import amount
from fxcost.solve.verdicts import Infeasible, Optimum, Unknown


def maximize(
    quantity: Quantity,
    /,
    *limits: Limit,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    **restriction: object,
) -> Optimum | Infeasible | Unknown:
    """Find the setting of the largest cost for which limits hold, with proof that none is larger.

    Args:
        quantity: What is to be large.
        *limits: What is to hold.
        time_limit: Seconds of search after which the best setting known is returned, not `proved`.
        progress: Is told what happens, in a few words at a time.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Returns:
        `Optimum`, `Infeasible` where no setting satisfies the limits, or `Unknown` where none was found.

    Raises:
        EmptySpaceError: There is no setting to look at.
        DeclarationError: The quantities belong to different spaces.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> best = fc.maximize(cost.parameters, cost.flops <= "2 kFLOP", batch=(8, 32))
        >>> best.config["width"], best.value, best.proved
        (31, 155, True)
    """
    return Optimisation(quantity, limits, 1, restriction, Budget(time_limit, progress)).answer()


def minimize(
    quantity: Quantity,
    /,
    *limits: Limit,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    **restriction: object,
) -> Optimum | Infeasible | Unknown:
    """Find the setting of the smallest cost for which limits hold; see `maximize`."""
    return Optimisation(quantity, limits, -1, restriction, Budget(time_limit, progress)).answer()


class Optimisation:
    """Raises the best value known, path by path, until nothing better is left.

    Scores are values multiplied by the sign: larger is better.
    """

    def __init__(
        self,
        quantity: Quantity,
        limits: tuple[Limit, ...],
        sign: int,
        restriction: Mapping[str, object],
        budget: Budget,
    ) -> None:
        self.quantity = quantity
        self.limit = every(*limits)
        self.sign = sign
        self.problem = Problem(self.limit, restriction, quantity, sign)
        self.ground = Ground(self.problem.quantities, restriction, budget)
        self.best: tuple[int, Point] | None = None
        self._bounds: dict[Cell, int] = {}

    def answer(self) -> Optimum | Infeasible | Unknown:
        """Search all paths."""
        try:
            for cell in self.ground.cells():
                self._improve(cell)
            if self.best is None:
                self.ground.require_settings()
                return Infeasible(str(self.limit), self.ground.effort, self.problem)
        except OutOfBudgetError as error:
            if self.best is None:
                return Unknown(self._statement, str(error), self.ground.effort)
            return self._optimum(self.best, self._bound(), str(error))
        return self._optimum(self.best, self.best[0], None)

    @property
    def _sense(self) -> str:
        return "largest" if self.sign > 0 else "smallest"

    @property
    def _statement(self) -> str:
        such = f" with {self.limit}" if self.limit.comparisons else ""
        return f"{self._sense} {self.quantity.name}{such}"

    def _optimum(self, best: tuple[int, Point], bound: int | None, reason: str | None) -> Optimum:
        return Optimum(
            statement=self._statement,
            name=self.quantity.name,
            unit=self.quantity.unit,
            config=self.ground.lattice.config(best[1]),
            value=self.sign * best[0],
            bound=None if bound is None else self.sign * bound,
            reason=reason,
            effort=self.ground.effort,
            problem=self.problem,
        )

    def _bound(self) -> int | None:
        """Return what no score is above, where every setting belongs to a known path."""
        if not self.ground.covered():
            return None
        bounds = [self._bounds.get(cell, self._highest(cell)) for cell in self.ground.known_cells()]
        known = [bound for bound in bounds if bound is not None]
        return max(known) if len(known) == len(bounds) else None

    def _highest(self, cell: Cell) -> int | None:
        """Return what no score of a cell is above, from the cost's bounds."""
        enclosure, box = cell.cost(self.quantity).enclosure, Boxes.of(self.ground.box)
        bound = enclosure.upper(box)[0] if self.sign > 0 else -enclosure.lower(box)[0]
        return None if bound == math.inf else int(bound)

    def _improve(self, cell: Cell) -> None:
        """Raise the best score to the best of a cell: by boxes where these decide, else by Z3's steps."""
        for corner in cell.corners():
            self._take(cell, corner)
        if self.ground.box.low != self.ground.box.high and not self._climb(cell):
            self._step(cell)

    def _climb(self, cell: Cell) -> bool:
        """Raise the best score by branch and bound; False where boxes do not decide every setting."""
        facts = cell.facts(self.limit)
        goal = CostGoal(cell.cost(self.quantity), self.sign)
        if goal.cost.enclosure.opaque or not all(fact.bounded for fact in facts):
            return False
        box = trimmed(self.ground.box, facts)
        if box is None:
            return True
        support = goal.cost.enclosure.support
        tree = Tree.of(self.ground.lattice, box, facts, whole=False, goal=support)
        try:
            climb = Climb(tree, goal, self.ground.budget, lambda point: self._taken(cell, point))
            climb.best(Boxes.of(box), None if self.best is None else self.best[0])
        except UndecidedError:
            return False
        return True

    def _step(self, cell: Cell) -> None:
        """Raise the best score by steps that double while they succeed."""
        limit = cell.search.named(cell.formula(self.limit))
        high, step = self._highest(cell), 1
        while self.best is None or high is None or self.best[0] < high:
            step = step if self.best is None or high is None else min(step, high - self.best[0])
            goal = [] if self.best is None else [self._at_least(cell, self.best[0] + step)]
            point = cell.search.find(limit, *goal)
            if point is not None:
                self._take(cell, cell.found(point, self.limit))
                step *= 2
            elif self.best is None:
                break
            else:
                cell.search.add(z3.Not(*goal))
                high, step = self.best[0] + step - 1, 1
                self._bounds[cell] = high

    def _at_least(self, cell: Cell, score: int) -> z3.BoolRef:
        cost = cell.cost(self.quantity)
        if self.sign > 0:
            return z3.Not(cell.search.at_most(cost, score - 1))
        return cell.search.at_most(cost, -score)

    def _taken(self, cell: Cell, point: Point) -> int:
        """Return the best score known after taking a point that boxes say is allowed and better.

        Raises:
            ExpressionError: It is not: the bounds of the boxes are wrong.
        """
        before = self.best
        self._take(cell, point)
        if self.best is None or self.best is before:
            where = self.ground.lattice.config(point)
            raise ExpressionError(f"{self._statement}: {where} is no better, where the search has it so")
        return self.best[0]

    def _take(self, cell: Cell, point: Point) -> None:
        """Make a point the best one known, or a point near it, if it is better."""
        score = self._better(cell, point, None if self.best is None else self.best[0])
        if score is None:
            return
        top = climbed(point, score, self.ground.box, lambda moved, least: self._better(cell, moved, least))
        value = cell.value(self.quantity, cell.found(top, self.limit))
        self.best = self.sign * value, top
        self.ground.budget.tell(f"{self._statement}: {amount(value, self.quantity.unit)} so far")

    def _better(self, cell: Cell, point: Point, least: int | None) -> int | None:
        """Return a point's score, None where it is not above the least asked for or not allowed."""
        try:
            score = self.sign * cell.quick_value(self.quantity, point)
            if least is not None and score <= least:
                return None
            allowed = self.limit.true_of(lambda quantity: cell.quick_value(quantity, point))
        except (ArithmeticError, ValueError, ExpressionError):
            return None
        return score if allowed and cell.covers(point) else None
