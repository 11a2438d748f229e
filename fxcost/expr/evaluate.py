"""Evaluate expressions as Python would: at one point, or over arrays of points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
import torch.utils._sympy.functions as torch_functions

from fxcost.errors import ExpressionError
from fxcost.expr import exact, vectorised
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
        lazy = _LAZY.get(type(expression))
        if lazy is not None:
            return lazy(self.value, expression.args)
        return rule_of(expression).exact(*[self.value(argument) for argument in expression.args])


def _lookup(values: Mapping[str, Any], name: str) -> Any:
    try:
        return values[name]
    except KeyError:
        raise ExpressionError(f"no value is given for {name}") from None


def _piecewise(value: Callable[[sympy.Basic], Any], pairs: Any) -> Any:
    for chosen, condition in pairs:
        if value(condition):
            return value(chosen)
    raise ExpressionError(f"no condition of Piecewise{pairs} holds")


def _choice(value: Callable[[sympy.Basic], Any], arguments: Any) -> Any:
    condition, chosen, other = arguments
    return value(chosen if value(condition) else other)


_LAZY: dict[type, Callable[[Callable[[sympy.Basic], Any], Any], Any]] = {
    sympy.And: lambda value, arguments: all(value(argument) for argument in arguments),
    sympy.Or: lambda value, arguments: any(value(argument) for argument in arguments),
    sympy.Implies: lambda value, arguments: not value(arguments[0]) or bool(value(arguments[1])),
    sympy.Piecewise: _piecewise,
    sympy.ITE: _choice,
    torch_functions.Where: _choice,
}


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
            return np.asarray(_lookup(self.values, expression.name))
        if expression not in self.known:
            self.known[expression] = self._calculated(expression)
        return self.known[expression]

    def _calculated(self, expression: sympy.Basic) -> Array:
        number = exact.number(expression)
        if number is not None:
            return vectorised.narrow(np.array(number, dtype=object))
        eager = _EAGER.get(type(expression))
        if eager is not None:
            return eager(self.value, expression.args)
        rule = rule_of(expression)
        arrays = [self.value(argument) for argument in expression.args]
        result = rule.fast(*arrays)
        return vectorised.elementwise(rule.exact, *arrays) if result is NotImplemented else np.asarray(result)


def _truths(value: Callable[[sympy.Basic], Array], arguments: Any) -> list[Array]:
    return [value(argument).astype(bool) for argument in arguments]


def _piecewise_arrays(value: Callable[[sympy.Basic], Array], pairs: Any) -> Array:
    conditions = _truths(value, [condition for _, condition in pairs])
    if not np.all(np.logical_or.reduce(np.broadcast_arrays(*conditions))):
        raise ExpressionError(f"no condition of Piecewise{pairs} holds at some point")
    result = value(pairs[-1][0])
    for (chosen, _), condition in zip(reversed(pairs[:-1]), reversed(conditions[:-1]), strict=True):
        result = _select(condition, value(chosen), result)
    return result


def _select(condition: Array, chosen: Array, other: Array) -> Array:
    result = vectorised.select(condition, chosen, other)
    if result is NotImplemented:
        result = vectorised.narrow(np.where(condition, chosen.astype(object), other.astype(object)))
    return np.asarray(result)


def _choice_arrays(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    condition, chosen, other = arguments
    return _select(value(condition).astype(bool), value(chosen), value(other))


def _all(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*_truths(value, arguments))))


def _any(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*_truths(value, arguments))))


def _implied(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    premise, conclusion = _truths(value, arguments)
    return ~premise | conclusion


_EAGER: dict[type, Callable[[Callable[[sympy.Basic], Array], Any], Array]] = {
    sympy.And: _all,
    sympy.Or: _any,
    sympy.Implies: _implied,
    sympy.Piecewise: _piecewise_arrays,
    sympy.ITE: _choice_arrays,
    torch_functions.Where: _choice_arrays,
}
