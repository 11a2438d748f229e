"""Floor division of polynomials: what can be taken out of `//` and `%` with proof."""

from __future__ import annotations

import math
from dataclasses import dataclass

import sympy
from torch.utils._sympy.functions import FloorDiv

from fxcost.expr.polynomial import Monomial, Polynomial, Quotient, over
from fxcost.expr.proofs import Prover


@dataclass(frozen=True, slots=True)
class Division:
    """`dividend == factor * (divisor * whole + rest)`; what it was divided by is `factor * divisor`.

    The factor is positive, so the quotient is `whole + rest // divisor` and the remainder is
    `factor * (rest % divisor)`.
    """

    whole: Polynomial
    rest: Polynomial
    divisor: Polynomial
    factor: Polynomial


def divide(dividend: Polynomial, divisor: Polynomial) -> Division:
    """Take common factors out, then every term that the divisor divides.

    >>> import sympy
    >>> from fxcost.expr.polynomial import Atom
    >>> b, w = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name), 1, 9)) for name in "bw")
    >>> division = divide(4 * b * w + 2 * b, 2 * b)
    >>> print(division.whole, division.rest, division.divisor, division.factor)
    2*w + 1 0 1 2*b
    """
    factor = common_factor(dividend, divisor)
    dividend, divisor = _over(dividend, factor), _over(divisor, factor)
    whole, rest = _divided_terms(dividend, divisor)
    return Division(whole, rest, divisor, factor)


def small_quotient(rest: Polynomial, divisor: Polynomial, prover: Prover) -> int | None:
    """Return `rest // divisor` where it is proved to be 0 or -1, the divisor being positive.

    >>> from fxcost.expr.domain import Domain
    >>> from fxcost.expr.normal import Normaliser
    >>> from fxcost.space import Int, Space
    >>> domain = Domain(Space(x=Int(1, 9)))
    >>> normaliser = Normaliser(domain)
    >>> x = normaliser.polynomial(domain.symbols["x"])
    >>> small_quotient(x - 1, x, normaliser.prover), small_quotient(-x, x, normaliser.prover)
    (0, -1)
    """
    if prover.nonnegative(rest):
        return 0 if prover.positive(divisor - rest) else None
    return -1 if prover.positive(-rest) and prover.nonnegative(divisor + rest) else None


def floor_division(base: sympy.Expr, divisor: sympy.Expr) -> sympy.Expr:
    """Return `base // divisor` as an expression, `x // a // b` as `x // (a*b)`.

    >>> x = sympy.Symbol("x", integer=True)
    >>> floor_division(floor_division(x, sympy.Integer(4)), sympy.Integer(2))
    (x//8)
    """
    if isinstance(base, FloorDiv) and divisor.is_Integer and base.args[1].is_Integer:
        inner, first = base.args
        if first > 0 and divisor > 0:
            return FloorDiv(inner, first * divisor, evaluate=False)
    return FloorDiv(base, divisor, evaluate=False)


def exact_quotient(dividend: Polynomial, divisor: Polynomial) -> Quotient | None:
    """Return what says that an atom times the divisor is the dividend; None unless that is one term.

    >>> from fxcost.expr.polynomial import Atom
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x")))
    >>> exact_quotient(x, 4 * x).coefficient, exact_quotient(x, x + 1)
    (4, None)
    """
    if len(divisor.terms) != 1:
        return None
    ((monomial, coefficient),) = divisor.terms.items()
    return Quotient(coefficient, monomial, dividend) if coefficient > 0 else None


def common_factor(left: Polynomial, right: Polynomial) -> Polynomial:
    """Return the largest product of an integer and positive atoms that divides every term of both.

    >>> import sympy
    >>> from fxcost.expr.polynomial import Atom
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x"), 1, 9))
    >>> print(common_factor(6 * x**2 + 9 * x, 3 * x))
    3*x
    """
    terms = [*left.terms, *right.terms]
    content = math.gcd(*left.terms.values(), *right.terms.values())
    if not terms:
        return Polynomial.constant(1)
    shared = dict(terms[0])
    for monomial in terms[1:]:
        exponents = dict(monomial)
        shared = {atom: min(exponent, exponents.get(atom, 0)) for atom, exponent in shared.items()}
    positive: Monomial = tuple(
        (atom, exponent) for atom, exponent in shared.items() if exponent and (atom.low or 0) > 0
    )
    return Polynomial({positive: content})


def _over(dividend: Polynomial, factor: Polynomial) -> Polynomial:
    """Divide every term by a single term that divides it."""
    return _divided_terms(dividend, factor)[0]


def _divided_terms(dividend: Polynomial, divisor: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Return the quotient of the terms that a single-term divisor divides, and the other terms."""
    if len(divisor.terms) != 1:
        return Polynomial(), dividend
    ((below, scale),) = divisor.terms.items()
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in dividend.terms.items():
        quotient = over(monomial, below)
        if quotient is None:
            rest[monomial] = coefficient
            continue
        multiple = abs(coefficient) // abs(scale) * (1 if coefficient * scale > 0 else -1)
        whole[quotient] = multiple
        rest[monomial] = coefficient - multiple * scale
    return Polynomial(whole), Polynomial(rest)
