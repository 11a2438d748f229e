"""Conditions as people write them."""

from __future__ import annotations

import math

import numpy as np
import sympy

from fxcost.expr.domain import Domain
from fxcost.expr.functions import sympy_number
from fxcost.expr.grid import Grids
from fxcost.expr.kinds import compares_integers
from fxcost.expr.printing import python
from fxcost.expr.remainders import vanishing_remainder
from fxcost.expr.vectorised import Array


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
    return python(simple if found is None else found)


def _is_comparison(expression: sympy.Basic) -> bool:
    return isinstance(expression, sympy.core.relational.Relational)


def simplified(relation: sympy.Basic) -> sympy.Basic:
    """Return a comparison of integers without what both sides share, constants on the right."""
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


def _as_range(condition: sympy.Basic, domain: Domain) -> sympy.Basic | None:
    """Return a condition on one hyperparameter as one comparison with it, None where that cannot be."""
    if len(condition.free_symbols) != 1 or any(argument.is_Symbol for argument in condition.args):
        return None
    (symbol,) = condition.free_symbols
    grid = Grids(domain).grid([symbol.name])
    truth = grid.evaluate(condition) if grid is not None else None
    if grid is None or truth is None or domain.axes[symbol.name].options is not None:
        return None
    shape = _shape(truth)
    if shape is None:
        return None
    relation, position = shape
    return relation(symbol, sympy_number(grid.axes[0][position].item()), evaluate=False)


def _shape(truth: Array) -> tuple[type[sympy.Basic], int] | None:
    """Return how positions compare with which one exactly where a table is true."""
    true, false = np.flatnonzero(truth), np.flatnonzero(~truth)
    if not len(true) or not len(false):
        return None
    if len(true) == 1:
        return sympy.Eq, int(true[0])
    if len(false) == 1 and 0 < false[0] < len(truth) - 1:
        return sympy.Ne, int(false[0])
    if true[-1] < false[0]:
        return sympy.Le, int(true[-1])
    return (sympy.Ge, int(true[0])) if false[-1] < true[0] else None


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
