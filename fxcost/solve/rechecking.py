"""Whether a fact really holds nowhere in a box: by exact evaluation of what it is made of, else by Z3.

Nothing here uses the bounds that the box was closed by.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import z3

from fxcost.errors import FxcostError
from fxcost.expr import Atom, Lowering, Normaliser, Polynomial, evaluate
from fxcost.solve.constraints import Constraint, Outside
from fxcost.solve.facts import Claim, Connected, Fact
from fxcost.solve.lattice import Box, Lattice, Point

POINTS = 4096
"""A condition, or an atom, is evaluated at up to so many settings."""

MILLISECONDS = 2000
"""So long Z3 is given for a box."""

By: TypeAlias = Literal["evaluation", "z3"]


@dataclass
class Rechecker:
    """Proves again that facts hold nowhere in boxes.

    Attributes:
        lattice: The settings.
        normaliser: For Z3's arithmetic; its conditions are none.
    """

    lattice: Lattice
    normaliser: Normaliser
    _ends: dict[tuple[Atom, Point, Point], tuple[int, int] | None] = field(default_factory=dict)

    def closes(self, fact: Fact, box: Box) -> By | None:
        """Return how it was proved that a fact holds nowhere in a box; None where it was not."""
        if self._evaluated(fact, box):
            return "evaluation"
        return "z3" if self._proved(fact, box) else None

    def _evaluated(self, fact: Fact, box: Box) -> bool:
        match fact:
            case Claim():
                return self._wrong(fact, box)
            case Connected(parts=parts, every=every):
                return (any if every else all)(self._evaluated(part, box) for part in parts)
            case Constraint():
                return self._everywhere(fact, box, truth=False)
            case Outside(parts=parts):
                return all(self._everywhere(part, box, truth=True) for part in parts)
        return False

    def _wrong(self, claim: Claim, box: Box) -> bool:
        """Tell whether a claim is wrong throughout a box, by the ends of its terms."""
        rows = claim.cost.rows
        if claim.claimed:
            return any(all(self._end(each, box, -1) > claim.bound for each in row) for row in rows)
        return all(any(self._end(each, box, 1) <= claim.bound for each in row) for row in rows)

    def _end(self, polynomial: Polynomial, box: Box, sign: int) -> float:
        """Return what a polynomial is never below (sign -1), or above (sign 1); infinite where unknown."""
        total = 0
        for monomial, factor in polynomial.terms.items():
            low, high = 1, 1
            for atom, exponent in monomial:
                ends = self._atom(atom, box)
                if ends is None:
                    return sign * math.inf
                for _ in range(exponent):
                    corners = [x * y for x in (low, high) for y in ends]
                    low, high = min(corners), max(corners)
            total += factor * (high if (factor > 0) == (sign > 0) else low)
        return total

    def _atom(self, atom: Atom, box: Box) -> tuple[int, int] | None:
        """Return the smallest and the largest value of an atom in a box, None where they are not known."""
        places = sorted(self.lattice.positions[name] for name in atom.names)
        key = atom, tuple(box.low[i] for i in places), tuple(box.high[i] for i in places)
        if key not in self._ends:
            points = _corners(box, places) if atom.name is not None else _points(box, places)
            values = [None] if points is None else [self._value(atom, point) for point in points]
            known = [value for value in values if value is not None]
            self._ends[key] = (min(known), max(known)) if len(known) == len(values) else None
        return self._ends[key]

    def _value(self, atom: Atom, point: Point) -> int | None:
        try:
            value = evaluate(atom.expression, self.lattice.values(point))
        except (ArithmeticError, ValueError, FxcostError):
            return None
        return value if isinstance(value, int) else None

    @staticmethod
    def _everywhere(constraint: Constraint, box: Box, *, truth: bool) -> bool:
        """Tell whether a condition has one truth throughout a box, by evaluation."""
        points = _points(box, sorted(constraint.support))
        return points is not None and all(constraint.holds(point) is truth for point in points)

    def _proved(self, fact: Fact, box: Box) -> bool:
        """Tell whether Z3 proves that a fact holds nowhere in a box."""
        lowering = Lowering(self.lattice.domain, self.normaliser)
        solver = z3.SolverFor("QF_NIA") if None not in self.lattice.listed else z3.Solver()
        solver.set("timeout", MILLISECONDS)
        solver.add(_lowered(fact, lowering), *lowering.domain_constraints())
        for name, low, high in zip(self.lattice.names, box.low, box.high, strict=True):
            variable = lowering.variables[name]
            solver.add(variable >= z3.RealVal(str(low)), variable <= z3.RealVal(str(high)))
        return bool(solver.check() == z3.unsat)


def _lowered(fact: Fact, lowering: Lowering) -> z3.BoolRef:
    """Return what Z3 is told: what holds wherever the fact holds."""
    match fact:
        case Claim(cost=cost, bound=bound, claimed=claimed):
            below = cost.at_most(bound, lowering)
            return below if claimed else z3.Not(below)
        case Connected(parts=parts, every=every):
            return (z3.And if every else z3.Or)(*(_lowered(part, lowering) for part in parts))
        case Constraint() | Outside():
            return fact.lowered(lowering)
    return z3.BoolVal(True)


def _points(box: Box, places: Sequence[int]) -> Iterator[Point] | None:
    """Yield all points of a box along some hyperparameters; None where they are too many, or no integers."""
    sides = [(box.low[index], box.high[index]) for index in places]
    if any(low != high and not isinstance(low, int) for low, high in sides):
        return None
    ranges = [[low] if low == high else range(int(low), int(high) + 1) for low, high in sides]
    return _moved(box, places, ranges) if math.prod(map(len, ranges)) <= POINTS else None


def _corners(box: Box, places: Sequence[int]) -> Iterator[Point]:
    return _moved(box, places, [[box.low[index], box.high[index]] for index in places])


def _moved(box: Box, places: Sequence[int], ranges: Sequence[Sequence[int | float]]) -> Iterator[Point]:
    for combination in itertools.product(*ranges):
        point = list(box.low)
        for index, position in zip(places, combination, strict=True):
            point[index] = position
        yield tuple(point)
