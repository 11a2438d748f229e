"""Conditions as people write them."""

from __future__ import annotations

import math

import sympy
from torch.utils._sympy.functions import FloorDiv, PythonMod

from fxcost.expr.normal import is_integral
from fxcost.expr.printing import python


def readable(condition: sympy.Basic) -> str:
    """Return a condition in Python's syntax, simplified where that changes no truth value.

    >>> heads, width = sympy.symbols("heads width", integer=True, positive=True)
    >>> readable(sympy.Eq(heads * FloorDiv(width, heads), width))
    'width % heads == 0'
    >>> readable(sympy.Lt(4 * width, 8 * heads * width - 4 * width))
    'heads > 1'
    >>> readable(sympy.And(1 < width, sympy.Ne(heads, 3)))
    'width > 1 and heads != 3'
    """
    return python(condition.replace(_is_comparison, simplified))


def _is_comparison(expression: sympy.Basic) -> bool:
    return isinstance(expression, sympy.core.relational.Relational)


def simplified(relation: sympy.Basic) -> sympy.Basic:
    """Return a comparison of integers without what both sides share, constants on the right."""
    if not all(isinstance(side, sympy.Expr) and is_integral(side) for side in relation.args):
        return relation
    difference = sympy.expand(relation.lhs - relation.rhs)
    if difference.is_number:
        return relation.func(difference, 0)
    remainder = _remainder(difference) if isinstance(relation, sympy.Eq | sympy.Ne) else None
    if remainder is not None:
        return relation.func(remainder, 0, evaluate=False)
    left, right = _sides(difference)
    return _turned(relation.func(left, right, evaluate=False))


def _remainder(difference: sympy.Expr) -> sympy.Expr | None:
    """Return `x % y` where the difference is a nonzero multiple of `y * (x // y) - x`."""
    for division in sorted(difference.atoms(FloorDiv), key=str):
        quotient = sympy.Dummy("quotient", integer=True)
        factor, rest = difference.subs(division, quotient).as_independent(quotient, as_Add=True)[::-1]
        scale = sympy.cancel(factor / quotient)
        if scale.has(quotient) or not scale.is_nonzero:
            continue
        base, divisor = division.args
        if sympy.expand(rest * divisor + scale * base) == 0:
            return PythonMod(base, divisor, evaluate=False)
    return None


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
