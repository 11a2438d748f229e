"""One search for a setting: Z3 proposes, exact evaluation checks and teaches.

Z3 sees the positions of hyperparameters, the conditions between them, and a Boolean for each comparison
of costs; of the costs themselves it knows nothing. Where it takes a comparison for true that is false at
the setting it proposes, or the other way round, it is told of a whole box of settings where that is so.
The search ends when a proposal is right, or when nothing is left to propose, which is a proof.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Hashable, Iterator

import z3

from fxcost.errors import FxcostError
from fxcost.expr import Lowering, Normaliser
from fxcost.expr.functions import Number
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.costs import Cost
from fxcost.solve.facts import ConditionFact, CostFact, Fact
from fxcost.solve.lattice import Box, Lattice, Point
from fxcost.solve.statements import Statement


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
        self._costs: dict[Cost, list[CostFact]] = {}
        self._asserted, self._lowered = 0, False
        self._random = random.Random(0)
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

    def condition(self, statement: Statement) -> z3.BoolRef:
        """Return the literal of a condition between hyperparameters."""
        if statement.key not in self._conditions:
            literal = self._fresh()
            support = frozenset(self.lattice.positions[name] for name in statement.names)
            fact = ConditionFact(literal, support, lambda point: statement.holds(self.lattice, point))
            self._conditions[statement.key] = fact
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
            point = tuple(self._position(model, index) for index in range(len(self._variables)))
            wrong = self._wrong(model, point)
            if not wrong:
                return point
            for fact, claimed in wrong:
                self._teach(fact, claimed, point)

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

    def _wrong(self, model: z3.ModelRef, point: Point) -> list[tuple[Fact, bool]]:
        """Return the facts that the model has wrong; costs are looked at where the conditions are right."""
        wrong: list[tuple[Fact, bool]] = []
        for fact in self._conditions.values():
            claimed = _claim(model, fact)
            if claimed is not None and claimed is not fact.holds(point):
                wrong.append((fact, claimed))
        if wrong:
            return wrong
        return [claim for chain in self._costs.values() for claim in _wrong_costs(model, chain, point)]

    def _teach(self, fact: Fact, claimed: bool, point: Point) -> None:
        truth = z3.Not(fact.literal) if claimed else fact.literal
        for box in fact.boxes(point, self.box, self._random):
            self._solver.add(z3.Or(truth, *self._outside(box)))

    def _outside(self, box: Box) -> list[z3.BoolRef]:
        sides = []
        for index, variable in enumerate(self._variables):
            if box.low[index] > self.box.low[index]:
                sides.append(variable < _number(box.low[index]))
            if box.high[index] < self.box.high[index]:
                sides.append(variable > _number(box.high[index]))
        return sides

    def _fresh(self) -> z3.BoolRef:
        return z3.FreshBool("fact")


def _claim(model: z3.ModelRef, fact: Fact) -> bool | None:
    """Return what a model says of a fact, None where it does not matter to it."""
    value = model.eval(fact.literal)
    return True if z3.is_true(value) else False if z3.is_false(value) else None


def _wrong_costs(model: z3.ModelRef, chain: list[CostFact], point: Point) -> Iterator[tuple[CostFact, bool]]:
    """Return the two comparisons, of those of one cost, that the model has wrong by most.

    They say most about other settings: a cost that is above the lowest bound it should keep, and one that is
    below the highest bound it should exceed.
    """
    value = chain[0].enclosure.at(point)
    above = [fact for fact in chain if fact.bound < value and _claim(model, fact) is True]
    below = [fact for fact in reversed(chain) if fact.bound >= value and _claim(model, fact) is False]
    yield from ((fact, True) for fact in above[:1])
    yield from ((fact, False) for fact in below[:1])


def _number(value: Number) -> z3.ArithRef:
    if isinstance(value, int):
        return z3.IntVal(value)
    numerator, denominator = value.as_integer_ratio()
    return z3.Q(numerator, denominator)
