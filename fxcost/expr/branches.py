"""The forms that evaluate only some of their arguments: connectives, Piecewise and Where.

One table again, as in `table`: at a point the branches not taken are not evaluated, over arrays and in
Z3 all of them are. Every function here gets `value`, which evaluates an argument, and the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import sympy
import torch.utils._sympy.functions as torch_functions
import z3

from fxcost.errors import ExpressionError
from fxcost.expr import vectorised
from fxcost.expr.terms import Term, same_sort
from fxcost.expr.vectorised import Array

Evaluation: TypeAlias = "Callable[[Callable[[sympy.Basic], Any], Any], Any]"


@dataclass(frozen=True, slots=True)
class Branching:
    """One form in the three languages it is evaluated in.

    Attributes:
        exact: Evaluates to Python values, only what is needed.
        arrays: Evaluates to NumPy arrays.
        lower: Evaluates to Z3 terms.
    """

    exact: Evaluation
    arrays: Evaluation
    lower: Evaluation


def _piecewise(value: Callable[[sympy.Basic], Any], pairs: Any) -> Any:
    for chosen, condition in pairs:
        if value(condition):
            return value(chosen)
    raise ExpressionError(f"no condition of Piecewise{pairs} holds")


def _piecewise_arrays(value: Callable[[sympy.Basic], Array], pairs: Any) -> Array:
    conditions = _truths(value, [condition for _, condition in pairs])
    if not np.all(np.logical_or.reduce(np.broadcast_arrays(*conditions))):
        raise ExpressionError(f"no condition of Piecewise{pairs} holds at some point")
    result = value(pairs[-1][0])
    for (chosen, _), condition in zip(reversed(pairs[:-1]), reversed(conditions[:-1]), strict=True):
        result = _select(condition, value(chosen), result)
    return result


def _piecewise_terms(value: Callable[[sympy.Basic], Term], pairs: Any) -> Term:
    result = value(pairs[-1][0])
    for chosen, condition in reversed(pairs[:-1]):
        result = z3.If(value(condition), *same_sort(value(chosen), result))
    return result


def _choice(value: Callable[[sympy.Basic], Any], arguments: Any) -> Any:
    condition, chosen, other = arguments
    return value(chosen if value(condition) else other)


def _choice_arrays(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    condition, chosen, other = arguments
    return _select(value(condition).astype(bool), value(chosen), value(other))


def _choice_terms(value: Callable[[sympy.Basic], Term], arguments: Any) -> Term:
    condition, chosen, other = (value(argument) for argument in arguments)
    return z3.If(condition, *same_sort(chosen, other))


def _select(condition: Array, chosen: Array, other: Array) -> Array:
    if chosen.dtype == other.dtype:
        return np.where(condition, chosen, other)
    return vectorised.narrow(np.where(condition, chosen.astype(object), other.astype(object)))


def _truths(value: Callable[[sympy.Basic], Array], arguments: Any) -> list[Array]:
    return [value(argument).astype(bool) for argument in arguments]


def _all_arrays(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*_truths(value, arguments))))


def _any_arrays(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*_truths(value, arguments))))


def _implied_arrays(value: Callable[[sympy.Basic], Array], arguments: Any) -> Array:
    premise, conclusion = _truths(value, arguments)
    return ~premise | conclusion


def _connective(connect: Callable[..., Term]) -> Evaluation:
    return lambda value, arguments: connect(*(value(argument) for argument in arguments))


_CHOICE = Branching(_choice, _choice_arrays, _choice_terms)

BRANCHES: Mapping[type, Branching] = MappingProxyType(
    {
        sympy.And: Branching(
            lambda value, arguments: all(value(argument) for argument in arguments),
            _all_arrays,
            _connective(z3.And),
        ),
        sympy.Or: Branching(
            lambda value, arguments: any(value(argument) for argument in arguments),
            _any_arrays,
            _connective(z3.Or),
        ),
        sympy.Implies: Branching(
            lambda value, arguments: not value(arguments[0]) or bool(value(arguments[1])),
            _implied_arrays,
            _connective(z3.Implies),
        ),
        sympy.Piecewise: Branching(_piecewise, _piecewise_arrays, _piecewise_terms),
        sympy.ITE: _CHOICE,
        torch_functions.Where: _CHOICE,
    }
)
"""Every such form."""
