"""Sound bounds of polynomials over all valid points, in exact integers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from fxcost.expr.polynomial import Atom, Monomial, Polynomial

Interval: TypeAlias = "tuple[int | None, int | None]"
"""Smallest and largest possible value; None where there is no bound known."""


EXACT = 2**61
"""Rows within this bound have differences that are calculated in int64."""


def interval(polynomial: Polynomial) -> Interval:
    """Return bounds: the better of each term's own and those after every atom is counted from its low end.

    >>> import sympy
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x"), 2, 10))
    >>> interval(x**2 - x)
    (2, 90)
    """
    (low, high), (shifted_low, shifted_high) = _termwise(polynomial), _termwise(shifted(polynomial))
    return _better(max, low, shifted_low), _better(min, high, shifted_high)


def _better(choose: object, left: int | None, right: int | None) -> int | None:
    known = [bound for bound in (left, right) if bound is not None]
    return (max if choose is max else min)(known) if known else None


def shifted(polynomial: Polynomial) -> Polynomial:
    """Return the same values with each bounded atom written as its low end plus a new atom from 0 on.

    Polynomials shifted apart can be compared term by term: a difference whose coefficients are all
    nonnegative is nonnegative.

    >>> import sympy
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x"), 2, 10))
    >>> print(shifted(x**2 - x))
    x**2 + 3*x + 2
    """
    return all_shifted([polynomial])[0]


def all_shifted(polynomials: Sequence[Polynomial]) -> list[Polynomial]:
    """Return several polynomials shifted, each of their monomials multiplied out once.

    >>> import sympy
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x"), 2, 10))
    >>> print(*all_shifted([x**2, x**2 - x]), sep=", ")
    x**2 + 4*x + 4, x**2 + 3*x + 2
    """
    monomials: dict[Monomial, Polynomial] = {}
    results = []
    for polynomial in polynomials:
        total: dict[Monomial, int] = {}
        for monomial, coefficient in polynomial.terms.items():
            if monomial not in monomials:
                monomials[monomial] = _monomial_from_low_end(monomial)
            for part, factor in monomials[monomial].terms.items():
                total[part] = total.get(part, 0) + coefficient * factor
        results.append(Polynomial(total))
    return results


def _monomial_from_low_end(monomial: Monomial) -> Polynomial:
    product = Polynomial.constant(1)
    for atom, exponent in monomial:
        product = product * _from_low_end(atom) ** exponent
    return product


def _from_low_end(atom: Atom) -> Polynomial:
    if not isinstance(atom.low, int):
        return Polynomial.of_atom(Atom(atom.expression, atom.key, atom.low, atom.high))
    high = atom.high - atom.low if isinstance(atom.high, int) else None
    return Polynomial.of_atom(Atom(atom.expression, atom.key, 0, high)) + atom.low


def _termwise(polynomial: Polynomial) -> Interval:
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in polynomial.terms.items():
        term = scaled(monomial_interval(monomial), coefficient)
        low = None if low is None or term[0] is None else low + term[0]
        high = None if high is None or term[1] is None else high + term[1]
    return low, high


def scaled(bounds: Interval, factor: int) -> Interval:
    """Return the bounds of an integer multiple.

    >>> scaled((1, None), -2)
    (None, -2)
    """
    low, high = (None if bound is None else bound * factor for bound in bounds)
    return (low, high) if factor >= 0 else (high, low)


def monomial_interval(monomial: Monomial) -> Interval:
    """Return the bounds of a product of atoms' powers.

    >>> import sympy
    >>> x = Atom.variable(sympy.Symbol("x"), 2, 10)
    >>> monomial_interval(((x, 2),))
    (4, 100)
    """
    low: int | None = 1
    high: int | None = 1
    for atom, exponent in monomial:
        low, high = product((low, high), power(atom_interval(atom), exponent))
    return low, high


def atom_interval(atom: Atom) -> Interval:
    """Return an atom's bounds as integers: none where it is no integer.

    >>> import sympy
    >>> atom_interval(Atom.variable(sympy.Symbol("x"), 2))
    (2, None)
    """
    return (
        atom.low if isinstance(atom.low, int) else None,
        atom.high if isinstance(atom.high, int) else None,
    )


def power(bounds: Interval, exponent: int) -> Interval:
    """Return the bounds of a positive power.

    >>> power((-3, 2), 2), power((2, None), 3)
    ((0, 9), (8, None))
    """
    low, high = bounds
    if low is not None and low >= 0:
        return low**exponent, None if high is None else high**exponent
    if low is None or high is None:
        return (0, None) if exponent % 2 == 0 else (None, None if high is None else high**exponent)
    ends = low**exponent, high**exponent
    return (0 if exponent % 2 == 0 and high >= 0 else min(ends)), max(ends)


def product(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a product.

    >>> product((2, 3), (-1, 4)), product((0, None), (1, 2))
    ((-3, 12), (0, None))
    """
    if None not in left and None not in right:
        ends = [a * b for a in left for b in right]  # type: ignore[operator]
        return min(ends), max(ends)
    nonnegative_both = all(low is not None and low >= 0 for low, _ in (left, right))
    return (left[0] * right[0], None) if nonnegative_both else (None, None)  # type: ignore[operator]


def extent(polynomial: Polynomial, largest: Mapping[Atom, int]) -> int:
    """Return what no partial sum or product of an evaluation exceeds, given the atoms' magnitudes.

    >>> import sympy
    >>> x = Atom.variable(sympy.Symbol("x"))
    >>> extent(3 * Polynomial.of_atom(x) ** 2 - 1, {x: 10})
    301
    """
    total = 0
    for monomial, coefficient in polynomial.terms.items():
        total += abs(coefficient) * math.prod(
            max(1, largest[atom]) ** exponent for atom, exponent in monomial
        )
    return total


def is_bounded(rows: Sequence[Polynomial]) -> bool:
    """Say whether rows, their parts and their differences are calculated exactly in int64.

    >>> import sympy
    >>> small, open_ = Atom.variable(sympy.Symbol("x"), 0, 10), Atom.variable(sympy.Symbol("y"), 0)
    >>> is_bounded([Polynomial.of_atom(small) ** 2]), is_bounded([Polynomial.of_atom(open_)])
    (True, False)
    """
    bounds = {atom: atom_interval(atom) for row in rows for atom in row.atoms}
    if any(None in bound for bound in bounds.values()):
        return False
    largest = {atom: max(abs(low or 0), abs(high or 0)) for atom, (low, high) in bounds.items()}
    return all(extent(row, largest) < EXACT for row in rows)
