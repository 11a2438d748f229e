"""Atoms made once each, with their exact tables; what a table shows to be something simpler is that."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy

from fxcost.expr.division import exact_quotient, floor_division
from fxcost.expr.functions import sympy_number
from fxcost.expr.grid import Grid, Grids, Table
from fxcost.expr.polynomial import Atom, Polynomial, Quotient
from fxcost.expr.shapes import (
    constant_ratio,
    constant_slices,
    floor_of_sum,
    is_separable,
    line_through,
)
from fxcost.expr.vectorised import extremes


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a subexpression without its table: bounds and a quotient, None where unknown."""

    low: int | None = None
    high: int | None = None
    quotient: Quotient | None = None


class Atoms:
    """The atoms of one domain, restricted to where conditions hold.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.space import Int, Space
    >>> from torch.utils._sympy.functions import FloorDiv
    >>> domain = Domain(Space(width=Int(64, 512, step=64)))
    >>> atoms = Atoms(Grids(domain))
    >>> print(atoms.of(FloorDiv(domain.symbols["width"] + 3, 4)))
    width//4
    """

    def __init__(self, grids: Grids) -> None:
        self.grids = grids
        self._variables: dict[str, Polynomial] = {}
        self._known: dict[tuple[tuple[str, ...], bytes], _Known] = {}
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

    def of(self, expression: sympy.Expr, facts: Callable[[], Facts] = Facts) -> Polynomial:
        """Return an integer subexpression as a polynomial over atoms.

        Args:
            expression: What it computes.
            facts: Returns what is known of it otherwise, for when there is no table.
        """
        table = self.grids.table(expression)
        if table is None:
            return self._unlisted(expression, facts)
        found = self.simpler(table)
        if found is not None:
            return found
        if _falls(table):
            return -self._rising(-expression, _negated(table))
        return self._rising(expression, table)

    def learn(self, atom: Atom) -> None:
        """Take over an atom that was made for the same domain under the same conditions."""
        polynomial = Polynomial.of_atom(atom)
        if atom.table is None:
            self._opaque[atom.expression] = polynomial
        else:
            known = _Known(polynomial, int(atom.table.valid[0]), _step(atom.table))
            self._known[_fingerprint(atom.table)] = known

    def _unlisted(self, expression: sympy.Expr, facts: Callable[[], Facts]) -> Polynomial:
        if expression not in self._opaque:
            known = facts()
            key = (1, sympy.srepr(expression))
            atom = Atom(expression, key, known.low, known.high, None, known.quotient)
            self._opaque[expression] = Polynomial.of_atom(atom)
        return self._opaque[expression]

    def simpler(self, table: Table) -> Polynomial | None:
        """Return what a table is in terms of variables and atoms made before; None where it is new."""
        if table.low == table.high:
            return Polynomial.constant(table.low)
        if _falls(table):
            opposite = self.simpler(_negated(table))
            return None if opposite is None else -opposite
        for find in (self._affine, self._seen, self._projected):
            found = find(table)
            if found is not None:
                return found
        return None

    def _affine(self, table: Table) -> Polynomial | None:
        """Return a table that runs on a line by its variable, or by its variable's position."""
        for name in table.grid.names:
            line = line_through(table.grid.points[name], table.valid)
            if line is None:
                continue
            slope, offset = line
            if slope.denominator == 1:
                return self.variable(name) * int(slope) + int(offset)
            return self._by_position(name, slope, offset)
        return None

    def _by_position(self, name: str, slope: Fraction, offset: Fraction) -> Polynomial | None:
        """Return a line by the atom `x // step`, the step being the largest that leaves one remainder.

        None where x has more values than those the line was drawn through, off the steps.
        """
        grid = self.grids.grid([name])
        if grid is None:
            return None
        points = grid.points[name]
        step = int(np.gcd.reduce(points - points[0]))
        rise, start = slope * step, slope * (int(points[0]) % step) + offset
        if rise.denominator != 1 or start.denominator != 1:
            return None
        position = Table(grid, points // step)
        found = self._seen(position)
        if found is None:
            floor = floor_division(self.grids.domain.symbols[name], sympy.Integer(step))
            dividend = self.variable(name) - int(points[0]) % step
            found = self._stored(floor, position, Quotient(step, (), dividend))
        return found * int(rise) + int(start)

    def spaced(self, name: str) -> tuple[int, int, Polynomial] | None:
        """Return `step, first, position` where a hyperparameter is `step * position + first`, step above 1.

        >>> from fxcost.expr.domain import Domain
        >>> from fxcost.space import Choice, Space
        >>> step, first, position = Atoms(Grids(Domain(Space(kernel=Choice(3, 5, 7))))).spaced("kernel")
        >>> print(step, first, position)
        2 1 kernel//2
        """
        grid = self.grids.grid([name])
        if grid is None or not self.grids.domain.axes[name].integral:
            return None
        points = grid.points[name]
        step = int(np.gcd.reduce(points - points[0]))
        if step < 2:
            return None
        first = int(points[0]) % step
        position = self._by_position(name, Fraction(1, step), Fraction(-first, step))
        return None if position is None else (step, first, position)

    def _seen(self, table: Table) -> Polynomial | None:
        """Return a multiple of an atom made before, plus a constant."""
        known = self._known.get(_fingerprint(table))
        if known is None or _step(table) % known.step:
            return None
        factor = _step(table) // known.step
        return known.polynomial * factor + (int(table.valid[0]) - known.first * factor)

    def _projected(self, table: Table) -> Polynomial | None:
        """Return an atom made before that depends on one of the table's two hyperparameters only."""
        if len(table.grid.names) != 2:
            return None
        for axis, name in enumerate(table.grid.names):
            single = self.grids.grid([name])
            values = constant_slices(table, axis)
            if single is None or values is None or not set(_valid(single)) <= values.keys():
                continue
            line = np.array([values[position] for position in _valid(single)], dtype=np.int64)
            found = self.simpler(Table(single, line))
            if found is not None:
                return found
        return None

    def _rising(self, expression: sympy.Expr, table: Table) -> Polynomial:
        """Return a new table by a new atom, or by two where it is a sum of tables."""
        if len(table.grid.names) == 2 and is_separable(table):
            return self._separated(expression, table)
        if len(table.grid.names) != 1:
            return self._stored(expression, table, self._quotient(table))
        if isinstance(expression, sympy.Piecewise) and (table.low, table.high) == (0, 1):
            return self._stored(expression, table)
        name = table.grid.names[0]
        floor = floor_of_sum(table.grid.points[name], table.valid)
        return self._in_steps(expression, table) if floor is None else self._floor_of_sum(name, table, *floor)

    def _in_steps(self, expression: sympy.Expr, table: Table) -> Polynomial:
        """Return a table by the atom `expression // step`, the step being what its values are apart."""
        step = _step(table)
        if step == 1:
            return self._stored(expression, table)
        floor = floor_division(expression, sympy.Integer(step))
        return self._stored(floor, Table(table.grid, table.valid // step)) * step + table.low % step

    def _floor_of_sum(self, name: str, table: Table, k: int, first: int, last: int) -> Polynomial:
        """Return `(x + c) // k`, c from first to last, by the atom that is nicest: rounding down, or up.

        What is one less than rounding up is written so: sizes are rounded up, strides are made of size - 1.
        """
        less = 1 if -k <= first <= last < 0 else 0
        allowed = range(first + k * less, last + k * less + 1)
        c = next((c for c in (0, k - 1) if c in allowed), min(allowed, key=abs))
        floor = floor_division(self.grids.domain.symbols[name] + c, sympy.Integer(k))
        return self._stored(floor, Table(table.grid, table.valid + less)) - less

    def _separated(self, expression: sympy.Expr, table: Table) -> Polynomial:
        """Return a table of the form `f(x) + g(y)` by the tables of f and g."""
        symbols = self.grids.domain.symbols
        total = Polynomial.constant(-int(table.valid[0]))
        for name in table.grid.names:
            others = {
                symbols[other]: sympy_number(column[0].item())
                for other, column in table.grid.points.items()
                if other != name
            }
            total = total + self.of(expression.xreplace(others))
        return total

    def _stored(self, expression: sympy.Expr, table: Table, quotient: Quotient | None = None) -> Polynomial:
        """Make an atom. What it is a fraction of, if that was made before, it knows as its multiple."""
        shape = _fingerprint(table)
        coarser = self._known.get(shape)
        if coarser is not None and quotient is None:
            ratio = Fraction(coarser.step, _step(table))
            rest = ratio.numerator * int(table.valid[0]) - ratio.denominator * coarser.first
            quotient = Quotient(ratio.numerator, (), coarser.polynomial * ratio.denominator + rest)
        key = (1, sympy.srepr(expression))
        atom = Atom(expression, key, table.low, table.high, table, quotient)
        self.learn(atom)
        return Polynomial.of_atom(atom)

    def _quotient(self, table: Table) -> Quotient | None:
        """Return what says that the table is `y / x`, up to a rational factor, exactly."""
        points = table.grid.points
        for divisor, dividend in itertools.permutations(points, 2):
            ratio = constant_ratio(table.valid, points[divisor], points[dividend])
            if ratio is not None:
                multiple = self.variable(divisor) * ratio.denominator
                return exact_quotient(self.variable(dividend) * ratio.numerator, multiple)
        return None


def _falls(table: Table) -> bool:
    """Say whether the first value other than the first one is below it."""
    return bool(table.valid[np.argmax(table.valid != table.valid[0])] < table.valid[0])


def _negated(table: Table) -> Table:
    return Table(table.grid, -table.valid)


@dataclass(frozen=True, slots=True)
class _Known:
    """An atom, the first value of its table, and the largest step that all its values are apart."""

    polynomial: Polynomial
    first: int
    step: int


def _step(table: Table) -> int:
    return int(np.gcd.reduce(table.valid - table.valid[0]))


def _fingerprint(table: Table) -> tuple[tuple[str, ...], bytes]:
    """Return what tables share of which one is an affine function of the other."""
    steps = (table.valid - table.valid[0]) // _step(table)
    return table.grid.names, hashlib.sha256(steps.tobytes()).digest()


def _valid(single: Grid) -> list[int]:
    """Return the valid positions on a grid of one hyperparameter."""
    return [int(index) for index in np.flatnonzero(single.valid)]
