"""Translate expressions and conditions to Z3 by the normal form of one normaliser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import sympy
import torch.utils._sympy.functions as torch_functions
import z3

from fxcost.expr import exact, terms
from fxcost.expr.branches import BRANCHES
from fxcost.expr.domain import Domain
from fxcost.expr.grid import Table
from fxcost.expr.kinds import compares_integers, is_integral
from fxcost.expr.normal import Normaliser
from fxcost.expr.pieces import balanced, table_term
from fxcost.expr.polynomial import Atom, Monomial, Polynomial
from fxcost.expr.table import rule_of
from fxcost.expr.terms import Term

FEW_PIECES = 64
"""A table of so few affine pieces is lowered as such also where its function has terms of its own."""

MANY_PIECES = 20_000
"""Up to so many where the function works on floats, which have no exact terms."""


class Scope(terms.Context, Protocol):
    """What translations share: the hyperparameters' terms, and what rules ask for."""

    domain: Domain
    variables: Mapping[str, Term]
    values: Mapping[str, Term]


class Translation:
    """Terms by the normal form of one normaliser, right where its conditions hold.

    Args:
        scope: What all translations of a lowering share.
        normaliser: Brings integer expressions into normal form and holds tables.
    """

    def __init__(self, scope: Scope, normaliser: Normaliser) -> None:
        self.scope = scope
        self.normaliser = normaliser
        self._known: dict[sympy.Basic, Term] = {}
        self._atoms: dict[tuple[sympy.Expr, Table | None], Term] = {}

    def integer(self, expression: sympy.Expr | int) -> Term:
        """Return an expression's value by its normal form."""
        return self.polynomial(self.normaliser.polynomial(expression))

    def polynomial(self, polynomial: Polynomial) -> Term:
        """Return a polynomial's value; it may come from another normaliser, and is right where that is."""
        total = [self._product(coefficient, monomial) for monomial, coefficient in polynomial.terms.items()]
        return z3.Sum(*total) if total else z3.IntVal(0)

    def _product(self, coefficient: int, monomial: Monomial) -> Term:
        factors = [self._atom(atom) for atom, exponent in monomial for _ in range(exponent)]
        if coefficient == 1 and factors:
            return z3.Product(*factors)
        return z3.Product(coefficient, *factors) if factors else z3.IntVal(coefficient)

    def _atom(self, atom: Atom) -> Term:
        if atom.name is not None:
            return self.scope.values[atom.name]
        key = atom.expression, atom.table
        if key not in self._atoms:
            self._atoms[key] = self._made(*key)
        return self._atoms[key]

    def _made(self, expression: sympy.Basic, table: Table | None) -> Term:
        """Return a table's pieces where that is exact or simple, else the outermost function's term."""
        if table is not None:
            limit = MANY_PIECES if _has_floats(expression) else FEW_PIECES
            found = table_term(table, self.scope.variables, limit)
            if found is not None:
                return found
        return self._applied(expression)

    def term(self, expression: sympy.Basic) -> Term:
        """Return the term of an expression or condition of any kind."""
        if isinstance(expression, sympy.Expr) and is_integral(expression):
            return self.integer(expression)
        if expression not in self._known:
            self._known[expression] = self._lowered(expression)
        return self._known[expression]

    def _lowered(self, expression: sympy.Basic) -> Term:
        number = exact.number(expression)
        if number is not None:
            return terms.constant(number)
        if isinstance(expression, sympy.Symbol):
            if self.scope.domain.axes[expression.name].listed is None:
                self.scope.approximate()
            return self.scope.values[expression.name]
        if isinstance(expression, sympy.core.relational.Relational):
            return self._relation(expression)
        return self._applied(expression)

    def _relation(self, relation: sympy.Basic) -> Term:
        """Return a comparison: of a maximum, by its arguments; of floats, by its truth table."""
        split = _split_extremum(relation)
        if split is not None:
            connective, parts = split
            return connective(*(self.term(part) for part in parts))
        truth = None if compares_integers(relation) else self._truth_table(relation)
        return self._applied(relation) if truth is None else truth

    def _truth_table(self, relation: sympy.Basic) -> Term | None:
        grid = self.normaliser.grids.grid(symbol.name for symbol in relation.free_symbols)
        truth = grid.evaluate(relation) if grid is not None else None
        if grid is None or truth is None:
            return None
        if truth.all() or not truth.any():
            return z3.BoolVal(bool(truth.all()))
        found = table_term(Table(grid, truth.astype(np.int64)), self.scope.variables, MANY_PIECES)
        return None if found is None else found == 1

    def _applied(self, expression: sympy.Basic) -> Term:
        branching = BRANCHES.get(type(expression))
        if branching is not None:
            return branching.lower(self.term, expression.args)
        divided = self._divided(expression) if isinstance(expression, _DIVISIONS) else None
        if divided is not None:
            return divided
        lower = self._natively if isinstance(expression, _RING) else self.term
        return rule_of(expression).lower(self.scope, *(lower(argument) for argument in expression.args))

    def _natively(self, expression: sympy.Basic) -> Term:
        """Return a part of an atom that is a sum or product: as written, the normal form is that atom."""
        return self._applied(expression) if expression.args else self.term(expression)

    def _divided(self, division: sympy.Basic) -> Term | None:
        """Return a quotient or remainder by a hyperparameter of few values: one constant divisor for each."""
        base, divisor = division.args
        names = [symbol.name for symbol in divisor.free_symbols]
        if len(names) != 1 or self.scope.domain.axes[names[0]].size > FEW_PIECES:
            return None
        grid = self.normaliser.grids.grid(names)
        divisors = grid.evaluate(divisor) if grid is not None else None
        if grid is None or divisors is None or divisors.dtype != np.int64 or divisors.min() <= 0:
            return None
        dividend, rule = self.term(base), rule_of(division)
        starts = [int(position) for position in np.flatnonzero(grid.valid)]
        cases = [rule.lower(self.scope, dividend, z3.IntVal(int(value))) for value in divisors]
        return balanced(self.scope.variables[names[0]], starts, cases)


def _has_floats(expression: sympy.Basic) -> bool:
    return any(
        isinstance(part, sympy.Expr) and not is_integral(part)
        for part in sympy.preorder_traversal(expression)
    )


_RING = (sympy.Add, sympy.Mul, sympy.Pow)
_MAXIMA = (sympy.Max, torch_functions.Max)
_MINIMA = (sympy.Min, torch_functions.Min)
_DIVISIONS = (torch_functions.FloorDiv, torch_functions.Mod, torch_functions.PythonMod, sympy.Mod)
_BELOW = (sympy.Le, sympy.Lt)
_ABOVE = (sympy.Ge, sympy.Gt)


def _split_extremum(relation: sympy.Basic) -> tuple[Callable[..., Term], list[sympy.Basic]] | None:
    """Return a comparison of a Max or Min as a connective and the comparisons of its arguments."""
    if not isinstance(relation, _BELOW + _ABOVE):
        return None
    for side, argument in enumerate(relation.args):
        if not isinstance(argument, _MAXIMA + _MINIMA):
            continue
        other = relation.args[1 - side]
        pairs = [(part, other) if side == 0 else (other, part) for part in argument.args]
        all_must_be_below = isinstance(relation, _BELOW) == (side == 0)
        conjunction = isinstance(argument, _MAXIMA) == all_must_be_below
        return (z3.And if conjunction else z3.Or), [relation.func(*pair, evaluate=False) for pair in pairs]
    return None
