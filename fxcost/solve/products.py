"""Polynomials as sums of CP-SAT's integers, one for each product of their atoms."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.polynomial import Monomial
from fxcost.solve.boxes.tree import UndecidedError
from fxcost.solve.factors import Opaque, Variable, factor_of
from fxcost.solve.facts import Claim
from fxcost.solve.lattice import Box, Boxes, Lattice

LARGEST = 2**61
"""CP-SAT's integers, and the sums it is told, stay below it."""

TABLE = 1 << 17
"""A function of hyperparameters is told by its table up to so many settings."""

SLOW = 1 << 12
"""And one that is evaluated setting by setting up to so many."""


@dataclass(frozen=True)
class Value:
    """An integer expression of CP-SAT's, or a number, with its exact ends.

    Attributes:
        term: The expression.
        low: It is never below.
        high: It is never above.
    """

    term: Any
    low: int
    high: int

    def __post_init__(self) -> None:
        _require_small(self.low, self.high)

    def times(self, factor: int) -> Any:
        """Return a multiple as CP-SAT is told it: above 64 bits it would take the factor for a float."""
        _require_small(factor)
        return factor * self.term


class Products:
    """Makes the integers of a model when they are needed; each product once.

    Args:
        model: CP-SAT's model.
        lattice: The settings.
        box: Where to look.
        most: Claims that hold in any case: what they say of a product bounds it.

    Raises:
        UndecidedError: A hyperparameter is a `Float` that is not fixed, or a number is too large.
    """

    def __init__(self, model: Any, lattice: Lattice, box: Box, most: Iterable[Claim]) -> None:
        self.model = model
        self.lattice = lattice
        self.box = box
        self.positions = [self._position(index) for index in range(len(lattice.names))]
        self._atoms: dict[Atom, Value] = {}
        self._made: dict[tuple[Atom, ...], Value] = {}
        rows = list(_capped(most))
        self._often = Counter(atom for row, _ in rows for monomial in row.terms for atom, _ in monomial)
        self._caps: dict[tuple[Atom, ...], int] = {}
        for row, bound in rows:
            self._cap(row, bound)

    def value(self, polynomial: Polynomial) -> Value:
        """Return a polynomial's value.

        Raises:
            UndecidedError: It may be too large, or has an atom that CP-SAT cannot be told.
        """
        term: Any = 0
        constant = low = high = 0
        for monomial, factor in polynomial.terms.items():
            product = self._product(self._sorted(monomial))
            ends = sorted((factor * product.low, factor * product.high))
            low, high = low + ends[0], high + ends[1]
            if ends[0] == ends[1]:
                constant += ends[0]
            else:
                term = term + product.times(factor)
        _require_small(constant)
        return Value(term + constant, low, high)

    def _position(self, index: int) -> Any:
        low, high = self.box.low[index], self.box.high[index]
        if low == high:
            return low
        if self.lattice.listed[index] is None:
            raise UndecidedError(f"it knows integers only, and {self.lattice.names[index]} is a Float")
        Value(None, int(low), int(high))
        return self.model.new_int_var(int(low), int(high), self.lattice.names[index])

    def _sorted(self, monomial: Monomial) -> tuple[Atom, ...]:
        """Return a product's factors, first those that bounds are known of."""
        atoms = (atom for atom, exponent in monomial for _ in range(exponent))
        return tuple(sorted(atoms, key=lambda atom: (-self._often[atom], atom.key)))

    def _cap(self, row: Polynomial, bound: int) -> None:
        """Note what products are at most where a row without negative terms is at most a bound."""
        atoms = [self._atom(atom) for atom in row.atoms]
        if min(row.terms.values()) < 0 or any(value.low < 0 for value in atoms):
            return
        for monomial, factor in row.terms.items():
            atoms_of = self._sorted(monomial)
            for length in range(1, len(atoms_of) + 1):
                rest = math.prod(self._atom(atom).low for atom in atoms_of[length:])
                if rest:
                    cap = bound // (factor * rest)
                    first = atoms_of[:length]
                    self._caps[first] = min(cap, self._caps.get(first, cap))

    def _product(self, atoms: tuple[Atom, ...]) -> Value:
        if not atoms:
            return Value(1, 1, 1)
        if len(atoms) == 1:
            return self._atom(atoms[0])
        if atoms not in self._made:
            self._made[atoms] = self._multiplied(self._product(atoms[:-1]), atoms)
        return self._made[atoms]

    def _multiplied(self, first: Value, atoms: tuple[Atom, ...]) -> Value:
        last = self._atom(atoms[-1])
        corners = [x * y for x in (first.low, first.high) for y in (last.low, last.high)]
        low, high = min(corners), max(corners)
        if last.low == last.high:
            return Value(first.times(last.low), low, high)
        if first.low == first.high:
            return Value(last.times(first.low), low, high)
        cap = min(high, self._caps.get(atoms, high))
        if cap < low:
            self.model.add_bool_or([])  # no setting satisfies the claim
            cap = low
        value = Value(None, low, cap)
        made = self.model.new_int_var(value.low, value.high, "")
        self.model.add_multiplication_equality(made, [first.term, last.term])
        return Value(made, low, cap)

    def _atom(self, atom: Atom) -> Value:
        if atom not in self._atoms:
            self._atoms[atom] = self._told(atom)
        return self._atoms[atom]

    def _told(self, atom: Atom) -> Value:
        factor = factor_of(atom, self.lattice)
        free = [index for index in sorted(factor.support) if self.box.low[index] != self.box.high[index]]
        if not free:
            ends = factor.ends(Boxes.of(self.box))
            if not ends.known[0]:
                raise UndecidedError(f"{atom.expression} has no value at some settings")
            return Value(*[int(ends.low[0])] * 3)
        if isinstance(factor, Variable) and isinstance(self.lattice.listed[free[0]], range):
            return self._affine(free[0])
        every = settings(self.box, free, SLOW if isinstance(factor, Opaque) else TABLE)
        if every is None:
            raise UndecidedError(f"{atom.expression} has too long a table")
        ends = factor.ends(every)
        if not ends.known.all():
            raise UndecidedError(f"{atom.expression} has no value at some settings")
        return self._tabulated(free, every, [int(value) for value in ends.low.tolist()])

    def _affine(self, index: int) -> Value:
        """Return a hyperparameter whose values are evenly spaced."""
        listed = self.lattice.listed[index] or ()
        low, high = (listed[int(end)] for end in (self.box.low[index], self.box.high[index]))
        start, step = int(listed[0]), int(listed[1] - listed[0])
        _require_small(start, step)
        return Value(start + step * self.positions[index], int(low), int(high))

    def _tabulated(self, free: Sequence[int], every: Boxes, values: Sequence[int]) -> Value:
        """Return the number that a list has at the positions of some hyperparameters."""
        made = self._new(values)
        if len(free) == 1:
            first = self.positions[free[0]] - int(self.box.low[free[0]])
            self.model.add_element(first, values, made.term)
            return made
        columns = [every.low[index].tolist() for index in free]
        variables = [self.positions[index] for index in free]
        self.model.add_allowed_assignments([*variables, made.term], list(zip(*columns, values, strict=True)))
        return made

    def _new(self, values: Sequence[int]) -> Value:
        low, high = min(values), max(values)
        Value(None, low, high)
        return Value(self.model.new_int_var(low, high, ""), low, high)


def _require_small(*numbers: int) -> None:
    """Make sure that numbers stay below what CP-SAT calculates with."""
    largest = max(map(abs, numbers))
    if largest >= LARGEST:
        raise UndecidedError(f"numbers as large as {largest:,} exceed its 64 bits")


def _capped(claims: Iterable[Claim]) -> Iterable[tuple[Polynomial, int]]:
    """Yield the polynomials that claims bound from above, with the bound."""
    for claim in claims:
        if claim.claimed:
            yield from ((row[0], claim.bound) for row in claim.cost.rows if len(row) == 1 and row[0].terms)


def settings(box: Box, places: Sequence[int], most: int = TABLE) -> Boxes | None:
    """Return all combinations of some hyperparameters' positions in a box, the others at their lowest.

    None where they are too many.

    >>> settings(Box((0, 1, 5), (9, 2, 5)), [1]).low
    (array([0, 0]), array([1, 2]), array([5, 5]))
    """
    lengths = [int(box.high[index] - box.low[index]) + 1 for index in places]
    size = math.prod(lengths)
    if size > most:
        return None
    offsets = dict(zip(places, np.unravel_index(np.arange(size), lengths or (1,)), strict=False))
    columns = tuple(
        low + offsets.get(index, np.zeros(size, dtype=np.int64)) for index, low in enumerate(box.low)
    )
    return Boxes(columns, columns)
