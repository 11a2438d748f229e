"""What kind of value an expression has, from its form."""

from __future__ import annotations

import sympy
import torch.utils._sympy.functions as torch_functions

from fxcost.expr.table import RULES, Kind


def is_integral(expression: sympy.Basic) -> bool:
    """Say whether an expression's value is a Python int at every point.

    >>> is_integral(sympy.Symbol("x", integer=True) + 1), is_integral(sympy.Float(2.0))
    (True, False)
    """
    if expression.is_Symbol or expression.is_Number:
        return isinstance(expression, sympy.Integer) or (expression.is_Symbol and bool(expression.is_integer))
    if isinstance(expression, sympy.Pow):
        base, exponent = expression.args
        return is_integral(base) and is_integral(exponent) and bool(exponent.is_nonnegative)
    if isinstance(expression, sympy.Piecewise):
        return all(is_integral(chosen) for chosen, _ in expression.args)
    if isinstance(expression, torch_functions.Where):
        return all(is_integral(branch) for branch in expression.args[1:])
    rule = RULES.get(type(expression))
    if rule is None or rule.kind is not Kind.OF_ARGUMENTS:
        return rule is not None and rule.kind is Kind.INTEGER
    return all(is_integral(argument) for argument in expression.args)


def compares_integers(condition: sympy.Basic) -> bool:
    """Say whether a condition is a comparison of two integers.

    >>> compares_integers(sympy.Symbol("x", integer=True) > 1), compares_integers(sympy.Symbol("x") > 1)
    (True, False)
    """
    return isinstance(condition, sympy.core.relational.Relational) and all(
        isinstance(side, sympy.Expr) and is_integral(side) for side in condition.args
    )
