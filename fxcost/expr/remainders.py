"""Conditions that say that a division leaves no remainder, however they are spelled."""

from __future__ import annotations

import sympy
from torch.utils._sympy.functions import FloorDiv, Mod, PythonMod

from fxcost.expr.kinds import compares_integers


def divisible_pair(condition: sympy.Basic) -> tuple[sympy.Expr, sympy.Expr] | None:
    """Return dividend and divisor where a condition says that the division leaves no remainder.

    >>> x, y = sympy.symbols("x y", integer=True, positive=True)
    >>> divisible_pair(sympy.Eq(y * FloorDiv(x, y), x)), divisible_pair(sympy.Eq(PythonMod(x, y), 0))
    ((x, y), (x, y))
    """
    if not isinstance(condition, sympy.Eq) or not compares_integers(condition):
        return None
    left, right = condition.args
    is_remainder = right == 0 and isinstance(left, Mod | PythonMod | sympy.Mod)
    remainder = left if is_remainder else vanishing_remainder(sympy.expand(left - right))
    if remainder is None:
        return None
    dividend, divisor = remainder.args
    return dividend, divisor


def vanishing_remainder(difference: sympy.Expr) -> sympy.Expr | None:
    """Return `x % y` where the difference is a nonzero multiple of `y * (x // y) - x`.

    >>> x, y = sympy.symbols("x y", integer=True, positive=True)
    >>> vanishing_remainder(sympy.expand(4 * x * (x - y * FloorDiv(x, y))))
    PythonMod(x, y)
    """
    for division in sorted(difference.atoms(FloorDiv), key=str):
        quotient = sympy.Dummy("quotient", integer=True)
        rest, factor = difference.subs(division, quotient).as_independent(quotient, as_Add=True)
        scale = sympy.cancel(factor / quotient)
        if scale.has(quotient) or not scale.is_nonzero:
            continue
        base, divisor = division.args
        if sympy.expand(rest * divisor + scale * base) == 0:
            return PythonMod(base, divisor, evaluate=False)
    return None
