"""The largest and the smallest value of a quantity, among settings for which limits hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import z3

from fxcost.errors import DeclarationError, ExpressionError
from fxcost.solve.boxes.best import Climb
from fxcost.solve.boxes.goals import CostGoal
from fxcost.solve.boxes.tree import Tree, UndecidedError, trimmed
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, OutOfBudgetError, Progress
from fxcost.solve.cells import Cell, Ground
from fxcost.solve.climbing import climbed
from fxcost.solve.facts import Claim, Fact
from fxcost.solve.finding import undecided
from fxcost.solve.goals import Goal, goals_of, largest, smallest
from fxcost.solve.lattice import Box, Boxes, Point
from fxcost.solve.limits import Limit, every
from fxcost.solve.means import Means
from fxcost.solve.problems import Problem
from fxcost.solve.quantities import Quantity
from fxcost.solve.routes import Engine, Kind, engines_for
from fxcost.solve.spelling import amount
from fxcost.solve.verdicts import Infeasible, Optimum, Unknown
from fxcost.solve.workers.ascent import Ascent
from fxcost.solve.workers.crew import Executor
from fxcost.solve.workers.journal import Journal
from fxcost.space import Config

Then: TypeAlias = "Goal | Quantity | Iterable[Goal | Quantity]"


def maximize(
    quantity: Quantity,
    /,
    *limits: Limit,
    then: Then = (),
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    engine: str | None = None,
    executor: Executor | None = None,
    resume: str | Path | None = None,
    **restriction: object,
) -> Optimum | Infeasible | Unknown:
    """Find the setting of the largest cost for which limits hold, with proof that none is larger.

    Args:
        quantity: What is to be large.
        *limits: What is to hold.
        then: What is to be best among the settings that are best so far, one after the other: quantities to
            be large, too, or `fc.smallest(cost.flops)`.
        time_limit: Seconds of search after which the best setting known is returned, not `proved`.
        progress: Is told what happens, in a few words at a time.
        engine: "boxes", "z3+boxes", "z3" or "cpsat"; by default `fxcost.solve.routes.table()` says which.
        executor: Searches boxes on several processes or machines, see `Feasible.count`.
        resume: A JSON file that is written every few seconds; where it is there, the search goes on from it.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Returns:
        `Optimum`, `Infeasible` where no setting satisfies the limits, or `Unknown` where none was found.

    Raises:
        EmptySpaceError: There is no setting to look at.
        DeclarationError: The quantities belong to different spaces, there is no such engine, or the file is
            about another question, or cannot be read or written.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> best = fc.maximize(cost.parameters, cost.flops <= "2 kFLOP", batch=(8, 32))
        >>> best.config["width"], best.value, best.proved
        (31, 155, True)
        >>> print(fc.maximize(cost.flops, cost.flops <= "2 kFLOP", then=fc.smallest(cost.parameters)))
        largest flops, then smallest parameters with flops <= 2 kFLOP: flops is 2.00 kFLOP, parameters is 50
        at width=10, batch=25: proved (1 region, ... s)
    """
    goals, budget = goals_of(largest(quantity), then), Budget(time_limit, progress)
    return staged(goals, every(*limits), restriction, budget, Means.of(engine, executor, resume))


def minimize(
    quantity: Quantity,
    /,
    *limits: Limit,
    then: Then = (),
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    engine: str | None = None,
    executor: Executor | None = None,
    resume: str | Path | None = None,
    **restriction: object,
) -> Optimum | Infeasible | Unknown:
    """Find the setting of the smallest cost for which limits hold; see `maximize`."""
    goals, budget = goals_of(smallest(quantity), then), Budget(time_limit, progress)
    return staged(goals, every(*limits), restriction, budget, Means.of(engine, executor, resume))


def staged(
    goals: Sequence[Goal],
    limit: Limit,
    restriction: Mapping[str, object],
    budget: Budget,
    means: Means,
    start: Config | None = None,
) -> Optimum | Infeasible | Unknown:
    """Return the best setting of the first goal, among these that of the second, and so on.

    Args:
        goals: What is to be best; at least one.
        limit: What is to hold.
        restriction: As for `Space.restrict`.
        budget: What may be spent on all of it.
        means: What the user wants to answer.
        start: A setting for which the limit holds, None where none is known.
    """
    first, *others = goals
    problem = Problem(limit, restriction, first.quantity, first.sign)
    answer = Optimisation(problem, budget, means, start).answer()
    if not others or not isinstance(answer, Optimum) or not answer.proved:
        return answer
    kept = every(*([limit] if limit.comparisons else []), first.no_worse(answer.value))
    more = staged(others, kept, restriction, budget, replace(means, resume=None), answer.config)
    if not isinstance(more, Optimum):
        return replace(answer, reason=f"{others[0]} was not found: {more}")
    statement = answer.statement.replace(str(first), ", then ".join(map(str, goals)), 1)
    return replace(
        answer,
        statement=statement,
        config=more.config,
        then=(replace(more, then=()), *more.then),
        effort=more.effort,
    )


class Optimisation:
    """Raises the best value known, path by path, until nothing better is left.

    Scores are values multiplied by the sign: larger is better.

    Args:
        problem: What is asked; it has a goal.
        budget: What may be spent.
        means: What the user wants to answer; None for what the routes say.
        start: A setting to begin with.
    """

    def __init__(
        self, problem: Problem, budget: Budget, means: Means | None = None, start: Config | None = None
    ) -> None:
        self.problem = problem
        self.quantity = problem.quantities[0]
        self.limit = problem.limit
        self.sign = problem.sign
        self.means = Means() if means is None else means
        self.ground = Ground(problem.quantities, problem.restriction, budget, self.means.engine)
        self.best: tuple[int, Point] | None = None
        self._start = [] if start is None else [self.ground.lattice.point(start)]
        resume = self.means.resume
        self._journal = None if resume is None else Journal.of(resume, f"{self._statement} {self.ground.box}")
        if self._journal is not None and self._journal.best is not None:
            self._start.append(self._journal.best[1])
        self._bounds: dict[Cell, int] = {}

    def answer(self) -> Optimum | Infeasible | Unknown:
        """Search all paths."""
        try:
            for cell in self.ground.cells():
                self._improve(cell)
            self._check_resumed()
            if self.best is None:
                self.ground.require_settings()
                return Infeasible(str(self.limit), self.ground.effort, self.problem)
        except OutOfBudgetError as error:
            if self.best is None:
                return Unknown(self._statement, str(error), self.ground.effort)
            return self._optimum(self.best, self._bound(), str(error))
        return self._optimum(self.best, self.best[0], None)

    def _check_resumed(self) -> None:
        """Make sure that the best setting of the file was found again: boxes were left out because of it."""
        known = None if self._journal is None else self._journal.best
        if known is not None and (self.best is None or self.best[0] < known[0]):
            raise DeclarationError(
                f"resume={str(self.means.resume)!r}: its best setting is none of this version of the model; "
                "delete the file"
            )

    @property
    def _statement(self) -> str:
        such = f" with {self.limit}" if self.limit.comparisons else ""
        return f"{Goal(self.quantity, self.sign)}{such}"

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
        for corner in (*cell.corners(), *self._start):
            self._take(cell, corner)
        if self.ground.box.low == self.ground.box.high:
            self.ground.answered(Engine.EVALUATION)
            return
        facts, goal = cell.facts(self.limit), Claim(cell.cost(self.quantity), 0, True)
        reasons = []
        for engine in engines_for(Kind.OPTIMISE, [*facts, goal], self.ground.engine):
            try:
                self._raised(engine, cell, facts)
            except UndecidedError as error:
                reasons.append(undecided(engine, error))
                continue
            self.ground.answered(engine)
            return
        raise OutOfBudgetError("; ".join(reasons))

    def _raised(self, engine: Engine, cell: Cell, facts: Sequence[Fact]) -> None:
        """Raise the best score to the best of a cell by one engine.

        Raises:
            UndecidedError: It does not decide every setting.
        """
        match engine:
            case Engine.BOXES:
                self._climb(cell, facts)
            case Engine.CPSAT:
                self._solve(cell, facts)
            case _:
                self._step(cell, engine)

    def _climb(self, cell: Cell, facts: Sequence[Fact]) -> None:
        """Raise the best score by branch and bound."""
        goal = CostGoal(cell.cost(self.quantity), self.sign)
        if goal.cost.enclosure.opaque or not all(fact.bounded for fact in facts):
            raise UndecidedError
        box = trimmed(self.ground.box, facts)
        if box is None:
            return
        support = goal.cost.enclosure.support
        tree = Tree.of(self.ground.lattice, box, facts, whole=False, goal=support)
        score, budget = None if self.best is None else self.best[0], self.ground.budget

        def better(point: Point) -> int:
            return self._taken(cell, point)

        if self.means.executor is None and self._journal is None:
            Climb(tree, goal, budget, better).best(Boxes.of(box), score)
        else:
            self._share(Ascent(tree, goal, budget, better), box, score)

    def _share(self, ascent: Ascent, box: Box, score: int | None) -> None:
        """Raise the best score by jobs, and write down what is left."""
        journal = self._journal
        if journal is None:
            ascent.best(box, score, self.means.executor)
            return
        name = ascent.name(box)
        try:
            ascent.best(
                box,
                score,
                self.means.executor,
                journal.boxes(name),
                lambda left: journal.note(name, left, self.best),
            )
        finally:
            journal.write()

    def _solve(self, cell: Cell, facts: Sequence[Fact]) -> None:
        """Raise the best score by CP-SAT."""
        from fxcost.solve.cpsat import Model

        least = None if self.best is None else self.best[0]
        model = Model(self.ground.lattice, self.ground.box, facts)
        point = model.best(cell.cost(self.quantity), self.sign, least, self.ground.budget)
        if point is not None:
            self._taken(cell, point)

    def _step(self, cell: Cell, engine: Engine) -> None:
        """Raise the best score by steps that double while they succeed."""
        limit = cell.search.named(cell.formula(self.limit))
        high, step = None if engine is Engine.Z3 else self._highest(cell), 1
        while self.best is None or high is None or self.best[0] < high:
            step = step if self.best is None or high is None else min(step, high - self.best[0])
            goal = [] if self.best is None else [self._at_least(cell, self.best[0] + step)]
            point = cell.search.find(limit, *goal, engines=(engine,))
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
