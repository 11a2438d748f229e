"""One search for a setting: Z3 proposes which comparisons hold, branch and prune decides whether they can.

Z3 sees a Boolean for each comparison of costs and the formulas over them. A proposal that no setting
meets comes back to it as a clause; the search ends at a setting, or with Z3's proof that nothing is left to
propose. Where branch and prune cannot tell (a `Float` cannot be halved for ever, some functions have no
bounds), Z3 is also told the arithmetic, and proposes settings that are checked exactly.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence

import z3

from fxcost.expr import Normaliser
from fxcost.solve.arithmetic import Arithmetic
from fxcost.solve.boxes.tree import UndecidedError
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.costs import Cost
from fxcost.solve.facts import Claim, CostFact, Fact, Required, strongest
from fxcost.solve.lattice import Box, Boxes, Lattice, Point
from fxcost.solve.pruning import Conflict, Pruning
from fxcost.solve.routes import Engine, Engines, Kind, engines_for

COARSE_BOXES = 50_000
"""Facts without bounds are decided by branch and prune up to so many boxes."""

COVER = engines_for(Kind.COVER)


class Search:
    """Looks for points of a box that meet requirements and make formulas over comparisons true.

    Args:
        lattice: The settings.
        box: Where to look.
        budget: When to stop.
        normaliser: Holds the tables of the lowering; its conditions are none.
    """

    def __init__(self, lattice: Lattice, box: Box, budget: Budget, normaliser: Normaliser) -> None:
        self.lattice = lattice
        self.box = box
        self.budget = budget
        self._normaliser = normaliser
        self._solver = z3.SimpleSolver()
        self._required: list[Required] = []
        self._costs: dict[Cost, list[CostFact]] = {}
        self._arithmetic: Arithmetic | None = None

    def require(self, fact: Required) -> None:
        """Require a fact of all points."""
        self._required.append(fact)
        if self._arithmetic is not None:
            self._arithmetic.add(fact)

    def add(self, formula: z3.BoolRef) -> None:
        """Require a formula over comparisons."""
        self._solver.add(formula)

    def named(self, formula: z3.BoolRef) -> z3.BoolRef:
        """Return a literal that requires a formula where it is assumed."""
        literal = z3.FreshBool("named")
        self._solver.add(z3.Implies(literal, formula))
        return literal

    def at_most(self, cost: Cost, bound: int) -> z3.BoolRef:
        """Return the literal of `cost <= bound`."""
        chain = self._costs.setdefault(cost, [])
        place = bisect.bisect_left(chain, bound, key=lambda fact: fact.bound)
        if place < len(chain) and chain[place].bound == bound:
            return chain[place].literal
        fact = CostFact(z3.FreshBool("at_most"), cost, bound)
        chain.insert(place, fact)
        for lower, higher in itertools.pairwise(chain[max(0, place - 1) : place + 2]):
            self._solver.add(z3.Implies(lower.literal, higher.literal))
        if self._arithmetic is not None:
            self._arithmetic.add(fact)
        return fact.literal

    def find(self, *assumptions: z3.BoolRef, engines: Engines = COVER) -> Point | None:
        """Return a point where all that was added holds and the assumptions too; None where there is none.

        Args:
            *assumptions: What is to hold this time.
            engines: Whether boxes decide Z3's proposals, or it is told the arithmetic; the second where the
                first does not decide.

        Raises:
            OutOfBudgetError: The time is over, or Z3 gives up.
            UndecidedError: None of the engines decides.
        """
        for engine in engines:
            try:
                return self._found(assumptions, engine)
            except UndecidedError:
                continue
        raise UndecidedError

    def _found(self, assumptions: tuple[z3.BoolRef, ...], engine: Engine) -> Point | None:
        if engine is Engine.Z3 and self._arithmetic is None:
            self._arithmetic = self._told()
        if engine is Engine.MIXED and self._arithmetic is not None:
            raise UndecidedError  # boxes did not tell before
        while True:
            model = self._model(assumptions)
            if model is None:
                return None
            denials = {
                Claim(fact.cost, fact.bound, claimed): z3.Not(fact.literal) if claimed else fact.literal
                for chain in self._costs.values()
                for fact, claimed in strongest(chain, model)
            }
            if self._arithmetic is not None:
                point = self._arithmetic.point(model)
                if not self._corrected(self._arithmetic, denials, point):
                    return point
                continue
            outcome = self._decided(list(denials))
            if outcome is None:
                raise UndecidedError
            if isinstance(outcome, Conflict):
                self._solver.add(z3.Or(*(denials[claim] for claim in outcome.claims)))
            else:
                return outcome

    def _model(self, assumptions: tuple[z3.BoolRef, ...]) -> z3.ModelRef | None:
        self._solver.set("timeout", 1 + int(1000 * self.budget.left()))
        answer = self._solver.check(*assumptions)
        if answer == z3.unknown:
            self.budget.left()
            raise OutOfBudgetError(f"Z3 gave up ({self._solver.reason_unknown()})")
        return self._solver.model() if answer == z3.sat else None

    def _decided(self, claims: Sequence[Claim]) -> Point | Conflict | None:
        """Return a point where claims are right, or those that are not; None where boxes do not tell."""
        facts: list[Fact] = [*self._required, *claims]
        bounded = all(fact.bounded for fact in facts)
        pruning = Pruning(self.lattice, self.box, self.budget)
        return pruning.decide(facts, math.inf if bounded else COARSE_BOXES)

    def _told(self) -> Arithmetic:
        """Tell Z3 what everything means."""
        arithmetic = Arithmetic(self._solver, self.lattice, self.box, self._normaliser)
        for required in self._required:
            arithmetic.add(required)
        for fact in itertools.chain(*self._costs.values()):
            arithmetic.add(fact)
        return arithmetic

    def _corrected(self, arithmetic: Arithmetic, denials: Mapping[Claim, z3.BoolRef], point: Point) -> bool:
        """Tell Z3 what it has wrong at a point; False where that is nothing."""
        unmet = [fact for fact in self._required if not fact.holds(point)]
        wrong = [] if unmet else [claim for claim in denials if claim.truth(Boxes.at(point))[1].item()]
        for fact in unmet:
            arithmetic.correct(z3.BoolVal(False), fact.support, point)
        for claim in wrong:
            arithmetic.correct(denials[claim], claim.support, point)
        return bool(unmet or wrong)
