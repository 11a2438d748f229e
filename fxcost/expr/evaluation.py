"""Evaluate expressions as Python would: at one point, or over arrays of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from fxcost.errors import ExpressionError
from fxcost.expr import exact, vectorised
from fxcost.expr.branches import BRANCHES
from fxcost.expr.functions import Number
from fxcost.expr.table import rule_of
from fxcost.expr.vectorised import Array


def evaluate(expression: sympy.Basic, values: Mapping[str, Number]) -> Any:
    """Return an expression's exact value: an int, a float, a bool, or a fraction that is not whole.

    What Python would raise (a zero divisor, an overflow) is raised; branches not taken are not evaluated.

    >>> width, ratio = sympy.symbols("width ratio")
    >>> from torch.utils._sympy.functions import ToFloat, TruncToInt
    >>> from fxcost.expr.functions import FloatMul
    >>> evaluate(TruncToInt(FloatMul(sympy.Float(0.29), ToFloat(width))), {"width": 100})
    28
    """
    return exact.tidy(_Point(values).value(expression))


class _Point:
    """Values of subexpressions at one point, each calculated once."""

    def __init__(self, values: Mapping[str, Number]) -> None:
        self.values = values
        self.known: dict[sympy.Basic, Any] = {}

    def value(self, expression: sympy.Basic) -> Any:
        if expression.is_Symbol:
            return _lookup(self.values, expression.name)
        number = exact.number(expression)
        if number is not None:
            return number
        if expression not in self.known:
            self.known[expression] = self._calculated(expression)
        return self.known[expression]

    def _calculated(self, expression: sympy.Basic) -> Any:
        branching = BRANCHES.get(type(expression))
        if branching is not None:
            return branching.exact(self.value, expression.args)
        return rule_of(expression).exact(*[self.value(argument) for argument in expression.args])


def _lookup(values: Mapping[str, Any], name: str) -> Any:
    try:
        return values[name]
    except KeyError:
        raise ExpressionError(f"no value is given for {name}") from None


def evaluate_arrays(expression: sympy.Basic, values: Mapping[str, Array]) -> Array:
    """Return an expression's exact values over arrays that broadcast against each other.

    Integers come back as int64, or as Python ints (dtype object) where they could pass 2^63. All
    branches are evaluated; what Python would raise at any point is raised.

    >>> width = sympy.Symbol("width")
    >>> evaluate_arrays(width**2, {"width": np.array([3, 2**40])})
    array([9, 1208925819614629174706176], dtype=object)
    """
    return _Points(values).value(expression)


class _Points:
    """Arrays of subexpressions' values, each calculated once."""

    def __init__(self, values: Mapping[str, Array]) -> None:
        self.values = values
        self.known: dict[sympy.Basic, Array] = {}

    def value(self, expression: sympy.Basic) -> Array:
        if expression.is_Symbol:
            return vectorised.plain(np.asarray(_lookup(self.values, expression.name)))
        if expression not in self.known:
            self.known[expression] = self._calculated(expression)
        return self.known[expression]

    def _calculated(self, expression: sympy.Basic) -> Array:
        number = exact.number(expression)
        if number is not None:
            return vectorised.narrow(np.array(number, dtype=object))
        branching = BRANCHES.get(type(expression))
        if branching is not None:
            return np.asarray(branching.arrays(self.value, expression.args))
        rule = rule_of(expression)
        arrays = [self.value(argument) for argument in expression.args]
        result = rule.fast(*arrays)
        return vectorised.elementwise(rule.exact, *arrays) if result is NotImplemented else np.asarray(result)
