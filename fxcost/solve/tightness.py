"""Looks next to an optimum for what keeps it from being better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fxcost.solve.binding import Binding, Held, Step, Stop
from fxcost.solve.budget import Budget
from fxcost.solve.cells import Cell, Ground
from fxcost.solve.demands import bounds, conjuncts
from fxcost.solve.lattice import Point
from fxcost.solve.problems import Problem
from fxcost.solve.quantities import Quantity
from fxcost.solve.readings import readings
from fxcost.solve.refusals import Refusal
from fxcost.space import Config

SCANNED = 64
"""So many values are looked at for the next one that the space and the factory allow."""

END = "at the end of its range"
NO_DIFFERENCE = "makes no difference"
NO_BETTER = "no better on either side"
REAL = "a real number: it has no next value"


def binding(problem: Problem, goal: Quantity, config: Config, value: int) -> Binding:
    """Return what keeps an optimum from being better, by exact evaluation next to it.

    Args:
        problem: What was asked.
        goal: What is optimised.
        config: The optimum.
        value: The goal there.
    """
    ground = Ground(problem.quantities, problem.restriction, Budget())
    near = _Near(problem, goal, ground, ground.lattice.point(config), value)
    ends = zip(ground.box.low, ground.box.high, strict=True)
    held = [near.held(index) for index, (low, high) in enumerate(ends) if low != high]
    return Binding(goal.name, goal.unit, value, tuple(held))


@dataclass(frozen=True)
class _Place:
    """A setting next to the optimum, the paths it is on, and by how much it is better."""

    point: Point
    cell: Cell
    value: int
    gain: int


@dataclass(frozen=True)
class _Near:
    """The settings next to an optimum."""

    problem: Problem
    goal: Quantity
    ground: Ground
    point: Point
    value: int

    def held(self, index: int) -> Held:
        """Return what keeps one hyperparameter where it is."""
        axis = self.ground.lattice.axes[index]
        at = self.ground.lattice.config(self.point)[axis.name]
        if axis.listed is None:
            return Held(axis.name, at, (), REAL)
        sides = list(self._sides(index, ordered=axis.options is None))
        places = [next(filter(None, map(self._place, side)), None) for side in sides]
        steps = tuple(self._step(axis.name, place) for place in places if place and place.gain > 0)
        return Held(axis.name, at, steps, "" if steps else self._remark(axis.name, sides, places))

    def _sides(self, index: int, *, ordered: bool) -> Iterator[list[Point]]:
        """Yield the points below and those above, nearest first; where there is no order, each other one."""
        at, low, high = (int(each[index]) for each in (self.point, self.ground.box.low, self.ground.box.high))
        below, above = range(at - 1, low - 1, -1), range(at + 1, high + 1)
        sides = [below[:SCANNED], above[:SCANNED]] if ordered else [[each] for each in (*below, *above)]
        for side in sides:
            yield [(*self.point[:index], each, *self.point[index + 1 :]) for each in side]

    def _place(self, point: Point) -> _Place | None:
        """Return a point with its paths; None where it is excluded, refused or on no known path."""
        for cell in self.ground.known_cells():
            if cell.covers(point):
                value = cell.value(self.goal, point)
                return _Place(point, cell, value, self.problem.sign * (value - self.value))
        return None

    def _step(self, name: str, place: _Place) -> Step:
        stops = []
        for limit in conjuncts(self.problem.limit):
            if not place.cell.satisfies(limit, place.point):
                found = readings(limit, place.cell, place.point)
                stops.append(Stop(str(limit), tuple(each for each in found if not each.holds)))
        return Step(self.ground.lattice.config(place.point)[name], place.value, tuple(stops))

    def _remark(self, name: str, sides: Sequence[list[Point]], places: Sequence[_Place | None]) -> str:
        """Return why no step is better."""
        gains = [place.gain for place in places if place is not None]
        if gains and not any(gains):
            return NO_DIFFERENCE
        if any(not side for side in sides):
            end = next(relation for relation, side in zip((">=", "<="), sides, strict=True) if not side)
            asked = bounds(self.ground.regions[0].space, self.problem.restriction)
            own = (str(each) for each in asked if (each.name, each.relation) == (name, end))
            return next((f"at its end, {text}" for text in own), END)
        excluded = [side[0] for side, place in zip(sides, places, strict=True) if place is None]
        return self._exclusion(excluded[0]) if excluded else NO_BETTER

    def _exclusion(self, point: Point) -> str:
        """Return why a point is none that was looked at."""
        config, values = self.ground.lattice.config(point), self.ground.lattice.values(point)
        broken = [str(each) for each in self.ground.space.conditions if not each.holds(config)]
        known = [region for each in self.ground.regions for region in each.known]
        refused = [Refusal.of(region) for region in known if region.refusal and region.covers(values)]
        why = broken[0] if broken else str(refused[0]) if refused else "it was not looked at"
        return f"its next value is excluded: {why}"
