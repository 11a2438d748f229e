"""Conditions between hyperparameters, of the space and of the paths of a factory, as facts about settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
import z3

from fxcost.errors import FxcostError
from fxcost.expr import Lowering, Normaliser, conditions, evaluate
from fxcost.solve.lattice import Boxes, Lattice, Point
from fxcost.solve.truths import Points, Truth, Truths, truths
from fxcost.space import Condition


@dataclass(frozen=True, eq=False)
class Constraint:
    """A condition between hyperparameters.

    Attributes:
        condition: In SymPy; None where it cannot be written so.
        declared: As the space declares it; None for a condition of a path.
        lattice: The settings.
        normaliser: Tabulates the condition, or brings it into normal form.
    """

    condition: sympy.Basic | None
    declared: Condition | None
    lattice: Lattice
    normaliser: Normaliser

    @classmethod
    def of_space(cls, declared: Condition, lattice: Lattice, normaliser: Normaliser) -> Constraint:
        """Return a condition that a space declares."""
        try:
            symbolic = conditions.of_callable(declared, lattice.domain)
        except FxcostError:
            symbolic = None
        return cls(symbolic, declared, lattice, normaliser)

    @cached_property
    def support(self) -> frozenset[int]:
        """The places of the hyperparameters it reads."""
        names = set(self.declared.names if self.declared else ())
        if self.condition is not None:
            names |= {symbol.name for symbol in self.condition.free_symbols}
        return frozenset(self.lattice.positions[name] for name in names)

    @cached_property
    def truths(self) -> Truths:
        """What is known of it in boxes."""
        if self.condition is None:
            return Points(self.support, self.holds)
        return truths(self.condition, self.normaliser, self.lattice)

    @property
    def bounded(self) -> bool:
        """Whether more is known of it than its truth at points."""
        return not isinstance(self.truths, Points)

    def truth(self, boxes: Boxes) -> Truth:
        """Return in which boxes it holds everywhere, and in which nowhere."""
        return self.truths.truth(boxes)

    def holds(self, point: Point) -> bool:
        """Return its truth at a point; a condition of a path that has no value there does not hold."""
        if self.declared is not None:
            return self.declared.holds(self.lattice.config(point))
        try:
            return bool(evaluate(self.condition, self.lattice.values(point)))
        except (ArithmeticError, ValueError, FxcostError):
            return False

    def lowered(self, lowering: Lowering) -> z3.BoolRef:
        """Return what Z3 is told of it; nothing, where it cannot be written in SymPy or has no rule."""
        if self.condition is None:
            return z3.BoolVal(True)
        try:
            return lowering.condition(self.condition)
        except FxcostError:
            return z3.BoolVal(True)


@dataclass(frozen=True, eq=False)
class Outside:
    """That a setting does not satisfy all conditions of a path."""

    parts: tuple[Constraint, ...]

    @cached_property
    def support(self) -> frozenset[int]:
        """The places of the hyperparameters that the path's conditions read."""
        return frozenset(index for part in self.parts for index in part.support)

    @property
    def bounded(self) -> bool:
        """Whether more is known of all conditions than their truth at points."""
        return all(part.bounded for part in self.parts)

    def truth(self, boxes: Boxes) -> Truth:
        """Return which boxes lie outside the path, and which inside."""
        outside = np.zeros(len(boxes), dtype=bool)
        inside = np.ones(len(boxes), dtype=bool)
        for part in self.parts:
            everywhere, nowhere = part.truth(boxes)
            outside |= nowhere
            inside &= everywhere
        return outside, inside

    def holds(self, point: Point) -> bool:
        """Return whether a point lies outside the path."""
        return not all(part.holds(point) for part in self.parts)

    def lowered(self, lowering: Lowering) -> z3.BoolRef:
        """Return what Z3 is told of it: nothing, where one of the conditions cannot be told."""
        told = [part.lowered(lowering) for part in self.parts]
        return z3.BoolVal(True) if any(map(z3.is_true, told)) else z3.Not(z3.And(*told))
