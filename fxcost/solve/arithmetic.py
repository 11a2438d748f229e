"""What settings, conditions and costs mean, told to a Z3 solver."""

from __future__ import annotations

from collections.abc import Collection

import z3

from fxcost.expr import Lowering, Normaliser
from fxcost.expr.functions import Number
from fxcost.solve.facts import Lowered
from fxcost.solve.lattice import Box, Lattice, Point


class Arithmetic:
    """Makes a solver propose points.

    Args:
        solver: What is told.
        lattice: The settings.
        box: Where to look.
        normaliser: Holds the tables of the lowering; its conditions are none.
    """

    def __init__(self, solver: z3.Solver, lattice: Lattice, box: Box, normaliser: Normaliser) -> None:
        self._solver = solver
        self._lattice = lattice
        self._box = box
        self._lowering = Lowering(lattice.domain, normaliser)
        self._told = 0
        self._variables = [self._lowering.variables[name] for name in lattice.names]
        for variable, low, high in zip(self._variables, box.low, box.high, strict=True):
            solver.add(variable >= _number(low), variable <= _number(high))

    def add(self, fact: Lowered) -> None:
        """Tell what holds wherever a fact holds, and what defines the terms it is made of."""
        self._solver.add(fact.lowered(self._lowering))
        definitions = self._lowering.domain_constraints()
        self._solver.add(*definitions[self._told :])
        self._told = len(definitions)

    def point(self, model: z3.ModelRef) -> Point:
        """Return a model's point."""
        return tuple(self._position(model, index) for index in range(len(self._variables)))

    def _position(self, model: z3.ModelRef, index: int) -> Number:
        value = model.eval(self._variables[index], model_completion=True)
        if self._lattice.listed[index] is not None:
            return int(value.as_long())
        if z3.is_algebraic_value(value):
            value = value.approx(20)
        return min(max(float(value.as_fraction()), self._box.low[index]), self._box.high[index])

    def correct(self, right: z3.BoolRef, support: Collection[int], point: Point) -> None:
        """Tell what is right at a point, and at all that are equal to it in some hyperparameters."""
        elsewhere = [self._variables[index] != _number(point[index]) for index in support]
        self._solver.add(z3.Or(right, *elsewhere))


def _number(value: Number) -> z3.ArithRef:
    if isinstance(value, int):
        return z3.IntVal(value)
    numerator, denominator = value.as_integer_ratio()
    return z3.Q(numerator, denominator)
