"""What every function means to Z3: terms and side constraints that hold at every point, exactly or wider.

Integers are Z3 Ints, floats are Reals, truth values are Bools. A float operation's result is a fresh
Real within the rounding error of an IEEE double; where even that is not known it is any Real. Every
side constraint can be met whatever the other variables are, so none of them removes a point.
"""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

import z3

from fxcost.expr.functions import Number

Term: TypeAlias = "z3.ExprRef"

ROUNDING = Fraction(1, 2**53)
SUBNORMAL = Fraction(1, 2**1074)


class Context(Protocol):
    """What a lowering rule may ask of the lowering it runs in."""

    def integer_variable(self) -> Term:
        """Return a fresh Int."""

    def real_variable(self) -> Term:
        """Return a fresh Real."""

    def define(self, constraint: Term) -> None:
        """Assert a side constraint about fresh variables."""

    def approximate(self) -> None:
        """Remember that terms from here on allow more than what can happen."""


def fraction(value: Fraction) -> Term:
    """Return an exact rational.

    >>> fraction(Fraction(1, 3))
    1/3
    """
    return z3.Q(value.numerator, value.denominator)


def constant(value: Number | Fraction | bool) -> Term:
    """Return a Python value as a term, floats as the rationals they are.

    >>> constant(3), constant(0.5), constant(True)
    (3, 1/2, True)
    """
    if isinstance(value, bool):
        return z3.BoolVal(value)
    return z3.IntVal(value) if isinstance(value, int) else fraction(Fraction(value))


def real(term: Term) -> Term:
    """Return a term as a Real.

    >>> real(z3.Int("x"))
    ToReal(x)
    """
    return z3.ToReal(term) if term.is_int() else term


def same_sort(*terms: Term) -> list[Term]:
    """Return terms as Ints where all are, else as Reals.

    >>> same_sort(z3.Int("x"), z3.Real("y"))
    [ToReal(x), y]
    """
    if any(z3.is_bool(term) for term in terms) or all(term.is_int() for term in terms):
        return list(terms)
    return [real(term) for term in terms]


def _is_float(*terms: Term) -> bool:
    return any(term.is_real() for term in terms)


def _floats(context: Context, *terms: Term) -> list[Term]:
    return [to_float(context, term) for term in terms]


def add(context: Context, *terms: Term) -> Term:
    """Sum; of floats, rounded.

    >>> add(None, z3.Int("x"), z3.Int("y"))
    x + y
    """
    if not _is_float(*terms):
        return z3.Sum(*terms)
    return _rounded(context, z3.Sum(*_floats(context, *terms)), len(terms) - 1)


def mul(context: Context, *factors: Term) -> Term:
    """Product; of floats, rounded.

    >>> mul(None, z3.Int("x"), z3.Int("y"))
    x*y
    """
    if not _is_float(*factors):
        return z3.Product(*factors)
    return _rounded(context, z3.Product(*_floats(context, *factors)), len(factors) - 1)


def sub(context: Context, left: Term, right: Term) -> Term:
    """Difference; of floats, rounded.

    >>> sub(None, z3.Int("x"), z3.Int("y"))
    x + -y
    """
    return add(context, left, -right)


def negative(_: Context, term: Term) -> Term:
    """Negation, exact.

    >>> negative(None, z3.Int("x"))
    -x
    """
    return -term


def absolute(_: Context, term: Term) -> Term:
    """Absolute value, exact.

    >>> absolute(None, z3.Int("x"))
    If(x >= 0, x, -x)
    """
    return z3.If(term >= 0, term, -term)


def power(context: Context, base: Term, exponent: Term) -> Term:
    """A power with a small constant exponent, as a product; any number otherwise.

    >>> power(None, z3.Int("x"), z3.IntVal(2))
    x*x
    """
    if not z3.is_int_value(exponent) or not 0 <= exponent.as_long() <= 16:
        context.approximate()
        return context.integer_variable() if base.is_int() and exponent.is_int() else context.real_variable()
    factors = [base] * exponent.as_long()
    if not factors:
        return z3.IntVal(1)
    product = z3.Product(*factors)
    return (
        product if base.is_int() else _rounded(context, product, len(factors) + 1)
    )  # C's pow errs by one more


def floor_div(context: Context, base: Term, divisor: Term) -> Term:
    """Python's `//` of integers.

    >>> z3.simplify(floor_div(None, z3.IntVal(-7), z3.IntVal(2)))
    -4
    """
    return _quotient(context, base, divisor)[0]


def mod(context: Context, base: Term, divisor: Term) -> Term:
    """Python's `%` of integers.

    >>> z3.simplify(mod(None, z3.IntVal(-7), z3.IntVal(2)))
    1
    """
    return _quotient(context, base, divisor)[1]


def modular_indexing(context: Context, base: Term, divisor: Term, modulus: Term) -> Term:
    """Return `base // divisor % modulus`.

    >>> z3.simplify(modular_indexing(None, z3.IntVal(17), z3.IntVal(4), z3.IntVal(3)))
    1
    """
    return mod(context, floor_div(context, base, divisor), modulus)


def _quotient(context: Context, base: Term, divisor: Term) -> tuple[Term, Term]:
    """Return quotient and remainder: Z3's own for a positive constant, which rounds down as Python does."""
    if _is_float(base, divisor):
        context.approximate()
        return context.real_variable(), context.real_variable()
    if z3.is_int_value(divisor) and divisor.as_long() > 0:
        return base / divisor, base % divisor
    quotient, remainder = context.integer_variable(), context.integer_variable()
    context.define(z3.Implies(divisor != 0, base == divisor * quotient + remainder))
    context.define(z3.Implies(divisor > 0, z3.And(remainder >= 0, remainder < divisor)))
    context.define(z3.Implies(divisor < 0, z3.And(remainder <= 0, remainder > divisor)))
    return quotient, remainder


def float_div(context: Context, base: Term, divisor: Term) -> Term:
    """A quotient of floats, rounded; integers are converted first."""
    return _true_quotient(context, *_floats(context, base, divisor))


def int_div(context: Context, base: Term, divisor: Term) -> Term:
    """Python's `/` of integers: their exact quotient, rounded once."""
    return _true_quotient(context, real(base), real(divisor))


def _true_quotient(context: Context, base: Term, divisor: Term) -> Term:
    if z3.is_rational_value(divisor) and divisor.as_fraction() != 0:
        return _rounded(context, base / divisor)
    quotient = context.real_variable()
    context.define(z3.Implies(divisor != 0, quotient * divisor == base))
    return _rounded(context, quotient)


def to_float(context: Context, term: Term) -> Term:
    """An integer as a float: itself up to 2^53, rounded above.

    >>> to_float(None, z3.IntVal(3))
    ToReal(3)
    """
    if term.is_real():
        return term
    if z3.is_int_value(term) and abs(term.as_long()) <= 2**53:
        return real(term)
    value, result = real(term), context.real_variable()
    small = z3.And(term >= -(2**53), term <= 2**53)
    context.define(z3.If(small, result == value, _near(result, value, 1)))
    return result


def square_root(context: Context, term: Term) -> Term:
    """A square root, rounded."""
    root = context.real_variable()
    context.define(z3.Implies(term >= 0, z3.And(root >= 0, root * root == real(term))))
    return _rounded(context, root)


def some_float(context: Context, *_: Term) -> Term:
    """Any real number: the function's value is not modelled."""
    context.approximate()
    return context.real_variable()


def some_integer(context: Context, *_: Term) -> Term:
    """Any integer: the function's value is not modelled."""
    context.approximate()
    return context.integer_variable()


def _rounded(context: Context, value: Term, operations: int = 1) -> Term:
    """Return a Real within the error of so many roundings of `value`."""
    context.approximate()
    result = context.real_variable()
    context.define(_near(result, value, operations))
    return result


def _near(result: Term, value: Term, operations: int) -> Term:
    relative = fraction((1 + ROUNDING) ** operations - 1) * z3.If(value >= 0, value, -value)
    error = relative + fraction(SUBNORMAL * operations)
    return z3.And(result - value <= error, value - result <= error)


def floor(_: Context, term: Term) -> Term:
    """The largest integer not above.

    >>> floor(None, z3.Real("x"))
    ToInt(x)
    """
    return z3.ToInt(term) if term.is_real() else term


def ceiling(_: Context, term: Term) -> Term:
    """The smallest integer not below.

    >>> z3.simplify(ceiling(None, z3.RealVal("2.5")))
    3
    """
    return -z3.ToInt(-term) if term.is_real() else term


def truncate(_: Context, term: Term) -> Term:
    """The integer towards 0.

    >>> z3.simplify(truncate(None, z3.RealVal("-2.5")))
    -2
    """
    return z3.If(term >= 0, z3.ToInt(term), -z3.ToInt(-term)) if term.is_real() else term


def truncate_to_float(context: Context, term: Term) -> Term:
    """The integer towards 0, as a float: a float's integer part is a float.

    >>> z3.simplify(truncate_to_float(None, z3.RealVal("-2.5")))
    -2
    """
    return real(truncate(context, term))


def round_half_even(_: Context, term: Term) -> Term:
    """The nearest integer, the even one of two.

    >>> [z3.simplify(round_half_even(None, z3.RealVal(text))) for text in ("0.5", "1.5", "2.6")]
    [0, 2, 3]
    """
    if term.is_int():
        return term
    below = z3.ToInt(term)
    rest = term - z3.ToReal(below)
    half = fraction(Fraction(1, 2))
    up = z3.Or(rest > half, z3.And(rest == half, below % 2 == 1))
    return z3.If(up, below + 1, below)


def round_decimal(context: Context, term: Term, digits: Term) -> Term:
    """A number within half a unit of the last decimal kept, and a rounding."""
    if not z3.is_int_value(digits) or abs(digits.as_long()) > 300:
        return some_float(context, term)
    near = context.real_variable()
    half = fraction(Fraction(10) ** -digits.as_long() / 2)
    context.define(z3.And(near - real(term) <= half, real(term) - near <= half))
    return _rounded(context, near)


def maximum(_: Context, *terms: Term) -> Term:
    """The largest, as nested If.

    >>> maximum(None, z3.Int("x"), z3.Int("y"))
    If(x >= y, x, y)
    """
    return functools.reduce(lambda a, b: z3.If(a >= b, a, b), same_sort(*terms))


def minimum(_: Context, *terms: Term) -> Term:
    """The smallest, as nested If.

    >>> minimum(None, z3.Int("x"), z3.Int("y"))
    If(x <= y, x, y)
    """
    return functools.reduce(lambda a, b: z3.If(a <= b, a, b), same_sort(*terms))


def identity(_: Context, term: Term) -> Term:
    """The term itself.

    >>> identity(None, z3.Int("x"))
    x
    """
    return term


def _relation(compare: Any) -> Any:
    def relation(_: Context, left: Term, right: Term) -> Term:
        return compare(*same_sort(left, right))

    return relation


equal = _relation(lambda a, b: a == b)
not_equal = _relation(lambda a, b: a != b)
less = _relation(lambda a, b: a < b)
less_equal = _relation(lambda a, b: a <= b)
greater = _relation(lambda a, b: a > b)
greater_equal = _relation(lambda a, b: a >= b)


def complement(_: Context, term: Term) -> Term:
    """The condition's negation.

    >>> complement(None, z3.Bool("x"))
    Not(x)
    """
    return z3.Not(term)
