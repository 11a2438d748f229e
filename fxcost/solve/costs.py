"""Costs to be bounded: an expression, or the difference of two, in one path of a factory."""

from __future__ import annotations

from functools import cached_property

import z3

from fxcost.expr import Expression, Lowering
from fxcost.solve.boxes.fibred import Fibred
from fxcost.solve.directions import Factors, directions
from fxcost.solve.enclosure import Enclosure, Signature
from fxcost.solve.lattice import Box, Lattice

KEPT = 32
"""In so many boxes a cost is kept."""


class Cost:
    """The value of an expression, less that of another.

    A difference of two maxima is the largest over the rows of the first of the smallest difference with
    the rows of the second.

    Args:
        expression: The value.
        other: What is taken off; None for nothing.
        lattice: The settings.
        factors: The atoms as functions of positions; None makes them.
    """

    def __init__(
        self,
        expression: Expression,
        other: Expression | None,
        lattice: Lattice,
        factors: Factors | None = None,
    ) -> None:
        self.sides = expression, other
        self._factors = factors
        taken_off = [row.polynomial for row in other.rows] if other else [0]
        self.rows = [[row.polynomial - less for less in taken_off] for row in expression.rows]
        self.lattice = lattice
        self._along: dict[int, Fibred | None] = {}
        self._within: dict[Box, Cost] = {}

    @cached_property
    def enclosure(self) -> Enclosure:
        """Its bounds over boxes."""
        return Enclosure(self.rows, self.lattice, self._factors)

    @property
    def factors(self) -> Factors:
        """Its atoms as functions of positions."""
        return self.enclosure.factors

    def within(self, box: Box) -> Cost:
        """Return it where only the settings of a box count: more of it may be proved to rise.

        The last ones are kept for the next question.
        """
        if box not in self._within:
            if len(self._within) >= KEPT:
                self._within.clear()
            factors = {atom: factor.within(box) for atom, factor in self.factors.items()}
            self._within[box] = Cost(*self.sides, self.lattice, factors)
        return self._within[box]

    @cached_property
    def signatures(self) -> list[Signature]:
        """How each polynomial, row by row, changes with each hyperparameter."""
        count = len(self.lattice.names)
        return [directions(polynomial, self.factors, count) for row in self.rows for polynomial in row]

    def along(self, fibre: int) -> Fibred | None:
        """Return it along a hyperparameter, None where it is not proved never to fall along it."""
        if fibre not in self._along:
            self._along[fibre] = Fibred.of(self, fibre)
        return self._along[fibre]

    def at_most(self, bound: int, lowering: Lowering) -> z3.BoolRef:
        """Return `self <= bound` as Z3's arithmetic."""
        return z3.And(
            *(z3.Or(*(lowering.integer(polynomial) <= bound for polynomial in row)) for row in self.rows)
        )
