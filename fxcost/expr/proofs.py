"""Prove signs of polynomials at every valid point: by bounds, tables, and the ends of affine variables."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from fxcost.expr.bounds import atom_interval, extent, interval
from fxcost.expr.grid import SLOW_POINTS, TABLE_POINTS, Grid, Grids
from fxcost.expr.polynomial import Atom, Monomial, Polynomial
from fxcost.expr.vectorised import INT64, Array

TRUTH_NAMES = 3
"""What depends on more hyperparameters is not tabulated."""


class Prover:
    """Proves signs over the valid points of some grids. What is False here is not proved, it may be true.

    Args:
        grids: The valid points.
        limit: No single table has more points.
        points: Points tabulated in all, before what is left is not proved.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Int, Space
    >>> from torch.utils._sympy.functions import FloorDiv
    >>> domain = Domain(Space(width=Int(8, 64), batch=Int(1, 8)))
    >>> width, batch = domain.symbols.values()
    >>> normaliser = Normaliser(domain)
    >>> Prover(normaliser.grids).nonnegative(normaliser.polynomial(batch * width - FloorDiv(width, 5)))
    True
    """

    def __init__(self, grids: Grids, limit: int = TABLE_POINTS, points: int = 10_000_000) -> None:
        self.grids = grids
        self.limit = limit
        self.points = points
        self._known: dict[Polynomial, bool] = {}

    def nonnegative(self, polynomial: Polynomial) -> bool:
        """Say whether a polynomial is proved never to be below 0."""
        if polynomial not in self._known:
            self._known[polynomial] = self._nonnegative(polynomial)
        return self._known[polynomial]

    def _nonnegative(self, polynomial: Polynomial) -> bool:
        low, high = interval(polynomial)
        if low is not None and low >= 0:
            return True
        if high is not None and high < 0:
            return False
        values = self._values(polynomial)
        if values is not None:
            return bool((values >= 0).all())
        ends = _ends(polynomial)
        return ends is not None and all(self.nonnegative(end) for end in ends)

    def positive(self, polynomial: Polynomial) -> bool:
        """Say whether a polynomial is proved always to be above 0."""
        return self.nonnegative(polynomial - 1)

    def nonzero(self, polynomial: Polynomial) -> bool:
        """Say whether a polynomial is proved never to be 0."""
        low, high = interval(polynomial)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return True
        values = self._values(polynomial)
        if values is not None:
            return bool((values != 0).all())
        return self.positive(polynomial) or self.positive(-polynomial)

    def zero(self, polynomial: Polynomial) -> bool:
        """Say whether a polynomial is proved always to be 0."""
        if not polynomial:
            return True
        values = self._values(polynomial)
        return values is not None and not values.any()

    def true(self, condition: sympy.Basic) -> bool:
        """Say whether a condition is proved, by its table, to hold at every valid point."""
        grid = self._grid(symbol.name for symbol in condition.free_symbols)
        truth = grid.evaluate(condition) if grid is not None else None
        return truth is not None and bool(truth.all())

    def _values(self, polynomial: Polynomial) -> Array | None:
        """Return a polynomial's values at all valid points, None where they are too many."""
        grid = self._grid(polynomial.names, self._points_allowed(polynomial))
        return grid.evaluate(polynomial.sympy()) if grid is not None else None

    def _points_allowed(self, polynomial: Polynomial) -> int:
        """Return how many points may be evaluated: few, where Python's integers would be needed."""
        bounds = {atom: atom_interval(atom) for atom in polynomial.atoms}
        largest = {atom: max(abs(low or 0), abs(high or 0)) for atom, (low, high) in bounds.items()}
        unbounded = any(None in bound for bound in bounds.values())
        return self.limit if not unbounded and extent(polynomial, largest) < INT64 else SLOW_POINTS

    def _grid(self, names: Iterable[str], limit: int | None = None) -> Grid | None:
        """Return a grid of these hyperparameters, with those that conditions tie them to if these are few."""
        wanted = frozenset(names)
        allowed = min(limit or self.limit, self.points)
        tied = wanted.union(*(other for other in self.grids.supports if other & wanted))
        for candidate in dict.fromkeys((tied, wanted)):
            grid = self.grids.grid(candidate, allowed) if len(candidate) <= TRUTH_NAMES else None
            if grid is not None:
                self.points -= grid.valid.size
                return grid
        return None


def _ends(polynomial: Polynomial) -> tuple[Polynomial, Polynomial] | None:
    """Return the polynomial at both ends of a variable it is affine in: it is nowhere below both."""
    powers: dict[Atom, int] = {}
    for monomial in polynomial.terms:
        for atom, exponent in monomial:
            powers[atom] = max(powers.get(atom, 0), exponent)
    inside = {name for atom in powers if atom.name is None for name in atom.names}
    for atom, exponent in sorted(powers.items(), key=lambda power: power[0].key):
        low, high = atom_interval(atom)
        affine = exponent == 1 and atom.name is not None and atom.name not in inside
        if affine and low is not None and high is not None:
            return _at(polynomial, atom, low), _at(polynomial, atom, high)
    return None


def _at(polynomial: Polynomial, atom: Atom, value: int) -> Polynomial:
    """Return a polynomial, affine in the atom, with a number in the atom's place."""
    terms: dict[Monomial, int] = {}
    for monomial, coefficient in polynomial.terms.items():
        rest = tuple(factor for factor in monomial if factor[0] != atom)
        scale = 1 if len(rest) == len(monomial) else value
        terms[rest] = terms.get(rest, 0) + coefficient * scale
    return Polynomial(terms)
