"""A cost along one hyperparameter, the fibre: between which positions a bound holds, box by box.

Each polynomial of the cost is a sum of products: one factor depends on the fibre alone, the other not at all.
Where all is affine in the fibre, a division finds the positions; where a cost never falls along it, halving
does.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.polynomial import Monomial
from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.cutting import Cutting
from fxcost.solve.directions import Factors
from fxcost.solve.enclosure import FLOAT64, Group, Signature, exact_type
from fxcost.solve.factors import LONG, Factor, Opaque
from fxcost.solve.lattice import Boxes, Lattice

FLOATS = np.dtype(np.float64)

HUGE = 10**300
"""Sums below this are finite floats."""

Ends: TypeAlias = "tuple[Array, Array]"
"""First and last position in each of several boxes."""


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


@dataclass(frozen=True, eq=False)
class Basis:
    """Functions of the fibre's position: 1 and the position itself, or some tables.

    Attributes:
        tables: A row of values for each function; None for 1 and the position.
        length: The number of positions.
    """

    tables: Array | None
    length: int

    @property
    def size(self) -> int:
        """How many functions there are."""
        return 2 if self.tables is None else len(self.tables)

    @property
    def largest(self) -> list[int]:
        """The largest magnitude of each function."""
        if self.tables is None:
            return [1, self.length - 1]
        return [int(abs(table).max()) for table in self.tables]

    def combined(self, parts: Array, position: Array) -> Array:
        """Return the sum of the functions at positions, times their factors; one of `parts` for each."""
        if self.tables is None:
            line: Array = parts[0] + parts[1] * position
            return line
        values = self.tables[:, position].astype(parts.dtype, copy=False)
        total: Array = (parts * values[:, np.newaxis]).sum(axis=0)
        return total


class Fibred:
    """A cost as a function of one hyperparameter's position.

    >>> from fxcost.expr import Domain, Expression
    >>> from fxcost.solve.costs import Cost
    >>> from fxcost.solve.lattice import Lattice
    >>> from fxcost.space import Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(64, 256, step=64), batch=Int(1, 8))))
    >>> symbols = lattice.domain.symbols.values()
    >>> width, batch = (Polynomial.of_atom(Atom.variable(symbol)) for symbol in symbols)
    >>> cost = Cost(Expression.of(width * batch + width), None, lattice)
    >>> along = cost.along(lattice.positions["batch"])
    >>> boxes = Boxes.of(lattice.whole)
    >>> along.at_most(boxes, 1000, upper=True), along.at_most(boxes, 1000, upper=False)
    ((array([0]), array([1])), (array([0]), array([8])))
    """

    def __init__(
        self, cost: Bounded, fibre: int, basis: Basis, parts: Mapping[Signature, list[_Parts]]
    ) -> None:
        self.cost = cost
        self.fibre = fibre
        self.basis = basis
        self._starts = np.cumsum([0, *map(len, cost.rows)])[:-1]
        slopes = [signature[fibre] for signature in cost.signatures]
        self.rises_at_points = all(slope in (0, 1) for slope in slopes)
        self.rises = self.rises_at_points and not any(None in signature for signature in cost.signatures)
        self._joined = any(len(row) > 1 for row in cost.rows)
        self._groups: list[Group] = []
        order: list[int] = []
        factors = cost.factors
        for signature, members in parts.items():
            polynomials = [member.of[index] for index in range(basis.size) for member in members]
            self._groups.append(Group(polynomials, signature, factors, cost.lattice))
            order += [member.place for member in members]
        self._order = np.argsort(order)
        self._sizes = [len(members) for members in parts.values()]
        self._extent = self._sum_of_extents()
        for group in self._groups:
            group.calculate_in(exact_type(2 * self._extent + 2))
        self._saturated = self._in_floats()
        self._members = [member for members in parts.values() for member in members]

    @classmethod
    def of(cls, cost: Bounded, fibre: int) -> Fibred | None:
        """Return a cost along a hyperparameter, None where it is neither affine in it nor never falls."""
        lattice = cost.lattice
        listed = lattice.listed[fibre]
        if (
            listed is None
            or len(listed) > LONG
            or any(isinstance(each, Opaque) for each in cost.factors.values())
        ):
            return None
        if any(fibre in factor.support and len(factor.support) > 1 for factor in cost.factors.values()):
            return None
        polynomials = [polynomial for row in cost.rows for polynomial in row]
        split = _Split(cost.factors, fibre, len(listed))
        tables = split.tables(polynomials)
        if tables is None:
            return None
        signatures = cost.signatures
        lines = {part: _line(table) for part, table in tables.items()}
        straight = None not in lines.values()
        single = all(len(row) == 1 for row in cost.rows)
        rises = all(None not in signature and signature[fibre] in (0, 1) for signature in signatures)
        if not rises and not (straight and single):
            return None
        basis = Basis(None if straight else np.stack(list(tables.values())), split.length)
        weights: dict[Monomial, Sequence[int]] = {
            part: (lines[part] or ()) if straight else [int(place == index) for place in range(len(tables))]
            for index, part in enumerate(tables)
        }
        parts: dict[Signature, list[_Parts]] = {}
        for place, (polynomial, signature) in enumerate(zip(polynomials, signatures, strict=True)):
            key = (*signature[:fibre], 0, *signature[fibre + 1 :])
            parts.setdefault(key, []).append(_Parts(place, split.parts(polynomial, weights, basis.size)))
        return cls(cost, fibre, basis, parts)

    @property
    def affine(self) -> bool:
        """Whether all is affine in the fibre's position."""
        return self.basis.tables is None

    def _sum_of_extents(self) -> float:
        """Return what no sum of parts exceeds."""
        largest = self.basis.largest
        extents: list[float] = []
        for group, size in zip(self._groups, self._sizes, strict=True):
            parts = [group.extents[index * size : (index + 1) * size] for index in range(self.basis.size)]
            extents += [sum(map(operator.mul, each, largest)) for each in zip(*parts, strict=True)]
        return max(extents)

    def _in_floats(self) -> list[Group] | None:
        """Return the parts in floats, where these compare alike with all small bounds.

        What is at most 2^53 is exact in a sum of products of numbers that are not negative, and all else
        stays larger: rounding never passes a number that is a float itself.
        """
        tables = self.basis.tables
        signs = all(group.nonnegative for group in self._groups) and (tables is None or (tables >= 0).all())
        return [each.in_type(FLOATS) for each in self._groups] if signs and self._extent < HUGE else None

    def _groups_for(self, bound: int) -> list[Group]:
        """Return the parts in the fastest type of number in which a comparison with a bound is exact."""
        return self._groups if self._saturated is None or bound >= FLOAT64 else self._saturated

    def cutting(self, bound: int) -> Cutting | None:
        """Return compiled code that compares with a bound at single settings; None where there is none."""
        in_floats = all(group.dtype == FLOATS for group in self._groups_for(self._clipped(bound)))
        return self._cutting if in_floats else None

    @functools.cached_property
    def _cutting(self) -> Cutting | None:
        if not (self.rises_at_points and self.affine) or self._joined:
            return None
        pairs = [(member.of[0], member.of[1]) for member in self._members]
        rises = all(slope in (0, 1) for signature in self.cost.signatures for slope in signature)
        return Cutting.of(pairs, self.cost.factors, self.cost.lattice, self.fibre, rises=rises)

    def _parts(self, boxes: Boxes, bound: int, *, upper: bool) -> Array:
        """Return the factors of the basis: for each function, each polynomial and each box."""
        found = []
        for group, size in zip(self._groups_for(bound), self._sizes, strict=True):
            found.append(group.bounds(boxes, upper=upper).reshape(self.basis.size, size, len(boxes)))
        parts = found[0] if len(found) == 1 else np.concatenate(found, axis=1)
        return parts[:, self._order] if self._joined else parts

    def _largest(self, values: Array) -> Array:
        if self._joined:
            values = np.minimum.reduceat(values, self._starts, axis=0)
        largest: Array = values.max(axis=0)
        return largest

    def at_most(self, boxes: Boxes, bound: int, *, upper: bool) -> Ends:
        """Return between which positions an upper (or lower) bound of the cost is at most a number.

        Args:
            boxes: The boxes; what is returned may reach beyond them.
            bound: The number.
            upper: Whether the cost's upper bound is compared.

        Returns:
            First and last position of each box: the first one after the last one where there is none.
        """
        nearest = self._clipped(bound)
        parts = self._parts(boxes, nearest, upper=upper)
        if not self.affine or self._joined:
            return np.zeros(len(boxes), dtype=np.int64), self._threshold(boxes, parts, nearest)
        first, last = self._rows_at_most(parts, nearest)
        return self._position(first.max(axis=0)), self._position(last.min(axis=0))

    def above(self, boxes: Boxes, bound: int, *, upper: bool) -> Ends:
        """Return between which positions an upper (or lower) bound of the cost is above a number.

        Where that is not between two positions of a box: all it is between for the upper bound, the longest
        part for the lower.
        """
        nearest = self._clipped(bound)
        parts = self._parts(boxes, nearest, upper=upper)
        end = self.basis.length - 1
        if not self.affine or self._joined:
            return self._threshold(boxes, parts, nearest) + 1, np.full(len(boxes), end)
        first, last = self._rows_at_most(parts, nearest)
        if self.rises:
            return self._position(last.min(axis=0)) + 1, np.full(len(boxes), end)
        rising = parts[1] >= 0
        first, last = np.where(rising, last + 1, 0), np.where(rising, end, first - 1)
        first = np.maximum(self._position(first), boxes.low[self.fibre])
        last = np.minimum(self._position(last), boxes.high[self.fibre])
        if not upper:
            row = (last - first).argmax(axis=0)
            columns = np.arange(len(boxes))
            return first[row, columns], last[row, columns]
        empty = first > last
        return np.where(empty, end + 1, first).min(axis=0), np.where(empty, -1, last).max(axis=0)

    def _position(self, calculated: Array) -> Array:
        """Return positions, those before the first one as -1 and those after the last one as one more."""
        position: Array = np.minimum(np.maximum(calculated, -1), self.basis.length).astype(np.int64)
        return position

    def _clipped(self, bound: int) -> int:
        """Return the number nearest to a bound that compares alike with all values of the cost."""
        return bound if self._extent == math.inf else int(max(-self._extent - 1, min(bound, self._extent)))

    def _rows_at_most(self, parts: Array, bound: int) -> Ends:
        """Return for each row between which positions `parts[0] + parts[1] * position <= bound`.

        It holds up to the last one where a row does not fall, from the first one on elsewhere.
        """
        room, step, end = bound - parts[0], parts[1], self.basis.length - 1
        flat = step == 0
        if flat.any():
            room, step = np.where(flat, np.where(room >= 0, end, -1), room), np.where(flat, 1, step)
        if self.rises:
            return np.zeros((1, parts.shape[-1]), dtype=step.dtype), _quotient(room, step)
        positions, rising = _quotient(room, np.abs(step)), step > 0
        return np.where(rising, 0, -positions), np.where(rising, positions, end)

    def _threshold(self, boxes: Boxes, parts: Array, bound: int) -> Array:
        """Return up to which position of each box the cost is at most a bound, by halving: it rises there."""
        low, high = boxes.low[self.fibre] - 1, boxes.high[self.fibre]
        while True:
            open_ = low < high
            if not open_.any():
                return low
            middle = (low + high + 1) // 2
            below = self._largest(self.basis.combined(parts, middle)) <= bound
            low = np.where(open_ & below, middle, low)
            high = np.where(open_ & ~below, middle - 1, high)


@dataclass(frozen=True)
class _Parts:
    """What a polynomial's basis functions are multiplied by, and the polynomial's place in the cost."""

    place: int
    of: Sequence[Polynomial]


@dataclass(frozen=True)
class _Split:
    """Splits monomials into what depends on the fibre alone, and the rest."""

    factors: Mapping[Atom, Factor]
    fibre: int
    length: int

    def _split(self, monomial: Monomial) -> tuple[Monomial, Monomial]:
        own = tuple(part for part in monomial if self.fibre in self.factors[part[0]].support)
        return own, tuple(part for part in monomial if part not in own)

    def tables(self, polynomials: Sequence[Polynomial]) -> dict[Monomial, Array] | None:
        """Return the values of each product of the fibre's own atoms; None where they are too many."""
        found: dict[Monomial, Array] = {(): np.ones(self.length, dtype=object)}
        for polynomial in polynomials:
            for monomial in polynomial.terms:
                own, _ = self._split(monomial)
                columns = [(self.factors[atom].column, exponent) for atom, exponent in own]
                if any(column is None for column, _ in columns):
                    return None
                values = (column**exponent for column, exponent in columns if column is not None)
                found[own] = functools.reduce(np.multiply, values, found[()])
        return found

    def parts(
        self, polynomial: Polynomial, weights: Mapping[Monomial, Sequence[int]], size: int
    ) -> list[Polynomial]:
        """Return what each function of the basis is multiplied by."""
        terms: list[dict[Monomial, int]] = [{} for _ in range(size)]
        for monomial, coefficient in polynomial.terms.items():
            own, others = self._split(monomial)
            for each, weight in zip(terms, weights[own], strict=True):
                each[others] = each.get(others, 0) + coefficient * weight
        return [Polynomial(each) for each in terms]


def _line(table: Array) -> tuple[int, int] | None:
    """Return first value and step of values that are evenly apart, None of others."""
    first, step = int(table[0]), int(table[1] - table[0]) if len(table) > 1 else 0
    straight = all(value == first + step * place for place, value in enumerate(table.tolist()))
    return (first, step) if straight else None


def _quotient(dividend: Array, divisor: Array) -> Array:
    """Return `dividend // divisor`, the divisor being positive: exact for whole floats below 2^53 too."""
    if dividend.dtype != np.float64:
        whole: Array = dividend // divisor
        return whole
    quotient: Array = np.floor(dividend / divisor)
    quotient -= quotient * divisor > dividend
    quotient += (quotient + 1) * divisor <= dividend
    return quotient
