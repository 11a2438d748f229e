"""What every function computes at one point: Python's own arithmetic, integers without limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import sympy

from fxcost.errors import ExpressionError
from fxcost.expr.functions import Number

Value: TypeAlias = "Number | Fraction | bool"


def add(*terms: Value) -> Value:
    """Sum; floats only in pairs, where their order cannot matter.

    >>> add(1, 2, 3), add(0.5, 1)
    (6, 1.5)
    """
    _check_order(terms, "sum")
    return sum(terms)


def mul(*factors: Value) -> Value:
    """Multiply; floats only in pairs, not counting factors 1 and -1.

    >>> mul(2, 3, 4), mul(-1, 0.5, 3)
    (24, -1.5)
    """
    _check_order([factor for factor in factors if factor not in (1, -1)], "product")
    return math.prod(factors)


def _check_order(operands: Any, what: str) -> None:
    if len(operands) > 2 and any(isinstance(operand, float) for operand in operands):
        raise ExpressionError(
            f"the order in which this {what} of floats is taken is lost: write it with FloatAdd and FloatMul"
        )


def power(base: Value, exponent: Value) -> Value:
    """Raise to a power: integers exactly, a negative exponent of an integer gives a fraction.

    >>> power(3, 2), power(2, -1), power(9, Fraction(1, 2))
    (9, Fraction(1, 2), 3.0)
    """
    if exponent == Fraction(1, 2):
        return math.sqrt(base)
    if isinstance(base, int) and isinstance(exponent, int) and exponent < 0:
        return Fraction(base) ** exponent
    result: Value = _real(base**exponent)
    return result


def float_power(base: Number, exponent: Number) -> float:
    """Python's `float(base) ** float(exponent)`; a complex result is refused.

    >>> float_power(4, 0.5)
    2.0
    """
    return float(_real(float(base) ** float(exponent)))


def _real(value: Any) -> Any:
    if isinstance(value, complex):
        raise ExpressionError(f"{value} is not a real number")
    return value


def float_true_div(base: Number, divisor: Number) -> float:
    """Divide two floats as Python does.

    >>> float_true_div(1.0, 4.0)
    0.25
    """
    return float(base) / float(divisor)


def round_decimal(value: Number, digits: int) -> float:
    """Python's `round(value, digits)` of a float.

    >>> round_decimal(2.675, 2)
    2.67
    """
    return round(float(value), digits)


def modular_indexing(base: int, divisor: int, modulus: int) -> int:
    """Return `base // divisor % modulus`.

    >>> modular_indexing(17, 4, 3)
    1
    """
    return base // divisor % modulus


def tidy(value: Value) -> Value:
    """Return a whole fraction as the int it is.

    >>> tidy(Fraction(6, 3)), tidy(Fraction(1, 2))
    (2, Fraction(1, 2))
    """
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value


def number(leaf: sympy.Basic) -> Value | None:
    """Return the Python value of a SymPy number or truth value, None for anything else.

    >>> number(sympy.Rational(1, 3)), number(sympy.true), number(sympy.Symbol("x"))
    (Fraction(1, 3), True, None)
    """
    convert = _CONVERSIONS.get(type(leaf))
    if convert is not None:
        return convert(leaf)
    if isinstance(leaf, sympy.Integer):
        return int(leaf)
    if isinstance(leaf, sympy.Rational):
        return Fraction(int(leaf.p), int(leaf.q))
    return float(leaf) if isinstance(leaf, sympy.Number) else None


_CONVERSIONS: dict[type, Callable[[Any], Value]] = {
    sympy.Integer: int,
    sympy.Float: float,
    type(sympy.true): lambda _: True,
    type(sympy.false): lambda _: False,
}
