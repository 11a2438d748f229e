"""Atoms made once each, with their exact tables; what a table shows to be something simpler is that."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import sympy
from torch.utils._sympy.functions import FloorDiv

from fxcost.expr.grid import Grid, Grids, Table
from fxcost.expr.polynomial import Atom, Polynomial, Quotient
from fxcost.expr.vectorised import INT64, Array, extremes


class Atoms:
    """The atoms of one domain, restricted to where conditions hold.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(64, 512, step=64)))
    >>> atoms = Atoms(Grids(domain))
    >>> print(atoms.of(FloorDiv(domain.symbols["width"] + 3, 4)))
    width//4
    """

    def __init__(self, grids: Grids) -> None:
        self.grids = grids
        self._variables: dict[str, Polynomial] = {}
        self._known: dict[tuple[tuple[str, ...], bytes], tuple[Polynomial, int]] = {}
        self._opaque: dict[sympy.Expr, Polynomial] = {}

    def variable(self, name: str) -> Polynomial:
        """Return a hyperparameter: its value where only one is valid."""
        if name not in self._variables:
            self._variables[name] = self._made_variable(name)
        return self._variables[name]

    def _made_variable(self, name: str) -> Polynomial:
        axis = self.grids.domain.axes[name]
        if not axis.integral:
            return Polynomial.of_atom(Atom.variable(axis.symbol))
        grid = self.grids.grid([name])
        low, high = extremes(grid.points[name]) if grid else (int(axis.low), int(axis.high))
        if low == high:
            return Polynomial.constant(low)
        return Polynomial.of_atom(Atom.variable(axis.symbol, low, high))

    def of(self, expression: sympy.Expr, low: int | None = None, high: int | None = None) -> Polynomial:
        """Return an integer subexpression as a polynomial over atoms.

        Args:
            expression: What it computes.
            low: A bound known otherwise, for when there is no table.
            high: The same from above.
        """
        table = self.grids.table(expression)
        if table is None:
            return self.opaque(expression, low, high)
        return self.simpler(table) or self._new(expression, table)

    def opaque(self, expression: sympy.Expr, low: int | None = None, high: int | None = None) -> Polynomial:
        """Return a subexpression about which nothing but bounds is known."""
        if expression not in self._opaque:
            atom = Atom(expression, (1, sympy.srepr(expression)), low, high)
            self._opaque[expression] = Polynomial.of_atom(atom)
        return self._opaque[expression]

    def simpler(self, table: Table) -> Polynomial | None:
        """Return what a table is in terms of variables and atoms made before; None where it is new."""
        constant = table.low if table.low == table.high else None
        if constant is not None:
            return Polynomial.constant(constant)
        return self._affine(table) or self._seen(table) or self._projected(table)

    def _affine(self, table: Table) -> Polynomial | None:
        """Return `slope * variable + offset` where that is what the table holds."""
        for name in table.grid.names:
            line = _line(table.grid.points[name], table.valid)
            if line is not None and line[0].denominator == line[1].denominator == 1:
                return self.variable(name) * int(line[0]) + int(line[1])
        return None

    def _seen(self, table: Table) -> Polynomial | None:
        """Return an atom made before, plus a constant."""
        entry = self._known.get(_fingerprint(table))
        return None if entry is None else entry[0] + (int(table.valid[0]) - entry[1])

    def _projected(self, table: Table) -> Polynomial | None:
        """Return an atom made before that depends on one of the table's two hyperparameters only."""
        if len(table.grid.names) != 2:
            return None
        for axis, name in enumerate(table.grid.names):
            single = self.grids.grid([name])
            slices = _constant_slices(table, axis)
            if single is None or slices is None or not set(_valid(single)) <= set(slices):
                continue
            values = np.array([slices[index] for index in _valid(single)], dtype=np.int64)
            found = self._seen(Table(single, values))
            if found is not None:
                return found
        return None

    def _new(self, expression: sympy.Expr, table: Table) -> Polynomial:
        """Make an atom. One that is `ceil(x / k) - 1` is written with the atom `ceil(x / k)`."""
        line = _ends(table) if len(table.grid.names) == 1 else None
        if line is not None and -1 <= line[1] <= Fraction(-1, 2):
            expression, table = expression + 1, Table(table.grid, table.valid + 1)
            return self._stored(expression, table) - 1
        if line is not None and line[1] == 0 and line[0].numerator == 1:
            exact = _line(table.grid.points[table.grid.names[0]], table.valid)
            symbol = self.grids.domain.symbols[table.grid.names[0]]
            if exact is not None:
                expression = FloorDiv(symbol, line[0].denominator, evaluate=False)
        return self._stored(expression, table)

    def _stored(self, expression: sympy.Expr, table: Table) -> Polynomial:
        key = (1, sympy.srepr(expression))
        atom = Atom(expression, key, table.low, table.high, table, self._quotient(table))
        polynomial = Polynomial.of_atom(atom)
        self._known[_fingerprint(table)] = polynomial, int(table.valid[0])
        return polynomial

    def _quotient(self, table: Table) -> Quotient | None:
        """Return what says that the table is `y / k` or `y / (k * x)`, up to an integer factor, exactly."""
        points = table.grid.points
        ones = np.ones_like(table.valid)
        pairs = [(None, name) for name in points] + [(x, y) for x in points for y in points if x != y]
        for divisor, dividend in pairs:
            ratio = _ratio(table.valid, points[divisor] if divisor else ones, points[dividend])
            factor = self.variable(divisor) if divisor else Polynomial.constant(1)
            if ratio is None or len(factor.terms) != 1:
                continue
            ((monomial, coefficient),) = factor.terms.items()
            scale = self.variable(dividend) * ratio.numerator
            return Quotient(ratio.denominator * coefficient, monomial, scale)
        return None


def _fingerprint(table: Table) -> tuple[tuple[str, ...], bytes]:
    """Return what tables share that differ by a constant only."""
    differences = table.valid - table.valid[0]
    return table.grid.names, hashlib.sha256(differences.tobytes()).digest()


def _line(x: Array, y: Array) -> tuple[Fraction, Fraction] | None:
    """Return slope and offset where y is an affine function of x, exactly."""
    if x.dtype != np.int64:
        return None
    other = int(np.argmax(x != x[0]))
    if x[other] == x[0]:
        return None
    slope = Fraction(int(y[other]) - int(y[0]), int(x[other]) - int(x[0]))
    offset = int(y[0]) - slope * int(x[0])
    over = offset.denominator * slope.denominator
    numbers = int(slope * over), int(offset * over)
    largest = abs(numbers[0]) * _largest(x) + abs(numbers[1]) + over * _largest(y)
    if largest >= INT64 or not np.array_equal(x * numbers[0] + numbers[1], y * over):
        return None
    return slope, offset


def _ends(table: Table) -> tuple[Fraction, Fraction] | None:
    """Return slope and offset of the line through a univariate table's first and last point."""
    x, y = table.grid.points[table.grid.names[0]], table.valid
    if x.dtype != np.int64 or len(x) < 2:
        return None
    slope = Fraction(int(y[-1]) - int(y[0]), int(x[-1]) - int(x[0]))
    return slope, int(y[0]) - slope * int(x[0])


def _ratio(quotient: Array, divisor: Array, dividend: Array) -> Fraction | None:
    """Return the constant ratio `quotient * divisor / dividend`, None where it varies or is 0."""
    if divisor.dtype != np.int64 or dividend.dtype != np.int64 or not dividend.all():
        return None
    ratio = Fraction(int(quotient[0]) * int(divisor[0]), int(dividend[0]))
    largest = max(
        _largest(quotient) * _largest(divisor) * ratio.denominator,
        _largest(dividend) * abs(ratio.numerator),
    )
    if not ratio or largest >= INT64:
        return None
    same = np.array_equal(quotient * divisor * ratio.denominator, dividend * ratio.numerator)
    return ratio if same else None


def _constant_slices(table: Table, axis: int) -> dict[int, int] | None:
    """Return the one value of each slice that has valid points, by position; None where one has several."""
    positions = np.nonzero(table.grid.valid)[axis]
    order = np.argsort(positions, kind="stable")
    index, starts = np.unique(positions[order], return_index=True)
    values = table.valid[order]
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    if not np.array_equal(low, high):
        return None
    return dict(zip(index.tolist(), low.tolist(), strict=True))


def _valid(single: Grid) -> list[int]:
    """Return the valid positions on a grid of one hyperparameter."""
    return [int(index) for index in np.flatnonzero(single.valid)]


def _largest(array: Array) -> int:
    return max(map(abs, extremes(array)))
