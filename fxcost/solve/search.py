"""One search for a setting: Z3 proposes, exact evaluation checks and teaches.

Z3 sees the positions of hyperparameters, the conditions between them, and a Boolean for each comparison
of costs; of the costs themselves it knows nothing. Where it takes a comparison for true that is false at
the setting it proposes, or the other way round, it is told of a whole box of settings where that is so.
The search ends when a proposal is right, or when nothing is left to propose, which is a proof.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Collection, Hashable, Sequence

import z3

from fxcost.errors import FxcostError
from fxcost.expr import Lowering, Normaliser
from fxcost.expr.functions import Number
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim, ConditionFact, CostFact, strongest
from fxcost.solve.lattice import Box, Boxes, Lattice, Point
from fxcost.solve.pruning import Conflict, Pruning
from fxcost.solve.statements import Statement
from fxcost.solve.truths import truths

MANY_BOXES = 100_000
"""Claims are decided by branch and prune up to so many boxes,"""

FEW_BOXES = 500
"""and up to so many once that did not suffice."""


class Search:
    """Looks for points of a box that make formulas over facts true.

    Args:
        lattice: The settings.
        box: Where to look.
        budget: When to stop.
        normaliser: Brings conditions into normal form; its tables serve all searches of a question.
    """

    def __init__(self, lattice: Lattice, box: Box, budget: Budget, normaliser: Normaliser) -> None:
        self.lattice = lattice
        self.box = box
        self.budget = budget
        self._lowering = Lowering(lattice.domain, normaliser)
        self._variables = [self._lowering.variables[name] for name in lattice.names]
        self._solver = z3.SimpleSolver()
        self._conditions: dict[Hashable, ConditionFact] = {}
        self._required: list[ConditionFact] = []
        self._costs: dict[Cost, list[CostFact]] = {}
        self._asserted, self._lowered = 0, False
        self._boxes = MANY_BOXES
        for variable, low, high in zip(self._variables, box.low, box.high, strict=True):
            self._solver.add(variable >= _number(low), variable <= _number(high))

    def add(self, formula: z3.BoolRef) -> None:
        """Require a formula over literals."""
        self._solver.add(formula)

    def named(self, formula: z3.BoolRef) -> z3.BoolRef:
        """Return a literal that requires a formula where it is assumed."""
        literal = self._fresh()
        self._solver.add(z3.Implies(literal, formula))
        return literal

    def require(self, statement: Statement) -> None:
        """Require a condition between hyperparameters."""
        self._solver.add(self.condition(statement))
        self._required.append(self._conditions[statement.key])

    def condition(self, statement: Statement) -> z3.BoolRef:
        """Return the literal of a condition between hyperparameters."""
        if statement.key not in self._conditions:
            literal, holds = self._fresh(), functools.partial(statement.holds, self.lattice)
            support = tuple(self.lattice.positions[name] for name in sorted(statement.names))
            known = truths(statement.condition, support, holds, self._lowering.normaliser, self.lattice)
            self._conditions[statement.key] = ConditionFact(literal, support, holds, known)
            self._define(literal, statement)
        return self._conditions[statement.key].literal

    def _define(self, literal: z3.BoolRef, statement: Statement) -> None:
        """Tell Z3 what a condition says, where that can be told; else it learns by asking."""
        if statement.condition is None:
            return
        try:
            term = self._lowering.condition(statement.condition)
        except FxcostError:
            return
        self._solver.add(literal == term)
        self._lowered = True

    def at_most(self, cost: Cost, bound: int) -> z3.BoolRef:
        """Return the literal of `cost <= bound`."""
        chain = self._costs.setdefault(cost, [])
        place = bisect.bisect_left(chain, bound, key=lambda fact: fact.bound)
        if place < len(chain) and chain[place].bound == bound:
            return chain[place].literal
        literal = self._fresh()
        if place > 0:
            self._solver.add(z3.Implies(chain[place - 1].literal, literal))
        if place < len(chain):
            self._solver.add(z3.Implies(literal, chain[place].literal))
        if cost.enclosure.opaque:
            self._solver.add(literal == cost.at_most(bound, self._lowering))
            self._lowered = True
        chain.insert(place, CostFact(literal, cost.enclosure, bound))
        return literal

    def find(self, *assumptions: z3.BoolRef) -> Point | None:
        """Return a point where all that was added holds and the assumptions too; None where there is none.

        Raises:
            OutOfBudgetError: The time is over, or Z3 gives up.
        """
        while True:
            model = self._model(assumptions)
            if model is None:
                return None
            claims = [claim for chain in self._costs.values() for claim in strongest(chain, model)]
            outcome = self._decided(claims)
            if isinstance(outcome, Conflict):
                self._solver.add(z3.Or(*(claim.denial for claim in outcome.claims)))
                continue
            if outcome is not None:
                return outcome
            point = tuple(self._position(model, index) for index in range(len(self._variables)))
            if not self._corrected(model, claims, point):
                return point

    def _decided(self, claims: Sequence[Claim]) -> Point | Conflict | None:
        """Return a point where claims are right, or those that are not; None where that takes too long."""
        if not claims:
            return None
        outcome = Pruning(self.lattice, self.box, self.budget).decide(self._required, claims, self._boxes)
        if outcome is None:
            self._boxes = FEW_BOXES
        return outcome

    def _model(self, assumptions: tuple[z3.BoolRef, ...]) -> z3.ModelRef | None:
        self._define_terms()
        self._solver.set("timeout", 1 + int(1000 * self.budget.left()))
        answer = self._solver.check(*assumptions)
        if answer == z3.unknown:
            self.budget.left()
            raise OutOfBudgetError(f"Z3 gave up ({self._solver.reason_unknown()})")
        return self._solver.model() if answer == z3.sat else None

    def _define_terms(self) -> None:
        """Assert what defines the terms that conditions and costs were lowered to since the last time."""
        if not self._lowered:
            return
        definitions = self._lowering.domain_constraints()
        self._solver.add(*definitions[self._asserted :])
        self._asserted, self._lowered = len(definitions), False

    def _position(self, model: z3.ModelRef, index: int) -> Number:
        value = model.eval(self._variables[index], model_completion=True)
        if self.lattice.listed[index] is not None:
            return int(value.as_long())
        if z3.is_algebraic_value(value):
            value = value.approx(20)
        return min(max(float(value.as_fraction()), self.box.low[index]), self.box.high[index])

    def _corrected(self, model: z3.ModelRef, claims: Sequence[Claim], point: Point) -> bool:
        """Tell Z3 what it has wrong at a point; False where that is nothing."""
        at = Boxes.at(point)
        wrong: list[tuple[z3.BoolRef, Collection[int]]] = [
            (claim.denial, claim.support) for claim in claims if claim.truth(at)[1].item()
        ]
        for fact in self._conditions.values():
            claimed, truth = model.eval(fact.literal), fact.holds(point)
            if z3.is_false(claimed) if truth else z3.is_true(claimed):
                wrong.append((fact.literal if truth else z3.Not(fact.literal), fact.support))
        for right, support in wrong:
            elsewhere = [self._variables[index] != _number(point[index]) for index in support]
            self._solver.add(z3.Or(right, *elsewhere))
        return bool(wrong)

    def _fresh(self) -> z3.BoolRef:
        return z3.FreshBool("fact")


def _number(value: Number) -> z3.ArithRef:
    if isinstance(value, int):
        return z3.IntVal(value)
    numerator, denominator = value.as_integer_ratio()
    return z3.Q(numerator, denominator)
