"""Traces a factory until no setting is left that no region covers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy

from fxcost.errors import DeclarationError, EmptySpaceError
from fxcost.solve.agreement import Agreement, Group, Part
from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.cells import Ground, Uncovered
from fxcost.solve.counting import Counts, counted
from fxcost.solve.cubes import Clause, Cube, Frame
from fxcost.solve.lattice import Point
from fxcost.solve.quantities import Region
from fxcost.solve.where import Where, where
from fxcost.space import Config

CUBES = 32
"""What is not covered is said in at most so many sets of conditions."""

DRAWS = 64
"""Where the search is cut short, so many settings are looked at for one that is not covered."""

SECONDS = 1.0
"""So long it is looked whether a region known before reaches into the part of the space."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """The regions of a part of a space.

    Attributes:
        ground: The part of the space.
        parts: The regions in it, in the order they were traced.
        reason: Why settings may be left; None where it is proved that there are none.
        uncovered: A setting that no region covers, None where none is known.
    """

    ground: Ground
    parts: tuple[Part, ...]
    reason: str | None
    uncovered: Config | None

    @cached_property
    def held(self) -> tuple[sympy.Basic, ...]:
        """What holds in the whole part: bounds of the hyperparameters, and the space's conditions."""
        declared = [constraint.condition for constraint in self.ground.declared]
        return (*_bounds(self.ground), *(each for each in declared if each is not None))

    @cached_property
    def agreement(self) -> Agreement:
        """Compares the regions' closed forms."""
        return Agreement(self.ground.lattice.domain, self.held)

    @cached_property
    def frame(self) -> Frame:
        """The part of the space, to read conditions in."""
        lattice, box = self.ground.lattice, self.ground.box
        low, high = lattice.values(box.low), lattice.values(box.high)
        return Frame(lattice.domain, self.held, {name: (low[name], high[name]) for name in low})

    @property
    def settings(self) -> int | None:
        """How many settings there are, None where they are too many to look at."""
        if not self.ground.declared:
            return self.ground.space.size if isinstance(self.ground.space.size, int) else None
        return None if self._counts is None else self._counts.all

    def settings_of(self, part: Part) -> int | None:
        """Return how many settings belong to a region and to no earlier one."""
        return None if self._counts is None else self._counts.own[self.parts.index(part)]

    def part_at(self, config: Config) -> Part | None:
        """Return the first region that covers a setting."""
        values = self.ground.lattice.domain.encode(config)
        return next((part for part in self.parts if part.region.covers(values)), None)

    def where(self, group: Group) -> Where:
        """Return the conditions of some regions."""
        cubes = [self._cube(part) for part in group.parts]
        return where(self.frame, self.frame.united([cube for cube in cubes if cube is not None]))

    def outside(self) -> Where | None:
        """Return the settings that no region covers; None where there are none, or that takes too long."""
        if self.reason is None:
            return None
        cubes = [self._cube(part) for part in self.parts]
        left = self.frame.outside([cube for cube in cubes if cube is not None], CUBES)
        return where(self.frame, left) if left else None

    def _cube(self, part: Part) -> Cube | None:
        return self.frame.cube(_clauses(part.region))

    @cached_property
    def _counts(self) -> Counts | None:
        regions = [part.region.conditions for part in self.parts]
        return counted(self.ground.lattice, self.ground.box, self.ground.declared, regions)


def explored(ground: Ground) -> Exploration:
    """Return the regions of a part of a space, traced until every setting is covered or the budget is spent.

    Raises:
        DeclarationError: The part belongs to more than one factory.
        EmptySpaceError: It holds no setting.
    """
    if len(ground.regions) != 1:
        raise DeclarationError("a partition is of one factory; these quantities belong to several")
    (regions,) = ground.regions
    uncovered = Uncovered(ground, regions)
    reason, point = _explore(ground, uncovered)
    parts = tuple(_parts(ground, regions.known))
    if not parts and reason is None:
        raise EmptySpaceError(f"no setting is left of {ground.space}: its conditions exclude them all")
    if reason is not None and point is None:
        point = next(_uncovered_points(ground, parts), None)
    return Exploration(ground, parts, reason, None if point is None else ground.lattice.config(point))


def _explore(ground: Ground, uncovered: Uncovered) -> tuple[str | None, Point | None]:
    """Trace; return why it ended before every setting was covered, and a setting that is not."""
    point = None
    try:
        while True:
            ground.budget.tell(f"is there a setting outside {len(uncovered.regions.known)} regions?")
            point = uncovered.point(ground.budget)
            if point is None:
                return None, None
            uncovered.visit(point)
            point = None
    except OutOfBudgetError as error:
        return str(error).partition(";")[0], point


def _parts(ground: Ground, regions: Iterable[Region]) -> Iterator[Part]:
    """Yield the regions that have settings in the ground, each with one of them."""
    for region in regions:
        if region.hint in ground.space and region.covers(ground.lattice.domain.encode(region.hint)):
            yield Part(region, region.hint)
            continue
        search = ground.search()
        search.budget = Budget(SECONDS)
        for constraint in ground.constraints(region):
            search.require(constraint)
        point = search.find()
        if point is not None:
            yield Part(region, ground.lattice.config(point))


def _uncovered_points(ground: Ground, parts: tuple[Part, ...]) -> Iterator[Point]:
    """Yield settings that no region covers, of a few looked at."""
    draw = random.Random(0)
    domain = ground.lattice.domain
    for _ in range(DRAWS):
        config = ground.space.sample(draw)
        values = domain.encode(config)
        if not any(part.region.covers(values) for part in parts):
            yield ground.lattice.point(config)


def _bounds(ground: Ground) -> Iterator[sympy.Basic]:
    """Yield the bounds of the hyperparameters that are restricted."""
    lattice, whole = ground.lattice, ground.lattice.whole
    low, high = lattice.values(ground.box.low), lattice.values(ground.box.high)
    lowest, highest = lattice.values(whole.low), lattice.values(whole.high)
    for name, symbol in lattice.domain.symbols.items():
        if low[name] == high[name] != lowest[name]:
            yield sympy.Eq(symbol, low[name], evaluate=False)
        elif low[name] != lowest[name]:
            yield sympy.Ge(symbol, low[name], evaluate=False)
        if high[name] != highest[name]:
            yield sympy.Le(symbol, high[name], evaluate=False)


def _clauses(region: Region) -> Iterator[Clause]:
    return (Clause(question.condition, (question,)) for question in region.questions)
