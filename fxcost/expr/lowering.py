"""Expressions and conditions as Z3 terms over the positions of hyperparameters in their domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
import torch.utils._sympy.functions as torch_functions
import z3

from fxcost.expr import exact, terms
from fxcost.expr.branches import BRANCHES
from fxcost.expr.domain import Axis, Domain
from fxcost.expr.expression import Expression
from fxcost.expr.grid import Table
from fxcost.expr.kinds import is_integral
from fxcost.expr.normal import Normaliser
from fxcost.expr.pieces import balanced, line_term, table_term
from fxcost.expr.polynomial import Atom, Polynomial
from fxcost.expr.table import rule_of
from fxcost.expr.terms import Term
from fxcost.space import Config

FEW_PIECES = 64
"""A table of so few affine pieces is lowered as such also where its function has terms of its own."""

MANY_PIECES = 20_000
"""Up to so many where the function works on floats, which have no exact terms."""


class Lowering:
    """Lowers to Z3 what every configuration of a domain satisfies: never less, sometimes more.

    Each hyperparameter is the position of its value in its domain. Float operations that could not be
    tabulated are wider than what happens (`exact` is then False): a model must be confirmed by exact
    evaluation, and unsatisfiability stays a proof.

    Args:
        domain: The hyperparameters.
        normaliser: Its conditions must be among what is asserted; by default there are none.

    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(width=Int(64, 512, step=64), batch=Int(1, 8)))
    >>> width, batch = domain.symbols.values()
    >>> lowering = Lowering(domain)
    >>> solver = z3.Solver()
    >>> solver.add(lowering.integer(width * batch) == 2048, lowering.condition(batch < 8))
    >>> solver.add(lowering.domain_constraints())
    >>> solver.check(), lowering.config(solver.model())
    (sat, Config(width=512, batch=4))
    """

    def __init__(self, domain: Domain, normaliser: Normaliser | None = None) -> None:
        self.domain = domain
        self.normaliser = normaliser or Normaliser(domain)
        self.exact = True
        self.variables: Mapping[str, Term] = {
            name: (z3.Real if axis.listed is None else z3.Int)(name) for name, axis in domain.axes.items()
        }
        self.values: Mapping[str, Term] = {name: self._value(axis) for name, axis in domain.axes.items()}
        self._definitions: list[Term] = []
        self._known: dict[sympy.Basic, Term] = {}
        self._fresh = 0

    def _value(self, axis: Axis) -> Term:
        variable = self.variables[axis.name]
        if axis.listed is None:
            return variable
        if isinstance(axis.listed, range):
            return axis.listed.start + axis.listed.step * variable
        ascending = [Fraction(value) for value in sorted(axis.listed)]
        return line_term(variable, range(len(ascending)), ascending)[0]

    def domain_constraints(self) -> list[Term]:
        """Return what holds of every position, and what defines the terms made so far: ask for it last."""
        constraints = []
        for name, axis in self.domain.axes.items():
            variable = self.variables[name]
            low, high = (
                (Fraction(axis.low), Fraction(axis.high)) if axis.listed is None else (0, axis.size - 1)
            )
            constraints += [variable >= _number(low), variable <= _number(high)]
        return constraints + self._definitions

    def config(self, model: z3.ModelRef) -> Config:
        """Return the configuration of a model."""
        values: dict[str, Any] = {}
        for name, axis in self.domain.axes.items():
            position = model.eval(self.variables[name], model_completion=True)
            if axis.listed is None:
                values[name] = float(position.as_fraction())
            elif isinstance(axis.listed, range):
                values[name] = axis.listed[position.as_long()]
            else:
                values[name] = sorted(axis.listed)[position.as_long()]
        return self.domain.decode(values)

    def integer(self, expression: sympy.Expr | Polynomial | Expression | int) -> Term:
        """Return an integer expression's value; a maximum as nested Ifs."""
        if isinstance(expression, Expression):
            return terms.maximum(self, *(self.integer(row.polynomial) for row in expression.rows))
        if isinstance(expression, Polynomial):
            return self._polynomial(expression)
        return self._polynomial(self.normaliser.polynomial(expression))

    def at_most(self, expression: Expression, bound: int) -> Term:
        """Return that the expression is at most `bound`: every row is."""
        return z3.And(*(self.integer(row.polynomial) <= bound for row in expression.rows))

    def at_least(self, expression: Expression, bound: int) -> Term:
        """Return that the expression is at least `bound`: some row is."""
        return z3.Or(*(self.integer(row.polynomial) >= bound for row in expression.rows))

    def condition(self, condition: sympy.Basic) -> Term:
        """Return a condition's truth."""
        return self._term(condition)

    def _polynomial(self, polynomial: Polynomial) -> Term:
        total = [
            z3.Product(
                coefficient, *(self._atom(atom) for atom, exponent in monomial for _ in range(exponent))
            )
            if monomial
            else z3.IntVal(coefficient)
            for monomial, coefficient in polynomial.terms.items()
        ]
        return z3.Sum(*total) if total else z3.IntVal(0)

    def _atom(self, atom: Atom) -> Term:
        if atom.name is not None:
            return self.values[atom.name]
        if atom.expression not in self._known:
            self._known[atom.expression] = self._made(atom.expression, atom.table)
        return self._known[atom.expression]

    def _made(self, expression: sympy.Basic, table: Table | None) -> Term:
        """Return a table's pieces where that is exact or simple, else the outermost function's term."""
        if table is not None:
            limit = MANY_PIECES if _has_floats(expression) else FEW_PIECES
            term = table_term(table, self.variables, limit)
            if term is not None:
                return term
        return self._applied(expression)

    def _term(self, expression: sympy.Basic) -> Term:
        if isinstance(expression, sympy.Expr) and is_integral(expression):
            return self.integer(expression)
        if expression not in self._known:
            self._known[expression] = self._lowered(expression)
        return self._known[expression]

    def _lowered(self, expression: sympy.Basic) -> Term:
        number = exact.number(expression)
        if number is not None:
            return _number(number)
        if isinstance(expression, sympy.Symbol):
            self.exact &= self.domain.axes[expression.name].listed is not None
            return self.values[expression.name]
        if isinstance(expression, sympy.core.relational.Relational):
            return self._relation(expression)
        return self._applied(expression)

    def _relation(self, relation: sympy.Basic) -> Term:
        """Return a comparison: of a maximum, by its arguments; of floats, by its truth table."""
        split = _split_extremum(relation)
        if split is not None:
            connective, parts = split
            return connective(*(self._term(part) for part in parts))
        if not all(is_integral(side) for side in relation.args):
            truth = self._truth_table(relation)
            if truth is not None:
                return truth
        return self._applied(relation)

    def _truth_table(self, relation: sympy.Basic) -> Term | None:
        grids = self.normaliser.grids
        grid = grids.grid(symbol.name for symbol in relation.free_symbols)
        truth = grid.evaluate(relation) if grid is not None else None
        if grid is None or truth is None:
            return None
        if truth.all() or not truth.any():
            return z3.BoolVal(bool(truth.all()))
        term = table_term(Table(grid, truth.astype(np.int64)), self.variables, MANY_PIECES)
        return None if term is None else term == 1

    def _applied(self, expression: sympy.Basic) -> Term:
        branching = BRANCHES.get(type(expression))
        if branching is not None:
            return branching.lower(self._term, expression.args)
        if isinstance(expression, _DIVISIONS):
            divided = _divided(self, expression)
            if divided is not None:
                return divided
        lower = self._natively if isinstance(expression, _RING) else self._term
        return rule_of(expression).lower(self, *(lower(argument) for argument in expression.args))

    def _natively(self, expression: sympy.Basic) -> Term:
        """Return a part of an atom that is a sum or product: as written, the normal form is that atom."""
        return self._applied(expression) if expression.args else self._term(expression)

    def integer_variable(self) -> Term:
        """Return a fresh Int."""
        self._fresh += 1
        return z3.Int(f"{self._fresh}!integer")

    def real_variable(self) -> Term:
        """Return a fresh Real."""
        self._fresh += 1
        return z3.Real(f"{self._fresh}!real")

    def define(self, constraint: Term) -> None:
        """Assert a side constraint about fresh variables."""
        self._definitions.append(constraint)

    def approximate(self) -> None:
        """Remember that terms from here on allow more than what can happen."""
        self.exact = False


def _number(value: Any) -> Term:
    if isinstance(value, bool):
        return z3.BoolVal(value)
    return z3.IntVal(value) if isinstance(value, int) else terms.fraction(Fraction(value))


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


def _divided(lowering: Lowering, division: sympy.Basic) -> Term | None:
    """Return a quotient or remainder by a hyperparameter of few values: one constant divisor for each."""
    base, divisor = division.args
    names = [symbol.name for symbol in divisor.free_symbols]
    if len(names) != 1 or lowering.domain.axes[names[0]].size > FEW_PIECES:
        return None
    grid = lowering.normaliser.grids.grid(names)
    divisors = grid.evaluate(divisor) if grid is not None else None
    if grid is None or divisors is None or divisors.dtype != np.int64 or divisors.min() <= 0:
        return None
    dividend, rule = lowering._term(base), rule_of(division)
    starts = [int(position) for position in np.flatnonzero(grid.valid)]
    cases = [rule.lower(lowering, dividend, z3.IntVal(int(value))) for value in divisors]
    return balanced(lowering.variables[names[0]], starts, cases)
