"""What operations on symbolic numbers stand for: the SymPy expression and Python's own arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import sympy
from torch.utils._sympy import functions as torch_functions

from fxcost.expr import functions

LONG = 40
"""So many operations make an expression that `sympy.simplify` takes seconds on."""


def floor_division(base: sympy.Expr, divisor: sympy.Expr) -> sympy.Expr:
    """Return a quotient rounded down; common factors of long expressions cancel without `sympy.simplify`.

    Example:
        >>> width = sympy.Symbol("width", integer=True, positive=True)
        >>> floor_division(6 * width, 4 * width)
        1
    """
    if base.count_ops() + divisor.count_ops() < LONG:
        return torch_functions.FloorDiv(base, divisor)
    (times, whole), (parts, part) = base.primitive(), divisor.primitive()
    numerator, denominator = sympy.fraction(times / parts * (whole / part))
    if denominator == 1:
        return numerator
    return torch_functions.FloorDiv(numerator, denominator, evaluate=False)


RELATIONS = {
    "eq": sympy.Eq,
    "ne": sympy.Ne,
    "lt": sympy.Lt,
    "le": sympy.Le,
    "gt": sympy.Gt,
    "ge": sympy.Ge,
}
INTEGER_OPERATIONS: dict[str, Callable[..., sympy.Basic]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
    "abs": sympy.Abs,
    "mod": torch_functions.PythonMod,
    "int_floordiv": floor_division,
    "int_truediv": torch_functions.IntTrueDiv,
    "pow_by_natural": lambda base, exponent: (
        base**exponent if exponent.is_Integer else torch_functions.PowByNatural(base, exponent)
    ),
    "lshift": torch_functions.LShift,
    "rshift": torch_functions.RShift,
    "bitwise_and": torch_functions.BitwiseFn_bitwise_and,
    "bitwise_or": torch_functions.BitwiseFn_bitwise_or,
    "bitwise_xor": torch_functions.BitwiseFn_bitwise_xor,
    "sym_min": torch_functions.Min,
    "sym_max": torch_functions.Max,
    "sym_float": torch_functions.ToFloat,
    "gcd": functions.Gcd,
}
FLOAT_OPERATIONS: dict[str, Callable[..., sympy.Basic]] = {
    "add": functions.FloatAdd,
    "sub": functions.FloatSub,
    "mul": functions.FloatMul,
    "neg": functions.FloatNeg,
    "abs": sympy.Abs,
    "float_truediv": torch_functions.FloatTrueDiv,
    "float_pow": torch_functions.FloatPow,
    "sym_min": torch_functions.Min,
    "sym_max": torch_functions.Max,
    "floor": torch_functions.FloorToInt,
    "ceil": torch_functions.CeilToInt,
    "trunc": torch_functions.TruncToInt,
    "round": torch_functions.RoundToInt,
    "hypot": functions.Hypot,
}
IDENTITIES = {(int, "floor"), (int, "ceil"), (int, "trunc"), (int, "round"), (float, "sym_float")}
FLOAT_RESULTS = {"int_truediv", "float_truediv", "float_pow", "sym_float"}
INTEGER_RESULTS = {"floor", "ceil", "trunc", "round", "pow_by_natural"}
PYTHON: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
    "abs": abs,
    "mod": operator.mod,
    "int_floordiv": operator.floordiv,
    "int_truediv": operator.truediv,
    "float_truediv": operator.truediv,
    "float_pow": operator.pow,
    "pow_by_natural": operator.pow,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "gcd": math.gcd,
    "hypot": math.hypot,
    "sym_min": min,
    "sym_max": max,
    "sym_float": float,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
MATHEMATICS: dict[str, Callable[..., sympy.Basic]] = {
    name: getattr(torch_functions, f"OpaqueUnaryFn_{name}")
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
    )
} | {"log10": functions.Log10}


def decided_by_sign(left: sympy.Basic, right: sympy.Basic) -> bool:
    """Tell whether one side is 0 and the other is positive for every setting."""
    if right.is_zero:
        return bool(left.is_positive)
    return bool(left.is_zero) and bool(right.is_positive)
