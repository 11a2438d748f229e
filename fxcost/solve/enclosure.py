"""Bounds of costs over boxes: at corners where a cost is proved monotone, else by intervals."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.polynomial import Monomial
from fxcost.expr.vectorised import Array
from fxcost.solve.directions import Factors, directions
from fxcost.solve.factors import Ends, Opaque, Slope, factor_of
from fxcost.solve.lattice import Boxes, Lattice, Point

INT64 = 2**63
FLOAT64 = 2**51
"""Whole floats this small leave room for a quotient's remainder to be exact too."""

Signature: TypeAlias = "tuple[Slope, ...]"


class Enclosure:
    """Bounds of `max over rows of (min over the row's polynomials)`.

    A bound that is not known is infinite.

    Args:
        rows: Polynomials; one per row for a plain maximum, several for a difference of two maxima.
        lattice: The settings.
        factors: The atoms as functions of positions; None makes them.

    >>> from fxcost.expr import Domain
    >>> from fxcost.space import Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(64, 256, step=64), batch=Int(1, 8))))
    >>> symbols = lattice.domain.symbols.values()
    >>> width, batch = (Polynomial.of_atom(Atom.variable(symbol)) for symbol in symbols)
    >>> enclosure = Enclosure([[batch * width - width], [200 * batch]], lattice)
    >>> whole = Boxes.of(lattice.whole)
    >>> enclosure.lower(whole), enclosure.upper(whole)
    (array([200.]), array([1792.]))
    """

    def __init__(
        self, rows: Sequence[Sequence[Polynomial]], lattice: Lattice, factors: Factors | None = None
    ) -> None:
        self.polynomials = polynomials = [polynomial for row in rows for polynomial in row]
        self._starts = np.cumsum([0, *map(len, rows)])[:-1]
        self._order: list[int] = []
        self._groups: list[Group] = []
        atoms = {atom for polynomial in polynomials for atom in polynomial.atoms}
        self.factors = factors = factors or {atom: factor_of(atom, lattice) for atom in atoms}
        self.support = frozenset(index for factor in factors.values() for index in factor.support)
        self.opaque = any(isinstance(factor, Opaque) for factor in factors.values())
        signatures: dict[Signature, list[int]] = {}
        for place, polynomial in enumerate(polynomials):
            signature = directions(polynomial, factors, len(lattice.names))
            signatures.setdefault(signature, []).append(place)
        for signature, places in signatures.items():
            self._order += places
            self._groups.append(Group([polynomials[place] for place in places], signature, factors, lattice))
        exact = exact_type(max(max(group.extents) for group in self._groups))
        for group in self._groups:  # one type for all: NumPy compares int64 with float64 inexactly
            group.calculate_in(exact)

    @property
    def slopes(self) -> Signature:
        """How the first of the polynomials changes with each hyperparameter."""
        return self._groups[0].signature

    def at(self, point: Point) -> int:
        """Return the value at a point.

        Raises:
            ArithmeticError: It has none.
        """
        together = [value for group in self._groups for value in group.at(point)]
        values = [value for _, value in sorted(zip(self._order, together, strict=True))]
        ends = [*self._starts.tolist(), len(values)]
        return max(min(values[first:last]) for first, last in itertools.pairwise(ends))

    def lower(self, boxes: Boxes) -> Array:
        """Return what no value inside each box is below."""
        return self._bounds(boxes, upper=False)

    def upper(self, boxes: Boxes) -> Array:
        """Return what no value inside each box is above."""
        return self._bounds(boxes, upper=True)

    def _bounds(self, boxes: Boxes, *, upper: bool) -> Array:
        bounds = [group.bounds(boxes, upper=upper) for group in self._groups]
        values = bounds
        if len(self._starts) < len(self._order):
            together = np.concatenate(bounds)[np.argsort(self._order)]
            values = [np.minimum.reduceat(together, self._starts, axis=0)]
        largest: Array = functools.reduce(np.maximum, (each.max(axis=0) for each in values))
        return largest


class Group:
    """Polynomials that rise and fall alike, as a matrix of coefficients over their monomials."""

    def __init__(
        self, polynomials: Sequence[Polynomial], signature: Signature, factors: Factors, lattice: Lattice
    ) -> None:
        self.signature = signature
        atoms = list(dict.fromkeys(atom for each in polynomials for atom in each.atoms))
        self.factors = [factors[atom] for atom in atoms]
        monomials = list(dict.fromkeys(monomial for each in polynomials for monomial in each.terms))
        self.products = [_places(monomial, atoms) for monomial in monomials]
        terms = [[each.terms.get(monomial, 0) for monomial in monomials] for each in polynomials]
        self._exact: Array = np.array(terms, dtype=object).reshape(len(polynomials), len(monomials))
        self.coefficients = self._exact
        self.extents = self._extents(Boxes.of(lattice.whole))

    def _extents(self, whole: Boxes) -> list[float]:
        """Return what no partial sum of each polynomial exceeds: infinite where that is not known."""
        low, high, known = self._ends(whole)
        if not known[0]:
            return [math.inf] * len(self.coefficients)
        sizes = np.maximum(1, np.maximum(abs(low), abs(high)))[:, 0]
        return [int(abs(row) @ sizes) if len(row) else 0 for row in self.coefficients]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of number that is calculated with."""
        return self.coefficients.dtype

    @property
    def nonnegative(self) -> bool:
        """Whether all coefficients and all values of atoms are at least 0."""
        lows = [factor.low for factor in self.factors]
        return bool((self._exact >= 0).all()) and all(low is not None and low >= 0 for low in lows)

    def in_type(self, dtype: np.dtype[Any]) -> Group:
        """Return the polynomials as they are calculated with another type of number."""
        other = copy.copy(self)
        other.calculate_in(dtype)
        return other

    def calculate_in(self, dtype: np.dtype[Any]) -> None:
        """Calculate with another type of number."""
        self.coefficients = self._exact.astype(dtype)

    @functools.cached_property
    def _terms(self) -> list[list[tuple[int, int]]]:
        """Each polynomial's coefficients, those that are not 0, with the places of their monomials."""
        rows = self._exact.tolist()
        return [[(place, int(each)) for place, each in enumerate(row) if each] for row in rows]

    def at(self, point: Point) -> list[int]:
        """Return each polynomial's value at a point, in Python's ints.

        Raises:
            ArithmeticError: One has none.
        """
        values = [factor.value(point) for factor in self.factors]
        products = [math.prod(values[place] for place in places) for places in self.products]
        return [sum(each * products[place] for place, each in row) for row in self._terms]

    def bounds(self, boxes: Boxes, *, upper: bool) -> Array:
        """Return an upper (or lower) bound of each polynomial, a row each, in each box, a column each."""
        corner = self._corner(boxes, upper=upper)
        if None not in self.signature:
            values = [factor.at(corner.low).astype(self.dtype, copy=False) for factor in self.factors]
            exact: Array = self.coefficients @ self._products(values, len(boxes))
            return exact
        low, high, known = self._ends(corner)
        if upper:
            low, high = high, low
        positive, negative = np.maximum(self.coefficients, 0), np.minimum(self.coefficients, 0)
        totals: Array = positive @ low + negative @ high
        return totals if known.all() else np.where(known, totals.astype(object), np.inf if upper else -np.inf)

    def _corner(self, boxes: Boxes, *, upper: bool) -> Boxes:
        """Return the part of each box where all polynomials are largest (or smallest)."""
        low, high = list(boxes.low), list(boxes.high)
        for index, slope in enumerate(self.signature):
            if slope is not None:
                low[index] = high[index] = high[index] if (slope > 0) == upper else low[index]
        return Boxes(tuple(low), tuple(high))

    def _products(self, values: Sequence[Array], count: int) -> Array:
        """Return the monomials' values, a row each, from those of the atoms."""
        products: Array = np.ones((len(self.products), count), dtype=self.dtype)
        for row, places in enumerate(self.products):
            for place in places:
                products[row] *= values[place]
        return products

    def _ends(self, boxes: Boxes) -> tuple[Array, Array, Array]:
        """Return the monomials' extremes, a row each, and for which boxes they are known."""
        ends = [factor.ends(boxes) for factor in self.factors]
        known = np.logical_and.reduce([np.ones(len(boxes), dtype=bool), *(each.known for each in ends)])
        low: Array = np.ones((len(self.products), len(boxes)), dtype=self.dtype)
        high = low.copy()
        positive = all(factor.low is not None and factor.low >= 0 for factor in self.factors)
        for row, places in enumerate(self.products):
            for place in places:
                if positive:
                    low[row] *= ends[place].low.astype(self.dtype, copy=False)
                    high[row] *= ends[place].high.astype(self.dtype, copy=False)
                else:
                    low[row], high[row] = _product_ends(low[row], high[row], ends[place])
        return low, high, known


def exact_type(extent: float) -> np.dtype[Any]:
    """Return a type in which whole numbers up to an extent are exact: float64, int64, else Python's ints.

    >>> exact_type(10**9), exact_type(10**18), exact_type(10**19)
    (dtype('float64'), dtype('int64'), dtype('O'))
    """
    if extent >= INT64:
        return np.dtype(object)
    return np.dtype(np.float64 if extent < FLOAT64 else np.int64)


def _places(monomial: Monomial, atoms: Sequence[Atom]) -> list[int]:
    """Return a monomial as places of its atoms, each as often as its exponent says."""
    return [place for atom, exponent in monomial for place in [atoms.index(atom)] * exponent]


def _product_ends(low: Array, high: Array, factor: Ends) -> tuple[Array, Array]:
    """Return the extremes of products of numbers between their ends."""
    first, last = factor.low.astype(low.dtype), factor.high.astype(low.dtype)
    corners = np.stack([low * first, low * last, high * first, high * last])
    return corners.min(axis=0), corners.max(axis=0)
