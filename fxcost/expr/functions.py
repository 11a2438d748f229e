"""Float arithmetic that SymPy must not reorder.

SymPy's `Add` and `Mul` sort, merge and distribute their arguments: right for integers, wrong for
IEEE doubles, where `int(0.29 * 100)` is 28. These functions keep the order a program wrote, and
become a number only when all their arguments are numbers, with Python's own arithmetic.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import ClassVar, TypeAlias

import sympy
from sympy.printing.precedence import PRECEDENCE

Number: TypeAlias = "int | float"


def python_number(number: sympy.Basic) -> Number | None:
    """Return the Python number a SymPy number stands for, None for anything else.

    >>> python_number(sympy.Float(0.29)), python_number(sympy.Integer(3)), python_number(sympy.Symbol("x"))
    (0.29, 3, None)
    """
    if isinstance(number, sympy.Integer):
        return int(number)
    if isinstance(number, sympy.Float) or number in (sympy.oo, -sympy.oo, sympy.nan):
        return float(number)
    return None


def sympy_number(number: Number) -> sympy.Expr:
    """Return the SymPy number that holds a Python number exactly.

    >>> sympy_number(0.1) == sympy.Float(0.1), sympy_number(2)
    (True, 2)
    """
    return sympy.Integer(number) if isinstance(number, int) else sympy.Float(number)


class OrderedFunction(sympy.Function):  # type: ignore[misc]
    """A function that stays as written until all its arguments are numbers.

    A computation that Python refuses (an overflow, a logarithm of 0) stays unevaluated.
    """

    is_real = True
    precedence = PRECEDENCE["Func"]
    python: ClassVar[Callable[..., Number]]

    @classmethod
    def eval(cls, *args: sympy.Basic) -> sympy.Expr | None:
        """Return the number these arguments make, None where that must wait."""
        numbers = [python_number(argument) for argument in args]
        if any(number is None for number in numbers):
            return None
        try:
            return sympy_number(cls.python(*numbers))
        except (ArithmeticError, ValueError):
            return None


class FloatAdd(OrderedFunction):
    """Python's `a + b`.

    >>> FloatAdd(FloatAdd(0.1, 0.2), 0.3) == FloatAdd(0.1, FloatAdd(0.2, 0.3))
    False
    """

    precedence = PRECEDENCE["Add"]
    nargs = (2,)
    python = operator.add


class FloatSub(OrderedFunction):
    """Python's `a - b`.

    >>> float(FloatSub(1.0, 0.9)) == 1.0 - 0.9
    True
    """

    precedence = PRECEDENCE["Add"]
    nargs = (2,)
    python = operator.sub


class FloatMul(OrderedFunction):
    """Python's `a * b`.

    >>> float(FloatMul(0.29, 100)) == 0.29 * 100
    True
    """

    precedence = PRECEDENCE["Mul"]
    nargs = (2,)
    python = operator.mul


class FloatNeg(OrderedFunction):
    """Python's `-a`.

    >>> float(FloatNeg(0.5))
    -0.5
    """

    precedence = PRECEDENCE["Mul"]
    nargs = (1,)
    python = operator.neg


class Log(OrderedFunction):
    """Python's `math.log(a)`; `math.log(a, base)` is `FloatTrueDiv(Log(a), Log(base))`.

    >>> float(Log(10)) == math.log(10)
    True
    """

    nargs = (1,)
    python = math.log


class Log10(OrderedFunction):
    """Python's `math.log10(a)`.

    >>> float(Log10(1000))
    3.0
    """

    nargs = (1,)
    python = math.log10


class Hypot(OrderedFunction):
    """Python's `math.hypot(a, b)`.

    >>> float(Hypot(3, 4))
    5.0
    """

    nargs = (2,)
    python = math.hypot


class Gcd(OrderedFunction):
    """Python's `math.gcd(a, b)`.

    >>> Gcd(12, 18)
    6
    """

    is_integer = True
    is_nonnegative = True
    nargs = (2,)
    python = math.gcd
