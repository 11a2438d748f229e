"""By how much a cost changes along each hyperparameter of a box: what tells where to cut it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.vectorised import Array
from fxcost.solve.directions import Factors
from fxcost.solve.enclosure import Signature
from fxcost.solve.lattice import Boxes, Lattice


class Bounded(Protocol):
    """A cost, as bounds are calculated from it."""

    @property
    def rows(self) -> Sequence[Sequence[Polynomial]]:
        """Polynomials: the cost is the largest over rows of the smallest in the row."""

    @property
    def signatures(self) -> Sequence[Signature]:
        """How each polynomial, row by row, changes with each hyperparameter."""

    @property
    def factors(self) -> Factors:
        """Its atoms as functions of positions."""

    @property
    def lattice(self) -> Lattice:
        """The settings."""


class Change:
    """Estimates, in floats, how the largest row of a cost grows from the lowest corner of a box.

    Args:
        cost: The cost.
        fibre: The place of the hyperparameter that is taken at its upper end.
    """

    def __init__(self, cost: Bounded, fibre: int) -> None:
        polynomials = [row[0] for row in cost.rows]
        monomials = list(dict.fromkeys(monomial for each in polynomials for monomial in each.terms))
        self.fibre = fibre
        self.factors = cost.factors
        self.monomials = monomials
        coefficients = [[each.terms.get(monomial, 0) for monomial in monomials] for each in polynomials]
        self.coefficients = np.array(coefficients, dtype=np.float64).reshape(len(polynomials), len(monomials))
        support = {index for atom in cost.factors for index in cost.factors[atom].support}
        self.places = sorted(support - {fibre})

    def of(self, boxes: Boxes) -> Mapping[int, Array]:
        """Return, by hyperparameter, its part of the change relative to the row, one for each box."""
        ends = list(boxes.low)
        ends[self.fibre] = boxes.high[self.fibre]
        low = {atom: self._at(atom, ends) for atom in self.factors}
        values = np.ones((len(self.monomials), len(boxes)))
        for row, monomial in enumerate(self.monomials):
            for atom, exponent in monomial:
                values[row] *= low[atom] ** exponent
        rows = self.coefficients @ values
        largest = rows.argmax(axis=0)
        weights = np.abs(self.coefficients[largest].T * values)
        weights /= np.maximum(np.abs(rows[largest, np.arange(len(boxes))]), 1.0)
        return {index: self._change(index, boxes, ends, low, weights) for index in self.places}

    def _at(self, atom: Atom, ends: list[Array]) -> Array:
        factor = self.factors[atom]
        values: Array = np.abs(factor.at(tuple(ends)).astype(np.float64))
        return values

    def _change(
        self, index: int, boxes: Boxes, ends: list[Array], low: Mapping[Atom, Array], weights: Array
    ) -> Array:
        moved = list(ends)
        moved[index] = boxes.high[index]
        ratios = {
            atom: (self._at(atom, moved) + 1e-9) / (low[atom] + 1e-9)
            for atom, factor in self.factors.items()
            if index in factor.support
        }
        total = np.zeros(len(boxes))
        for row, monomial in enumerate(self.monomials):
            touched = [(ratios[atom], exponent) for atom, exponent in monomial if atom in ratios]
            if touched:
                growth = np.ones(len(boxes))
                for ratio, exponent in touched:
                    growth *= ratio**exponent
                total += weights[row] * np.abs(growth - 1.0)
        return total
