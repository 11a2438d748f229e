"""CP-SAT as an engine: what is to hold of a setting as constraints between integers.

It is asked for by `engine="cpsat"` and needs ortools. CP-SAT's integers end at 2⁶², so what could grow beyond
that is refused before it is asked. Conditions that it cannot be told are left out: a setting that does not
satisfy them is then forbidden, and CP-SAT asked again, so that an answer is as sure as any other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from fxcost.expr import Polynomial
from fxcost.solve.boxes.tree import UndecidedError
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.constraints import Constraint
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim, Connected, Fact
from fxcost.solve.lattice import Box, Boxes, Lattice, Point
from fxcost.solve.products import Products, settings

EXACT = 2**53
"""A goal this large may be rounded by CP-SAT: that it is the best is then proved by one more question."""

Literal: TypeAlias = Any
"""A Boolean of CP-SAT's."""

Comparisons: TypeAlias = "Sequence[Any]"


class Model:
    """What is to hold at a point, told to CP-SAT.

    Args:
        lattice: The settings.
        box: Where to look.
        facts: What is to hold.

    Raises:
        UndecidedError: It cannot be told.
    """

    def __init__(self, lattice: Lattice, box: Box, facts: Sequence[Fact]) -> None:
        from ortools.sat.python import cp_model

        self._cp = cp_model
        self._model = cp_model.CpModel()
        self._box = box
        self._facts = facts
        self._products = Products(
            self._model, lattice, box, [each for each in facts if isinstance(each, Claim)]
        )
        self._positions: list[Any] = self._products.positions
        for fact in facts:
            self._require(fact, None)

    def find(self, budget: Budget) -> Point | None:
        """Return a point where everything holds, None where there is none.

        Raises:
            OutOfBudgetError: The time is over.
        """
        while True:
            point = self._solved(budget)
            if point is None or not self._forbidden(point):
                return point

    def best(self, cost: Cost, sign: int, score: int | None, budget: Budget) -> Point | None:
        """Return the point of the best score above one that is known; None where there is none.

        Args:
            cost: What is to be large, or small.
            sign: 1 where it is to be large, -1 where it is to be small.
            score: The cost multiplied by the sign; None where none is known.
            budget: When to stop.

        Raises:
            OutOfBudgetError: The time is over.
        """
        goal = self._goal(cost, sign)
        if score is not None:
            self._model.add(goal >= score + 1)
        self._model.maximize(goal)
        best, point = None, self.find(budget)
        while point is not None:
            best, value = point, cost.enclosure.at(point)
            if abs(value) < EXACT:
                return best
            self._model.add(goal >= sign * value + 1)
            point = self.find(budget)
        return best

    def _solved(self, budget: Budget) -> Point | None:
        problem = self._model.validate()
        if problem:
            raise UndecidedError(problem.partition("\n")[0])
        solver = self._cp.CpSolver()
        parameters = solver.parameters
        parameters.num_workers, parameters.max_time_in_seconds = 1, budget.left()
        parameters.absolute_gap_limit = parameters.relative_gap_limit = 0
        status = solver.solve(self._model)
        if status == self._cp.INFEASIBLE:
            return None
        if status != self._cp.OPTIMAL:
            budget.left()
            raise OutOfBudgetError(f"CP-SAT ended with {solver.status_name(status)}")
        return tuple(
            each if isinstance(each, int | float) else int(solver.value(each)) for each in self._positions
        )

    def _forbidden(self, point: Point) -> bool:
        """Forbid a point where something does not hold; False where all holds."""
        unmet = [fact for fact in self._facts if not fact.truth(Boxes.at(point))[0].item()]
        for fact in unmet:
            places = self._free(fact)
            forbidden = tuple(int(point[index]) for index in places)
            self._model.add_forbidden_assignments([self._positions[index] for index in places], [forbidden])
        return bool(unmet)

    def _free(self, fact: Fact) -> list[int]:
        """Return the places of hyperparameters that a fact depends on and that are not fixed."""
        places = [index for index in sorted(fact.support) if self._box.low[index] != self._box.high[index]]
        return places or [
            index for index, each in enumerate(self._positions) if not isinstance(each, int | float)
        ]

    def _require(self, fact: Fact, literal: Literal | None) -> None:
        """Tell what holds where a literal does, or everywhere."""
        match fact:
            case Claim():
                self._require_claim(fact, literal)
            case Connected(parts=parts, every=True):
                for part in parts:
                    self._require(part, literal)
            case Connected(parts=parts):
                self._some([self._implied(part) for part in parts], literal)
            case Constraint():
                self._require_condition(fact)

    def _implied(self, fact: Fact) -> Literal:
        """Return a literal where a fact holds."""
        literal = self._model.new_bool_var("")
        self._require(fact, literal)
        return literal

    def _some(self, literals: Sequence[Literal], literal: Literal | None) -> None:
        _where(self._model.add_bool_or(literals), literal)

    def _require_claim(self, claim: Claim, literal: Literal | None) -> None:
        """Tell that the largest over rows of the smallest in a row is at most a bound, or above it."""
        rows = [[self._compared(each, claim) for each in row] for row in claim.cost.rows]
        if not claim.claimed:
            self._any_of(rows, literal)
            return
        for row in rows:
            self._any_of([[comparison] for comparison in row], literal)

    def _any_of(self, alternatives: Sequence[Comparisons], literal: Literal | None) -> None:
        """Tell that of some lists of comparisons there is one that holds."""
        if len(alternatives) == 1:
            for comparison in alternatives[0]:
                _where(self._model.add(comparison), literal)
            return
        literals = []
        for comparisons in alternatives:
            literals.append(self._model.new_bool_var(""))
            for comparison in comparisons:
                self._model.add(comparison).only_enforce_if(literals[-1])
        self._some(literals, literal)

    def _compared(self, polynomial: Polynomial, claim: Claim) -> Any:
        value = self._products.value(polynomial)
        bound = min(max(claim.bound, value.low - 1), value.high)  # one far away may be no int64
        return value.term <= bound if claim.claimed else value.term >= bound + 1

    def _goal(self, cost: Cost, sign: int) -> Any:
        """Return an integer that is at most a cost multiplied by the sign, and can reach it."""
        rows = [[self._products.value(polynomial) for polynomial in row] for row in cost.rows]
        low = min(value.low for row in rows for value in row)
        high = max(value.high for row in rows for value in row)
        least, most = sorted((sign * low, sign * high))
        goal = self._model.new_int_var(least, most, "goal")
        if sign > 0:
            self._any_of([[goal <= value.term for value in row] for row in rows], None)
            return goal
        for row in rows:
            self._any_of([[goal <= -value.term] for value in row], None)
        return goal

    def _require_condition(self, constraint: Constraint) -> None:
        """Tell a condition by its table, where that is not too long and it has a value everywhere."""
        places = [i for i in sorted(constraint.support) if self._box.low[i] != self._box.high[i]]
        every = settings(self._box, places)
        if not places or every is None:
            return
        right, wrong = constraint.truth(every)
        if not (right | wrong).all():
            return
        rows = list(zip(*(every.low[index][right].tolist() for index in places), strict=True))
        self._model.add_allowed_assignments([self._positions[index] for index in places], rows)


def _where(constraint: Any, literal: Literal | None) -> None:
    if literal is not None:
        constraint.only_enforce_if(literal)
