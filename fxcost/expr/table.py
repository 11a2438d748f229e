"""The one table of functions: SymPy function → Python's exact answer, NumPy's, Z3's."""

from __future__ import annotations

import enum
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sympy
import torch.utils._sympy.functions as torch_functions
from torch.fx.experimental.symbolic_shapes import eval_is_non_overlapping_and_dense

from fxcost.errors import ExpressionError
from fxcost.expr import exact, functions, terms, vectorised


class Kind(enum.Enum):
    """What a function returns."""

    INTEGER = enum.auto()
    FLOAT = enum.auto()
    BOOLEAN = enum.auto()
    OF_ARGUMENTS = enum.auto()
    """An integer where all its arguments are integers, else a float."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One function in the three languages it is evaluated in.

    Attributes:
        kind: What it returns.
        exact: Python numbers → Python number.
        lower: Z3 context and terms → Z3 term.
        fast: NumPy arrays → array equal to `exact` at every point, or NotImplemented.
    """

    kind: Kind
    exact: Callable[..., Any]
    lower: Callable[..., Any] = terms.some_float
    fast: Callable[..., Any] = lambda *_: NotImplemented


def rule_of(expression: sympy.Basic) -> Rule:
    """Return the rule of an expression's outermost function.

    >>> rule_of(sympy.Symbol("x") + 1).kind
    <Kind.OF_ARGUMENTS: 4>
    """
    rule = RULES.get(type(expression))
    if rule is None:
        raise ExpressionError(f"no rule says what {type(expression).__name__} computes, in {expression}")
    return rule


def _dense(*sizes_and_strides: int) -> int:
    half = len(sizes_and_strides) // 2
    return int(eval_is_non_overlapping_and_dense(sizes_and_strides[:half], sizes_and_strides[half:]))


def _opaque(name: str) -> Rule:
    function = getattr(math, name)
    if name == "sqrt":
        return Rule(Kind.FLOAT, function, terms.square_root, vectorised.square_root)
    return Rule(Kind.FLOAT, function)


_T = torch_functions
_FLOOR_DIV = Rule(Kind.INTEGER, operator.floordiv, terms.floor_div, vectorised.floor_div)
_MOD = Rule(Kind.INTEGER, operator.mod, terms.mod, vectorised.mod)
_ADD = Rule(Kind.OF_ARGUMENTS, exact.add, terms.add, vectorised.add)
_MUL = Rule(Kind.OF_ARGUMENTS, exact.mul, terms.mul, vectorised.mul)
_FLOOR = Rule(Kind.INTEGER, math.floor, terms.floor, vectorised.floor)
_CEILING = Rule(Kind.INTEGER, math.ceil, terms.ceiling, vectorised.ceiling)
_POWER = Rule(Kind.OF_ARGUMENTS, exact.power, terms.power, vectorised.power)
_MAX = Rule(Kind.OF_ARGUMENTS, max, terms.maximum, vectorised.maximum)
_MIN = Rule(Kind.OF_ARGUMENTS, min, terms.minimum, vectorised.minimum)
_IDENTITY = Rule(Kind.OF_ARGUMENTS, lambda value: value, terms.identity, lambda array: array)


def _boolean(*columns: Any) -> Rule:
    return Rule(Kind.BOOLEAN, *columns)


RULES: Mapping[type, Rule] = MappingProxyType(
    {
        sympy.Add: _ADD,
        sympy.Mul: _MUL,
        sympy.Pow: _POWER,
        sympy.Abs: Rule(Kind.OF_ARGUMENTS, abs, terms.absolute, vectorised.absolute),
        sympy.Mod: _MOD,
        sympy.floor: _FLOOR,
        sympy.ceiling: _CEILING,
        sympy.Max: _MAX,
        sympy.Min: _MIN,
        functions.FloatAdd: Rule(Kind.OF_ARGUMENTS, operator.add, terms.add, vectorised.add),
        functions.FloatSub: Rule(Kind.OF_ARGUMENTS, operator.sub, terms.sub, vectorised.sub),
        functions.FloatMul: Rule(Kind.OF_ARGUMENTS, operator.mul, terms.mul, vectorised.mul),
        functions.FloatNeg: Rule(Kind.OF_ARGUMENTS, operator.neg, terms.negative, vectorised.negative),
        functions.Log: _opaque("log"),
        functions.Log10: _opaque("log10"),
        functions.Hypot: Rule(Kind.FLOAT, math.hypot),
        functions.Gcd: Rule(Kind.INTEGER, math.gcd, terms.some_integer),
        _T.FloorDiv: _FLOOR_DIV,
        _T.CleanDiv: _FLOOR_DIV,
        _T.Mod: _MOD,
        _T.PythonMod: _MOD,
        _T.ModularIndexing: Rule(Kind.INTEGER, exact.modular_indexing, terms.modular_indexing),
        _T.IntTrueDiv: Rule(Kind.FLOAT, operator.truediv, terms.int_div, vectorised.true_div),
        _T.FloatTrueDiv: Rule(Kind.FLOAT, exact.float_true_div, terms.float_div, vectorised.float_div),
        _T.ToFloat: Rule(Kind.FLOAT, float, terms.to_float, vectorised.to_float),
        _T.FloorToInt: _FLOOR,
        _T.CeilToInt: _CEILING,
        _T.TruncToInt: Rule(Kind.INTEGER, math.trunc, terms.truncate, vectorised.truncate),
        _T.RoundToInt: Rule(Kind.INTEGER, round, terms.round_half_even, vectorised.round_half_even),
        _T.RoundDecimal: Rule(Kind.FLOAT, exact.round_decimal, terms.round_decimal),
        _T.TruncToFloat: Rule(
            Kind.FLOAT, lambda x: float(math.trunc(x)), terms.truncate_to_float, vectorised.truncate_to_float
        ),
        _T.PowByNatural: Rule(Kind.INTEGER, operator.pow, terms.power, vectorised.power),
        _T.FloatPow: Rule(Kind.FLOAT, exact.float_power),
        _T.Max: _MAX,
        _T.Min: _MIN,
        _T.Identity: _IDENTITY,
        _T.IsNonOverlappingAndDenseIndicator: Rule(Kind.INTEGER, _dense, terms.some_integer),
        _T.BitwiseFn_bitwise_and: Rule(Kind.INTEGER, operator.and_, terms.some_integer),
        _T.BitwiseFn_bitwise_or: Rule(Kind.INTEGER, operator.or_, terms.some_integer),
        _T.BitwiseFn_bitwise_xor: Rule(Kind.INTEGER, operator.xor, terms.some_integer),
        **{
            getattr(_T, f"OpaqueUnaryFn_{name}"): _opaque(name)
            for name in (
                "sqrt",
                "cos",
                "cosh",
                "sin",
                "sinh",
                "tan",
                "tanh",
                "asin",
                "acos",
                "atan",
                "exp",
                "log",
                "log2",
                "asinh",
            )
        },
        sympy.Eq: _boolean(operator.eq, terms.equal, vectorised.equal),
        sympy.Ne: _boolean(operator.ne, terms.not_equal, vectorised.not_equal),
        sympy.Lt: _boolean(operator.lt, terms.less, vectorised.less),
        sympy.Le: _boolean(operator.le, terms.less_equal, vectorised.less_equal),
        sympy.Gt: _boolean(operator.gt, terms.greater, vectorised.greater),
        sympy.Ge: _boolean(operator.ge, terms.greater_equal, vectorised.greater_equal),
        sympy.Not: _boolean(operator.not_, terms.complement, vectorised.complement),
    }
)
"""Every function an expression may hold, apart from the forms in `branches`."""
