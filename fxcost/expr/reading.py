"""Conditions as people write them."""

from __future__ import annotations

import math

import sympy

from fxcost.expr.domain import Domain
from fxcost.expr.functions import Number
from fxcost.expr.grid import Grids
from fxcost.expr.kinds import compares_integers
from fxcost.expr.printing import python
from fxcost.expr.remainders import vanishing_remainder

LISTED = 4
"""A condition that allows, or excludes, so few values of a hyperparameter is read as a list of them."""


def readable(condition: sympy.Basic, domain: Domain | None = None) -> str:
    """Return a condition in Python's syntax, simplified where that changes no truth value.

    Args:
        condition: What to read.
        domain: Where it is given, a condition on one hyperparameter is read as a range of its values.

    >>> from torch.utils._sympy.functions import FloorDiv
    >>> heads, width = sympy.symbols("heads width", integer=True, positive=True)
    >>> readable(sympy.Eq(heads * FloorDiv(width, heads), width))
    'width % heads == 0'
    >>> readable(sympy.Lt(4 * width, 8 * heads * width - 4 * width))
    'heads > 1'
    >>> from fxcost.space import Int, Space
    >>> readable(sympy.Ne(FloorDiv(width - 1, 32), 0), Domain(Space(width=Int(1, 256))))
    'width >= 33'
    """
    simple = condition.replace(_is_comparison, simplified)
    found = _as_range(simple, domain) if domain is not None else None
    return found or python(simple)


def _is_comparison(expression: sympy.Basic) -> bool:
    return isinstance(expression, sympy.core.relational.Relational)


def simplified(relation: sympy.Basic) -> sympy.Basic:
    """Return a comparison of integers without what both sides share, constants on the right.

    >>> x = sympy.Symbol("x", integer=True, positive=True)
    >>> simplified(sympy.Lt(2 * x, 4 * x**2, evaluate=False))
    2*x > 1
    """
    if not compares_integers(relation):
        return relation
    difference = sympy.expand(relation.lhs - relation.rhs)
    if difference.is_number:
        return relation.func(difference, 0)
    remainder = vanishing_remainder(difference) if isinstance(relation, sympy.Eq | sympy.Ne) else None
    if remainder is not None:
        return relation.func(remainder, 0, evaluate=False)
    left, right = _sides(difference)
    return _turned(relation.func(left, right, evaluate=False))


def _as_range(condition: sympy.Basic, domain: Domain) -> str | None:
    """Return a condition on one hyperparameter by the values it allows, None where that is no shorter."""
    if len(condition.free_symbols) != 1 or any(argument.is_Symbol for argument in condition.args):
        return None
    (name,) = (symbol.name for symbol in condition.free_symbols)
    grid = Grids(domain).grid([name])
    truth = grid.evaluate(condition) if grid is not None else None
    if grid is None or truth is None or domain.axes[name].options is not None:
        return None
    true, false = grid.axes[0][truth].tolist(), grid.axes[0][~truth].tolist()
    if not true or not false:
        return None
    if true[-1] < false[0]:
        return f"{name} <= {true[-1]}" if len(true) > 1 else f"{name} == {true[0]}"
    if false[-1] < true[0]:
        return f"{name} >= {true[0]}" if len(true) > 1 else f"{name} == {true[0]}"
    if min(len(true), len(false)) > LISTED:
        return None
    return _listed(name, "==", "in", true) if len(true) <= LISTED else _listed(name, "!=", "not in", false)


def _listed(name: str, one: str, several: str, values: list[Number]) -> str:
    return f"{name} {one} {values[0]}" if len(values) == 1 else f"{name} {several} {tuple(values)}"


def _sides(difference: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Return both sides of `difference` compared with 0: positive terms left, the others right."""
    terms = sympy.Add.make_args(_without_common_factor(difference))
    positive = [term for term in terms if not term.could_extract_minus_sign()]
    negative = [-term for term in terms if term.could_extract_minus_sign()]
    return sympy.Add(*positive), sympy.Add(*negative)


def _without_common_factor(difference: sympy.Expr) -> sympy.Expr:
    """Divide by the integer and the positive symbols that all terms share."""
    terms = [term.as_coeff_Mul() for term in sympy.Add.make_args(difference)]
    content = math.gcd(*(int(coefficient) for coefficient, _ in terms)) or 1
    powers = [term.as_powers_dict() for _, term in terms]
    shared = {
        base: min(power.get(base, 0) for power in powers)
        for base in powers[0]
        if base.is_positive and base.is_Symbol
    }
    common = content * sympy.Mul(*(base**exponent for base, exponent in shared.items() if exponent))
    return sympy.Add(*(sympy.Mul(coefficient, term) / common for coefficient, term in terms))


def _turned(relation: sympy.Basic) -> sympy.Basic:
    """Return a comparison with its constant on the right."""
    return relation.reversed if relation.lhs.is_number and not relation.rhs.is_number else relation
