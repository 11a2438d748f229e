"""Answers whether some of what was asked can be satisfied, for explanations of why all of it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fxcost.errors import EmptySpaceError, FxcostError
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.cells import Ground
from fxcost.solve.constraints import Constraint
from fxcost.solve.demands import Asked, Bound, restriction_of
from fxcost.solve.effort import Effort
from fxcost.solve.limits import Comparison, Every, Limit
from fxcost.solve.optimise import Optimisation
from fxcost.solve.problems import Problem
from fxcost.solve.quantities import Quantity, Region
from fxcost.solve.verdicts import Infeasible, Optimum, Unknown
from fxcost.space import Condition, Config


class Probe:
    """Asks about parts of a problem; each question may spend half of what is left of the time.

    Args:
        problem: What was asked.
        budget: What may be spent on everything.
    """

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self.problem = problem
        self.budget = budget
        self.whole = problem.quantities[0].regions.space

    def setting(self, asked: Iterable[Asked]) -> Config | None:
        """Return a setting that satisfies limits and bounds, and all conditions; None where there is none.

        Raises:
            OutOfBudgetError: Neither is found in time.
        """
        limit, restriction = _divided(asked)
        with self.budget.half() as budget:
            ground = Ground(self.problem.quantities, restriction, budget)
            for cell in ground.cells():
                point = cell.find(limit)
                if point is not None:
                    return ground.lattice.config(point)
        return None

    def best(self, quantity: Quantity, sign: int, asked: Iterable[Asked]) -> Optimum | Infeasible | Unknown:
        """Return where a quantity is largest (or smallest) among settings that satisfy limits and bounds."""
        limit, restriction = _divided(asked)
        goal = self.problem.goal
        if goal is not None and goal.regions is not quantity.regions:
            limit = Every((limit, Comparison(goal, "<=", goal, goal.name)))  # its factory's refusals count
        try:
            with self.budget.half() as budget:
                return Optimisation(Problem(limit, restriction, quantity, sign), budget).answer()
        except EmptySpaceError:
            return Infeasible(str(limit), self.effort())
        except OutOfBudgetError as error:
            return Unknown(str(limit), str(error), self.effort())

    def conflict_without(self, condition: Condition, asked: Sequence[Asked]) -> bool:
        """Tell whether limits and bounds are in conflict by the closed forms alone, without a condition.

        What the closed forms say where the condition does not hold is no cost of the model; but where they
        leave nothing even there, the condition is no part of the conflict.

        Args:
            condition: The one to leave out.
            asked: Limits and bounds, and the conditions that are not left out.

        Raises:
            OutOfBudgetError: That is not decided in time, or cannot be.
        """
        limit, restriction = _divided(asked)
        kept = [each for each in asked if isinstance(each, Condition) and each is not condition]
        with self.budget.half() as budget:
            ground = Ground(self.problem.quantities, restriction, budget)
            ground.declared = [Constraint.of_space(each, ground.lattice, ground.normaliser) for each in kept]
            try:
                cells = ground.known_cells()
                return all(each.search.find(each.search.named(each.formula(limit))) is None for each in cells)
            except (FxcostError, ArithmeticError, ValueError) as error:
                raise OutOfBudgetError(f"the closed forms do not reach beyond {condition}") from error

    def reaches(self, region: Region) -> bool:
        """Tell whether a path has settings where the problem asks; True where that is not decided in time."""
        try:
            with self.budget.half() as budget:
                ground = Ground(self.problem.quantities, self.problem.restriction, budget)
                search = ground.search()
                for constraint in ground.constraints(region):
                    search.require(constraint)
                return search.find() is not None
        except OutOfBudgetError:
            return True

    def effort(self) -> Effort:
        """Return what was spent so far."""
        return Ground(self.problem.quantities, {}, self.budget).effort


def _divided(asked: Iterable[Asked]) -> tuple[Limit, dict[str, object]]:
    """Return the limits among what is asked as one, and the bounds as a restriction."""
    demands = list(asked)
    limits = tuple(each for each in demands if isinstance(each, Limit))
    limit = limits[0] if len(limits) == 1 else Every(limits)
    return limit, restriction_of(each for each in demands if isinstance(each, Bound))
