"""Where a question is asked: a part of the space, path of the factory by path."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import sympy
import z3

from fxcost.errors import DeclarationError, EmptySpaceError, ExpressionError
from fxcost.expr import Normaliser
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.constraints import Constraint, Outside
from fxcost.solve.costs import Cost
from fxcost.solve.effort import Effort
from fxcost.solve.facts import Claim, Connected, Fact
from fxcost.solve.finding import first_decided
from fxcost.solve.lattice import Lattice, Point
from fxcost.solve.limits import Comparison, Limit, folded
from fxcost.solve.quantities import Quantity, Region, Regions
from fxcost.solve.routes import Engine, Kind, engines_for
from fxcost.solve.search import Search
from fxcost.space.spelling import assignments_text


class Ground:
    """A part of a space, and the paths of the factories through it.

    Args:
        quantities: What the question is about; all of one space.
        restriction: As for `Space.restrict`.
        budget: What may be spent.
        engine: What the user wants to answer; None for what the routes say.

    Raises:
        DeclarationError: The quantities belong to different spaces.
        EmptySpaceError: The restriction leaves nothing.
    """

    def __init__(
        self,
        quantities: Sequence[Quantity],
        restriction: Mapping[str, object],
        budget: Budget,
        engine: Engine | None = None,
    ) -> None:
        self.budget = budget
        self.engine = engine
        self._answered: dict[Engine, None] = {}
        self.regions = list({id(each.regions): each.regions for each in quantities}.values())
        whole = self.regions[0].space
        if any(regions.space != whole for regions in self.regions):
            raise DeclarationError("a question is about one space; these quantities belong to different ones")
        self.space = whole.restrict(**restriction)
        self.lattice = Lattice(self.regions[0].domain)
        self.box = self.lattice.box(self.space)
        self.normaliser = Normaliser(self.lattice.domain)
        self.declared = [
            Constraint.of_space(each, self.lattice, self.normaliser) for each in self.space.conditions
        ]
        self._constraints: dict[sympy.Basic, Constraint] = {}
        self._uncovered = [Uncovered(self, regions) for regions in self.regions]
        self._cells: dict[tuple[int, ...], Cell] = {}

    @property
    def effort(self) -> Effort:
        """What was spent so far."""
        known = [region for regions in self.regions for region in regions.known]
        verified = [region.basis for region in known if region.basis.startswith("verified")]
        basis = tuple(dict.fromkeys(verified))
        return Effort(len(known), self.budget.spent(), basis, tuple(map(str, self._answered)))

    def answered(self, engine: Engine) -> None:
        """Note that an engine had a part in the answer."""
        self._answered[engine] = None

    @property
    def filtered(self) -> bool:
        """Whether conditions or the factory exclude settings of the space."""
        refused = any(region.refusal is not None for each in self.regions for region in each.known)
        return refused or bool(self.declared)

    def search(self) -> Search:
        """Return a search among the settings that the space allows."""
        search = Search(self.lattice, self.box, self.budget, self.normaliser)
        for constraint in self.declared:
            search.require(constraint)
        return search

    def constraints(self, *regions: Region) -> tuple[Constraint, ...]:
        """Return the conditions of some paths."""
        conditions = dict.fromkeys(condition for region in regions for condition in region.conditions)
        for condition in conditions:
            if condition not in self._constraints:
                made = Constraint(condition, None, self.lattice, self.normaliser)
                self._constraints[condition] = made
        return tuple(self._constraints[condition] for condition in conditions)

    def outside(self, region: Region) -> Outside:
        """Return the fact that a point is not on a path."""
        return Outside(self.constraints(region))

    def allows(self, point: Point) -> bool:
        """Tell whether a point lies in the part of the space."""
        return self.lattice.config(point) in self.space

    def cells(self) -> Iterator[Cell]:
        """Yield each combination of paths that no factory refuses, tracing until every setting has its own.

        Raises:
            OutOfBudgetError: Settings are left that no path covers.
        """
        seen: set[int] = set()
        while True:
            for cell in self.known_cells():
                if id(cell) not in seen:
                    yield cell
                seen.add(id(cell))
            if not any(uncovered.trace() for uncovered in self._uncovered):
                return

    def known_cells(self) -> list[Cell]:
        """Return the combinations of known paths that no factory refuses."""
        cells = []
        for regions in itertools.product(*(each.known for each in self.regions)):
            if any(region.refusal is not None for region in regions):
                continue
            key = tuple(map(id, regions))
            if key not in self._cells:
                self._cells[key] = Cell(self, regions)
            cells.append(self._cells[key])
        return cells

    def covered(self) -> bool:
        """Tell whether every setting has a known path; False where a second does not tell."""
        try:
            return all(uncovered.point(Budget(1.0)) is None for uncovered in self._uncovered)
        except OutOfBudgetError:
            return False

    def require_settings(self) -> None:
        """Make sure that there is a setting to ask about.

        Raises:
            EmptySpaceError: The conditions or the factory exclude every one.
        """
        for cell in self.cells():
            if any(map(cell.covers, cell.corners())) or cell.search.find() is not None:
                return
        refusals = [region.refusal for each in self.regions for region in each.known if region.refusal]
        why = f"the factory refuses them: {refusals[0]}" if refusals else "its conditions exclude them all"
        raise EmptySpaceError(f"no setting is left of {self.space}: {why}")


class Uncovered:
    """The settings that no known path of one factory covers."""

    def __init__(self, ground: Ground, regions: Regions) -> None:
        self.ground = ground
        self.regions = regions
        self._seen = 0
        self._search: Search | None = None

    def trace(self) -> bool:
        """Trace the factory at one of them; False where there is none, which is kept for the next question.

        Raises:
            OutOfBudgetError: Nothing more may be traced; the message names one of them.
        """
        covered = "covered", self.ground.box, len(self.regions.known)
        if covered in self.regions.kept:
            return False
        point = self.point(self.ground.budget)
        if point is None:
            self.regions.kept[covered] = True
            return False
        self.visit(point)
        return True

    def visit(self, point: Point) -> None:
        """Trace the factory at one of them.

        Raises:
            OutOfBudgetError: Nothing more may be traced, or the path traced does not cover the point.
        """
        config = self.ground.lattice.config(point)
        where = assignments_text(config)
        try:
            with self.ground.budget.tracing():
                self.ground.budget.tell(f"tracing another path, at {where}")
                region = self.regions.at(config)
        except OutOfBudgetError as error:
            raise OutOfBudgetError(f"{error}; not looked at: settings such as {where}") from None
        if not all(constraint.holds(point) for constraint in self.ground.constraints(region)):
            raise OutOfBudgetError(f"the path traced at {where} does not cover it")

    def point(self, budget: Budget) -> Point | None:
        """Return one of them; None where there is none."""
        if self._search is None:
            self._search = self.ground.search()
        self._search.budget = budget
        for region in self.regions.known[self._seen :]:
            self._search.require(self.ground.outside(region))
        self._seen = len(self.regions.known)
        return self._search.find()


class Cell:
    """The settings that take one path through each factory.

    Args:
        ground: The part of the space.
        regions: One path for each of the ground's factories.
    """

    def __init__(self, ground: Ground, regions: Sequence[Region]) -> None:
        self.ground = ground
        self.regions = tuple(regions)
        self.search = ground.search()
        self._constraints = ground.constraints(*regions)
        self._by_factory = {id(each): region for each, region in zip(ground.regions, regions, strict=True)}
        for constraint in self._constraints:
            self.search.require(constraint)

    def covers(self, point: Point) -> bool:
        """Tell whether a point of the lattice belongs to the cell."""
        return self.ground.allows(point) and all(each.holds(point) for each in self._constraints)

    def value(self, quantity: Quantity, point: Point) -> int:
        """Return a quantity's exact value at a point of the cell."""
        values = self.ground.lattice.values(point)
        return quantity.expression(self._by_factory[id(quantity.regions)]).evaluate(values)

    def binding(self, quantity: Quantity, point: Point) -> str:
        """Return where in a run a peak is reached at a point of the cell; "" for any other quantity."""
        values = self.ground.lattice.values(point)
        label = quantity.expression(self._by_factory[id(quantity.regions)]).binding(values).label
        return "" if label == quantity.name else label

    def quick_value(self, quantity: Quantity, point: Point) -> int:
        """Return a quantity's value at a point as the search calculates it."""
        return self.cost(quantity).enclosure.at(point)

    def cost(self, *sides: Quantity) -> Cost:
        """Return a quantity, or the difference of two, as a cost; it is kept for the next question."""
        paths = [self._by_factory[id(side.regions)] for side in sides]
        kept, key = sides[0].regions.kept, tuple(zip(paths, sides, strict=True))
        if key not in kept:
            expression, *other = (side.expression(path) for path, side in key)
            kept[key] = Cost(expression, other[0] if other else None, self.ground.lattice)
        found: Cost = kept[key]
        return found

    def literal(self, comparison: Comparison) -> z3.BoolRef:
        """Return the Boolean of a comparison, for the cell's search."""
        bound, truth = comparison.at_most
        literal = self.search.at_most(self.cost(*comparison.sides), bound)
        return literal if truth else z3.Not(literal)

    def facts(self, limit: Limit) -> list[Fact]:
        """Return what holds at a point of the cell where a limit holds, each fact as one of a list."""
        limit_facts = folded(limit, lambda each: [self._claim(each)], _all, _any)
        return [*self.ground.declared, *self._constraints, *limit_facts]

    def _claim(self, comparison: Comparison) -> Fact:
        bound, truth = comparison.at_most
        return Claim(self.cost(*comparison.sides), bound, truth)

    def outside(self) -> Outside:
        """Return the fact that a point does not belong to the cell."""
        return Outside(self._constraints)

    def formula(self, limit: Limit) -> z3.BoolRef:
        """Return a limit as a formula for the cell's search."""
        return folded(limit, self.literal, z3.And, z3.Or)

    def satisfies(self, limit: Limit, point: Point) -> bool:
        """Tell whether a point belongs to the cell and a limit holds there, by exact evaluation."""
        return self.covers(point) and limit.true_of(lambda quantity: self.value(quantity, point))

    def find(self, limit: Limit) -> Point | None:
        """Return a point of the cell where a limit holds, None where there is none."""
        for corner in self.corners():
            if self.satisfies(limit, corner):
                self.ground.answered(Engine.EVALUATION)
                return corner
        facts = self.facts(limit)
        point = first_decided(self, facts, limit, engines_for(Kind.DECIDE, facts, self.ground.engine))
        return None if point is None else self.found(point, limit)

    def found(self, point: Point, limit: Limit) -> Point:
        """Return a point that the search found, having checked it by exact evaluation.

        Raises:
            ExpressionError: The limit does not hold there: the bounds the search learnt from are wrong.
        """
        if not self.satisfies(limit, point):
            where = self.ground.lattice.config(point)
            raise ExpressionError(f"{limit} is false at {where}, where the search has it true")
        return point

    def corners(self) -> Iterator[Point]:
        """Yield the box's lowest and highest point, and where the paths were traced."""
        yield self.ground.box.low
        yield self.ground.box.high
        for region in self.regions:
            if region.hint in self.ground.space:
                yield self.ground.lattice.point(region.hint)


def _all(parts: list[list[Fact]]) -> list[Fact]:
    return [fact for part in parts for fact in part]


def _any(parts: list[list[Fact]]) -> list[Fact]:
    either = (part[0] if len(part) == 1 else Connected(tuple(part), every=True) for part in parts)
    return [Connected(tuple(either), every=False)]
