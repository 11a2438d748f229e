"""Bounds of costs over boxes: at corners where a cost is proved monotone, else by intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.polynomial import Monomial
from fxcost.expr.vectorised import Array
from fxcost.solve.directions import Factors, directions
from fxcost.solve.factors import Opaque, Slope, factor_of
from fxcost.solve.lattice import Box, Lattice, Point

INT64 = 2**62

Signature: TypeAlias = "tuple[Slope, ...]"


class Enclosure:
    """Bounds of `max over rows of (min over the row's polynomials)`.

    Args:
        rows: Polynomials; one per row for a plain maximum, several for a difference of two maxima.
        lattice: The settings.

    >>> from fxcost.expr import Domain
    >>> from fxcost.space import Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(64, 256, step=64), batch=Int(1, 8))))
    >>> symbols = lattice.domain.symbols.values()
    >>> width, batch = (Polynomial.of_atom(Atom.variable(symbol)) for symbol in symbols)
    >>> enclosure = Enclosure([[batch * width - width], [200 * batch]], lattice)
    >>> enclosure.lower(lattice.whole), enclosure.upper(lattice.whole)
    (200, 1792)
    """

    def __init__(self, rows: Sequence[Sequence[Polynomial]], lattice: Lattice) -> None:
        self._widths = [len(row) for row in rows]
        self._plain = max(self._widths) == 1
        polynomials = [polynomial for row in rows for polynomial in row]
        atoms = {atom for polynomial in polynomials for atom in polynomial.atoms}
        factors = {atom: factor_of(atom, lattice) for atom in atoms}
        self.support = frozenset(index for factor in factors.values() for index in factor.support)
        self.opaque = any(isinstance(factor, Opaque) for factor in factors.values())
        signatures: dict[Signature, list[int]] = {}
        for place, polynomial in enumerate(polynomials):
            signature = directions(polynomial, factors, len(lattice.names))
            signatures.setdefault(signature, []).append(place)
        self._groups = [
            (places, Group([polynomials[place] for place in places], signature, factors, lattice.whole))
            for signature, places in signatures.items()
        ]

    def at(self, point: Point) -> int:
        """Return the value at a point."""
        value = self.upper(Box.at(point))
        if value is None:
            raise ArithmeticError(f"no value at {point}")
        return value

    def lower(self, box: Box) -> int | None:
        """Return what no value inside the box is below; None where nothing is known."""
        if self._plain:
            largest = [group.bounds(box, upper=False) for _, group in self._groups]
            return max((max(row) for row in largest if row), default=None)
        rows = self._rows(box, upper=False)
        return max((min(row) for row in rows if None not in row), default=None)

    def upper(self, box: Box) -> int | None:
        """Return what no value inside the box is above; None where nothing is known."""
        if self._plain:
            largest = [group.bounds(box, upper=True) for _, group in self._groups]
            return max(map(max, largest)) if all(largest) else None
        rows = [[value for value in row if value is not None] for row in self._rows(box, upper=True)]
        return max(map(min, rows)) if all(rows) else None

    def _rows(self, box: Box, *, upper: bool) -> list[list[Any]]:
        values: list[int | None] = [None] * sum(self._widths)
        for places, group in self._groups:
            for place, value in zip(places, group.bounds(box, upper=upper), strict=False):
                values[place] = value
        ends = np.cumsum(self._widths).tolist()
        return [values[end - width : end] for width, end in zip(self._widths, ends, strict=True)]


class Group:
    """Polynomials that rise and fall alike, as a matrix of coefficients over their monomials."""

    def __init__(
        self, polynomials: Sequence[Polynomial], signature: Signature, factors: Factors, whole: Box
    ) -> None:
        self.signature = signature
        self.monotone = None not in signature
        atoms = list(dict.fromkeys(atom for each in polynomials for atom in each.atoms))
        self.factors = [factors[atom] for atom in atoms]
        monomials = list(dict.fromkeys(monomial for each in polynomials for monomial in each.terms))
        self.products = [_places(monomial, atoms) for monomial in monomials]
        terms = [[each.terms.get(monomial, 0) for monomial in monomials] for each in polynomials]
        shape = len(polynomials), len(monomials)
        self.coefficients: Array = np.array(terms, dtype=self._dtype(terms, whole)).reshape(shape)
        self._positive, self._negative = np.maximum(self.coefficients, 0), np.minimum(self.coefficients, 0)

    def _dtype(self, terms: Sequence[Sequence[int]], whole: Box) -> type:
        """Return int64 where every partial sum fits, else object: Python's ints."""
        ends = self._product_ends(whole)
        if ends is None:
            return object
        sizes = [max(abs(low), abs(high)) for low, high in ends]
        sums = (sum(abs(c) * size for c, size in zip(row, sizes, strict=True)) for row in terms)
        return np.int64 if all(total < INT64 for total in sums) else object

    def bounds(self, box: Box, *, upper: bool) -> list[int]:
        """Return an upper (or lower) bound of each polynomial; nothing, where one is not known."""
        corner = self._corner(box, upper=upper)
        if self.monotone:
            values = [factor.at(corner.low) for factor in self.factors]
            products = [math.prod([values[place] for place in places]) for places in self.products]
            return self._totals(self.coefficients, products)
        ends = self._product_ends(corner)
        if ends is None:
            return []
        low, high = [pair[0] for pair in ends], [pair[1] for pair in ends]
        if upper:
            low, high = high, low
        parts = zip(self._totals(self._positive, low), self._totals(self._negative, high), strict=True)
        return [above + below for above, below in parts]

    def _totals(self, coefficients: Any, products: list[int]) -> list[int]:
        totals: list[int] = (coefficients @ np.array(products, dtype=coefficients.dtype)).tolist()
        return totals

    def _corner(self, box: Box, *, upper: bool) -> Box:
        """Return the part of a box where all polynomials are largest (or smallest)."""
        low, high = list(box.low), list(box.high)
        for index, slope in enumerate(self.signature):
            if slope is None:
                continue
            if (slope > 0) == upper:
                low[index] = high[index]
            else:
                high[index] = low[index]
        return Box(tuple(low), tuple(high))

    def _product_ends(self, box: Box) -> list[tuple[int, int]] | None:
        ends: list[tuple[int, int]] = []
        for factor in self.factors:
            pair = factor.ends(box)
            if pair is None:
                return None
            ends.append(pair)
        return [_ends_of_product([ends[place] for place in places]) for places in self.products]


def _places(monomial: Monomial, atoms: Sequence[Atom]) -> list[int]:
    """Return a monomial as places of its atoms, each as often as its exponent says."""
    return [place for atom, exponent in monomial for place in [atoms.index(atom)] * exponent]


def _ends_of_product(factors: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the extremes of a product of numbers between their ends.

    >>> _ends_of_product([(-2, 3), (1, 4)])
    (-8, 12)
    """
    low, high = 1, 1
    for first, last in factors:
        corners = low * first, low * last, high * first, high * last
        low, high = min(corners), max(corners)
    return low, high
