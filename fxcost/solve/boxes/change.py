"""By how much costs change along each hyperparameter of a box: what tells where to cut it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fxcost.expr.vectorised import Array
from fxcost.solve.costs import Cost
from fxcost.solve.lattice import Boxes


class Change:
    """Estimates, in floats, how the largest row of each cost grows from the lowest corner of a box.

    It tells which half to look at, not what holds. Atoms are taken as logarithms, so that all monomials are
    one product of matrices.

    Args:
        costs: The costs.
        fibre: The place of the hyperparameter that is taken at its upper end.
    """

    def __init__(self, costs: Sequence[Cost], fibre: int) -> None:
        factors = {atom: factor for cost in costs for atom, factor in cost.factors.items()}
        polynomials = [[row[0] for row in cost.rows] for cost in costs]
        monomials = list(dict.fromkeys(each for rows in polynomials for row in rows for each in row.terms))
        self.fibre = fibre
        self.factors = list(factors.values())
        self.coefficients = [
            np.array([[row.terms.get(each, 0) for each in monomials] for row in rows], dtype=np.float64)
            for rows in polynomials
        ]
        exponents = [[dict(monomial).get(atom, 0) for atom in factors] for monomial in monomials]
        self.exponents = np.array(exponents, dtype=np.float64).reshape(len(monomials), len(factors))
        support = {index for factor in self.factors for index in factor.support}
        self.places = sorted(support - {fibre})

    def of(self, boxes: Boxes) -> Mapping[int, Array]:
        """Return, by hyperparameter, its part of the changes relative to the rows, one for each box."""
        ends = list(boxes.low)
        ends[self.fibre] = boxes.high[self.fibre]
        low = self._logarithms(range(len(self.factors)), ends)
        weights = self._weights(np.exp(self.exponents @ low))
        return {index: self._along(index, boxes, ends, low, weights) for index in self.places}

    def _weights(self, values: Array) -> Array:
        """Return each monomial's part of the largest row, of all costs together."""
        weights = np.zeros_like(values)
        columns = np.arange(values.shape[1])
        for coefficients in self.coefficients:
            rows = coefficients @ values
            largest = rows.argmax(axis=0)
            total = np.maximum(np.abs(rows[largest, columns]), 1.0)
            weights += np.abs(coefficients[largest].T * values) / total
        return weights

    def _along(self, index: int, boxes: Boxes, ends: Sequence[Array], low: Array, weights: Array) -> Array:
        """Return the change where one hyperparameter is at its upper end."""
        moved = list(ends)
        moved[index] = boxes.high[index]
        places = [place for place, factor in enumerate(self.factors) if index in factor.support]
        exponents = self.exponents[:, places]
        reached = exponents.any(axis=1)
        growth = np.expm1(exponents[reached] @ (self._logarithms(places, moved) - low[places]))
        total: Array = (weights[reached] * np.abs(growth)).sum(axis=0)
        return total

    def _logarithms(self, places: Sequence[int], points: Sequence[Array]) -> Array:
        """Return the logarithms of some atoms' magnitudes, far below 0 where one is 0."""
        rows = [np.asarray(self.factors[place].at(tuple(points)), dtype=np.float64) for place in places]
        logarithms: Array = np.log(np.abs(rows) + 1e-9).reshape(len(places), len(points[0]))
        return logarithms
