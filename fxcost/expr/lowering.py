"""Expressions and conditions as Z3 terms over the positions of hyperparameters in their domains."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy
import z3

from fxcost.expr import terms
from fxcost.expr.domain import Axis, Domain
from fxcost.expr.expression import Expression
from fxcost.expr.normal import Normaliser
from fxcost.expr.pieces import affine, line_term
from fxcost.expr.polynomial import Polynomial
from fxcost.expr.terms import Term
from fxcost.expr.translation import Translation
from fxcost.space import Config


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
        self.exact = True
        self.variables: Mapping[str, Term] = {
            name: (z3.Real if axis.listed is None else z3.Int)(name) for name, axis in domain.axes.items()
        }
        self.values: Mapping[str, Term] = {name: self._value(axis) for name, axis in domain.axes.items()}
        self._definitions: list[Term] = []
        self._fresh = 0
        everywhere = normaliser is None or not normaliser.conditions
        self._valid = Translation(self, normaliser or Normaliser(domain))
        self._everywhere = self._valid if everywhere else Translation(self, Normaliser(domain))

    def _value(self, axis: Axis) -> Term:
        variable = self.variables[axis.name]
        if axis.listed is None:
            return variable
        if isinstance(axis.listed, range):
            return affine(variable, Fraction(axis.listed.step), Fraction(axis.listed.start))
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
            constraints += [variable >= terms.constant(low), variable <= terms.constant(high)]
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
            return self._valid.polynomial(expression)
        return self._valid.integer(expression)

    def at_most(self, expression: Expression, bound: int) -> Term:
        """Return that the expression is at most `bound`: every row is."""
        return z3.And(*(self.integer(row.polynomial) <= bound for row in expression.rows))

    def at_least(self, expression: Expression, bound: int) -> Term:
        """Return that the expression is at least `bound`: some row is."""
        return z3.Or(*(self.integer(row.polynomial) >= bound for row in expression.rows))

    def condition(self, condition: sympy.Basic) -> Term:
        """Return a condition's truth; the normaliser's conditions are not taken to hold here."""
        return self._everywhere.term(condition)

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
