"""Proofs that a polynomial only rises, or only falls, with one hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.bounds import shifted
from fxcost.expr.polynomial import Monomial
from fxcost.expr.vectorised import Array
from fxcost.solve.factors import Factor, Slope

Factors: TypeAlias = "Mapping[Atom, Factor]"


def directions(polynomial: Polynomial, factors: Factors, count: int) -> tuple[Slope, ...]:
    """Return how a polynomial changes with each hyperparameter, on every line of the lattice.

    Every atom is counted from its low end, so that the terms that make up for each other meet. Terms are
    grouped by what they hold besides atoms of the hyperparameter alone; where that is nonnegative, the sum
    of the atoms alone decides.

    Args:
        polynomial: The polynomial.
        factors: Its atoms as functions of positions.
        count: The number of hyperparameters.
    """
    slopes = tuple(_rising(polynomial, factors, index) for index in range(count))
    if None not in slopes:
        return slopes
    from_low_ends = shifted(_bounded(polynomial, factors))
    return tuple(_direction(from_low_ends, factors, index) for index in range(count))


def _rising(polynomial: Polynomial, factors: Factors, index: int) -> Slope:
    """Return how a sum of positive multiples of products of nonnegative atoms changes."""
    total: Slope = 0
    for monomial, coefficient in polynomial.terms.items():
        for atom, _ in monomial:
            factor = factors[atom]
            if coefficient < 0 or factor.low is None or factor.low < 0:
                return None
            total = _both(total, factor.slope(index))
    return total


def _bounded(polynomial: Polynomial, factors: Factors) -> Polynomial:
    """Return a polynomial whose atoms' low ends hold at every point of the lattice, valid or not."""
    bounded = {atom: Atom(atom.expression, atom.key, factors[atom].low) for atom in polynomial.atoms}
    return Polynomial(
        {
            tuple((bounded[atom], exponent) for atom, exponent in monomial): coefficient
            for monomial, coefficient in polynomial.terms.items()
        }
    )


def _direction(polynomial: Polynomial, factors: Factors, index: int) -> Slope:
    groups: dict[Monomial, dict[Monomial, int]] = {}
    total: Slope = 0
    for monomial, coefficient in polynomial.terms.items():
        alone = tuple(part for part in monomial if factors[part[0]].support == {index})
        others = tuple(part for part in monomial if part not in alone)
        if any(index in factors[atom].support for atom, _ in others):
            total = _both(total, _of_product(monomial, coefficient, factors, index))
        else:
            groups.setdefault(others, {})[alone] = coefficient
    for others, terms in groups.items():
        total = _both(total, _of_group(others, terms, factors, index))
    return total


def _both(left: Slope, right: Slope) -> Slope:
    """Return the slope of a sum."""
    if left is None or right is None or left * right < 0:
        return None
    return left or right


def _nonnegative(monomial: Monomial, factors: Factors) -> bool:
    """Say whether no atom is negative: those with a low end are counted from there."""
    return all(factors[atom].low is not None for atom, _ in monomial)


def _of_product(monomial: Monomial, coefficient: int, factors: Factors, index: int) -> Slope:
    total: Slope = 0 if _nonnegative(monomial, factors) else None
    for atom, _ in monomial:
        total = _both(total, factors[atom].slope(index))
    return None if total is None else total * (1 if coefficient > 0 else -1)


def _of_group(others: Monomial, terms: Mapping[Monomial, int], factors: Factors, index: int) -> Slope:
    varying = {alone: coefficient for alone, coefficient in terms.items() if alone}
    if not varying:
        return 0
    if not _nonnegative(others, factors):
        return None
    slope: Slope = 0
    for alone, coefficient in varying.items():
        slope = _both(slope, _of_product(alone, coefficient, factors, index))
    return _of_sum(varying, factors) if slope is None else slope


def _of_sum(terms: Mapping[Monomial, int], factors: Factors) -> Slope:
    """Return the slope of a sum of atoms of one hyperparameter, from the list of its values."""
    total: Array | int = 0
    for monomial, coefficient in terms.items():
        product: Array | int = coefficient
        for atom, exponent in monomial:
            column, low = factors[atom].column, factors[atom].low
            if column is None or low is None:
                return None
            product = product * (column - low) ** exponent
        total = total + product
    steps = np.diff(total)
    if not np.any(steps):
        return 0
    return 1 if np.all(steps >= 0) else -1 if np.all(steps <= 0) else None
