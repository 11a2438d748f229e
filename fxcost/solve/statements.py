"""Conditions between hyperparameters: of the space, and of the paths of a factory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import sympy

from fxcost.errors import FxcostError
from fxcost.expr import Domain, conditions, evaluate
from fxcost.solve.lattice import Lattice, Point
from fxcost.space import Condition


@dataclass(frozen=True)
class Statement:
    """A condition, in the forms that are known of it.

    Attributes:
        condition: In SymPy; None where it cannot be written so.
        declared: As a condition of the space; None for one of a path.
    """

    condition: sympy.Basic | None
    declared: Condition | None = None

    @classmethod
    def of_space(cls, declared: Condition, domain: Domain) -> Statement:
        """Return a condition of the space."""
        try:
            return cls(conditions.of_callable(declared, domain), declared)
        except FxcostError:
            return cls(None, declared)

    @property
    def key(self) -> Hashable:
        """Equal for equal conditions."""
        return self.condition if self.declared is None else self.declared

    @property
    def names(self) -> frozenset[str]:
        """The hyperparameters it reads."""
        if self.declared is not None:
            return frozenset(self.declared.names)
        symbols = self.condition.free_symbols if self.condition is not None else ()
        return frozenset(symbol.name for symbol in symbols)

    def holds(self, lattice: Lattice, point: Point) -> bool:
        """Return its truth at a point; a condition of a path that has no value there does not hold."""
        if self.declared is not None:
            return self.declared.holds(lattice.config(point))
        try:
            return bool(evaluate(self.condition, lattice.values(point)))
        except (ArithmeticError, ValueError, FxcostError):
            return False
