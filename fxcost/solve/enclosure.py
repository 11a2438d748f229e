"""Bounds of costs over boxes: at corners where a cost is proved monotone, else by intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.polynomial import Monomial
from fxcost.expr.vectorised import Array
from fxcost.solve.directions import directions
from fxcost.solve.factors import Factor, Opaque, Slope, factor_of
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
        rows = self._rows(box, upper=False)
        known = [min(row) for row in rows if None not in row]
        return max(known, default=None)

    def upper(self, box: Box) -> int | None:
        """Return what no value inside the box is above; None where nothing is known."""
        rows = [[value for value in row if value is not None] for row in self._rows(box, upper=True)]
        return max(map(min, rows)) if all(rows) else None

    def _rows(self, box: Box, *, upper: bool) -> Iterable[Sequence[Any]]:
        values: list[int | None] = [None] * sum(self._widths)
        for places, group in self._groups:
            for place, value in zip(places, group.bounds(box, upper=upper), strict=True):
                values[place] = value
        start = 0
        for width in self._widths:
            yield values[start : start + width]
            start += width


class Group:
    """Polynomials that rise and fall alike, as a matrix of coefficients over their monomials."""

    def __init__(
        self,
        polynomials: Sequence[Polynomial],
        signature: Signature,
        factors: Mapping[Atom, Factor],
        whole: Box,
    ) -> None:
        self.signature = signature
        self.factors = {atom: factors[atom] for polynomial in polynomials for atom in polynomial.atoms}
        self.monomials: list[Monomial] = list(dict.fromkeys(m for each in polynomials for m in each.terms))
        terms = [[each.terms.get(monomial, 0) for monomial in self.monomials] for each in polynomials]
        self.dtype = np.dtype(np.int64) if self._small(terms, whole) else np.dtype(object)
        self.coefficients = np.array(terms, dtype=self.dtype).reshape(len(polynomials), len(self.monomials))

    def _small(self, terms: Sequence[Sequence[int]], whole: Box) -> bool:
        """Say whether every partial sum fits int64."""
        ends = self._monomial_ends(whole)
        if ends is None:
            return False
        sizes = [max(abs(low), abs(high)) for low, high in ends]
        return all(sum(abs(c) * size for c, size in zip(row, sizes, strict=True)) < INT64 for row in terms)

    @cached_property
    def _positive(self) -> Array:
        return np.maximum(self.coefficients, 0)

    @cached_property
    def _negative(self) -> Array:
        return np.minimum(self.coefficients, 0)

    def bounds(self, box: Box, *, upper: bool) -> Sequence[int | None]:
        """Return an upper (or lower) bound of each polynomial."""
        ends = self._monomial_ends(self._corner(box, upper=upper))
        if ends is None:
            return [None] * len(self.coefficients)
        low, high = (np.array([pair[side] for pair in ends], dtype=self.dtype) for side in (0, 1))
        if None not in self.signature:
            totals: list[int | None] = (self.coefficients @ high).tolist()
        elif upper:
            totals = (self._positive @ high + self._negative @ low).tolist()
        else:
            totals = (self._positive @ low + self._negative @ high).tolist()
        return totals

    def _corner(self, box: Box, *, upper: bool) -> Box:
        """Return the part of a box where all polynomials are largest (or smallest)."""
        low, high = list(box.low), list(box.high)
        for index, slope in enumerate(self.signature):
            if slope is None:
                continue
            end = box.high[index] if (slope > 0) == upper else box.low[index]
            low[index] = high[index] = end
        return Box(tuple(low), tuple(high))

    def _monomial_ends(self, box: Box) -> list[tuple[int, int]] | None:
        ends: dict[Atom, tuple[int, int]] = {}
        for atom, factor in self.factors.items():
            pair = factor.ends(box)
            if pair is None:
                return None
            ends[atom] = pair
        return [_product_ends(monomial, ends) for monomial in self.monomials]


def _product_ends(monomial: Monomial, ends: Mapping[Atom, tuple[int, int]]) -> tuple[int, int]:
    """Return the extremes of a product of powers of numbers between their ends."""
    low, high = 1, 1
    for atom, exponent in monomial:
        first, last = ends[atom]
        if first >= 0:
            first, last = first**exponent, last**exponent
        else:
            first, last = _power_ends(first, last, exponent)
        if low >= 0 and first >= 0:
            low, high = low * first, high * last
        else:
            corners = low * first, low * last, high * first, high * last
            low, high = min(corners), max(corners)
    return low, high


def _power_ends(first: int, last: int, exponent: int) -> tuple[int, int]:
    """Return the extremes of a power of a number that may be negative."""
    if exponent % 2:
        return first**exponent, last**exponent
    powers = first**exponent, last**exponent
    return (0 if last >= 0 else min(powers)), max(powers)
