"""Operands that stand for hyperparameters inside a user's condition and record what is done to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import sympy
from torch.utils._sympy.functions import (
    CeilToInt,
    FloatPow,
    FloatTrueDiv,
    FloorDiv,
    FloorToInt,
    IntTrueDiv,
    PythonMod,
    RoundToInt,
    TruncToInt,
)

from fxcost.expr.evaluation import evaluate
from fxcost.expr.functions import FloatAdd, FloatMul, FloatNeg, FloatSub, sympy_number
from fxcost.expr.kinds import is_integral

Decide: TypeAlias = "Callable[[sympy.Basic], bool]"


class NotSymbolicError(Exception):
    """A condition did something that operands cannot record."""


class Truth:
    """A comparison's outcome; asking for its value makes a decision."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, condition: sympy.Basic, decide: Decide) -> None:
        self.condition, self.decide = condition, decide

    def __bool__(self) -> bool:
        return self.decide(self.condition)

    def __and__(self, other: object) -> Truth:
        return Truth(sympy.And(self.condition, condition_of(other)), self.decide)

    def __or__(self, other: object) -> Truth:
        return Truth(sympy.Or(self.condition, condition_of(other)), self.decide)

    def __invert__(self) -> Truth:
        raise NotSymbolicError  # Python's ~True is -2

    def __eq__(self, other: object) -> Truth:  # type: ignore[override]
        mine, theirs = self.condition, condition_of(other)
        both, neither = sympy.And(mine, theirs), sympy.And(sympy.Not(mine), sympy.Not(theirs))
        return Truth(sympy.Or(both, neither), self.decide)

    def __ne__(self, other: object) -> Truth:  # type: ignore[override]
        return Truth(sympy.Not((self == other).condition), self.decide)

    __rand__, __ror__ = __and__, __or__


def condition_of(value: object) -> sympy.Basic:
    """Return a truth value, symbolic or plain, as a SymPy condition.

    >>> condition_of(True)
    True
    """
    if isinstance(value, Truth):
        return value.condition
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    raise NotSymbolicError


def _add(left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    return left + right if _integers(left, right) else FloatAdd(left, right)


def _sub(left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    return left - right if _integers(left, right) else FloatSub(left, right)


def _mul(left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    return left * right if _integers(left, right) else FloatMul(left, right)


def _true_div(left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    function = IntTrueDiv if _integers(left, right) else FloatTrueDiv
    return function(left, right, evaluate=False)


def _floor_div(left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    return FloorDiv(left, right, evaluate=False) if _integers(left, right) else _refused()


def _mod(left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    return PythonMod(left, right, evaluate=False) if _integers(left, right) else _refused()


def _pow(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    if not _integers(base, exponent):
        return FloatPow(base, exponent, evaluate=False)
    return base**exponent if exponent.is_Integer and exponent >= 0 else _refused()


def _integers(*expressions: sympy.Expr) -> bool:
    return all(is_integral(expression) for expression in expressions)


def _refused() -> sympy.Expr:
    raise NotSymbolicError


Arithmetic: TypeAlias = "Callable[[sympy.Expr, sympy.Expr], sympy.Expr]"
Method: TypeAlias = "Callable[[Operand, Any], Any]"


def _both(operate: Arithmetic) -> tuple[Method, Method]:
    """Return the methods for the operand on the left and on the right."""

    def forward(self: Operand, other: object) -> Any:
        right = _expression(other)
        return NotImplemented if right is None else self.made(operate(self.expression, right))

    def reflected(self: Operand, other: object) -> Any:
        left = _expression(other)
        return NotImplemented if left is None else self.made(operate(left, self.expression))

    return forward, reflected


def _comparison(relation: type[sympy.Basic]) -> Method:
    def compare(self: Operand, other: object) -> Any:
        right = _expression(other)
        if right is None:
            return NotImplemented
        condition = relation(self.expression, right, evaluate=False)
        answer = known(condition)
        return Truth(condition if answer is None else condition_of(answer), self.decide)

    return compare


def _expression(value: object) -> sympy.Expr | None:
    if isinstance(value, Operand):
        return value.expression
    return sympy_number(value) if isinstance(value, int | float) else None


def _whole(function: type[sympy.Function]) -> Callable[[Operand], Operand]:
    def rounded(self: Operand) -> Operand:
        return self if is_integral(self.expression) else self.made(function(self.expression))

    return rounded


class Operand:
    """A number that depends on hyperparameters; arithmetic keeps Python's meaning and order.

    >>> asked = []
    >>> width = Operand(sympy.Symbol("width", integer=True), lambda condition: not asked.append(condition))
    >>> bool(width % 8 == 0), asked
    (True, [Eq(PythonMod(width, 8), 0)])
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expression: sympy.Expr, decide: Decide) -> None:
        self.expression, self.decide = expression, decide

    def made(self, expression: sympy.Expr) -> Operand:
        """Return a result as an operand of the same run."""
        return Operand(expression, self.decide)

    __add__, __radd__ = _both(_add)
    __sub__, __rsub__ = _both(_sub)
    __mul__, __rmul__ = _both(_mul)
    __truediv__, __rtruediv__ = _both(_true_div)
    __floordiv__, __rfloordiv__ = _both(_floor_div)
    __mod__, __rmod__ = _both(_mod)
    __pow__, __rpow__ = _both(_pow)
    __eq__ = _comparison(sympy.Eq)
    __ne__ = _comparison(sympy.Ne)
    __lt__ = _comparison(sympy.Lt)
    __le__ = _comparison(sympy.Le)
    __gt__ = _comparison(sympy.Gt)
    __ge__ = _comparison(sympy.Ge)
    __floor__ = _whole(FloorToInt)
    __ceil__ = _whole(CeilToInt)
    __trunc__ = _whole(TruncToInt)

    def __bool__(self) -> bool:
        return self.decide(sympy.Ne(self.expression, 0, evaluate=False))

    def __neg__(self) -> Operand:
        return self.made(-self.expression if is_integral(self.expression) else FloatNeg(self.expression))

    def __pos__(self) -> Operand:
        return self

    def __abs__(self) -> Operand:
        return self if self.decide(sympy.Ge(self.expression, 0, evaluate=False)) else -self

    def __round__(self, digits: int | None = None) -> Operand:
        return _whole(RoundToInt)(self) if digits is None else self.made(_refused())


def known(condition: sympy.Basic) -> bool | None:
    """Return a condition's value where it depends on nothing, else None.

    >>> known(sympy.Lt(1, 2, evaluate=False)), known(sympy.Symbol("x") > 1)
    (True, None)
    """
    return None if condition.free_symbols else bool(evaluate(condition, {}))
