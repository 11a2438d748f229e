"""Arrange a polynomial's terms to be read: exact fractions joined, shared factors taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import sympy

from fxcost.expr.polynomial import Atom, Monomial, Polynomial, times

Term: TypeAlias = "tuple[Monomial, int]"

Key: TypeAlias = "tuple[Monomial, Atom, int]"
"""What a term is a rational multiple of: other factors, a hyperparameter, its exponent."""


def simplified_fractions(
    polynomial: Polynomial, whole: Callable[[sympy.Expr, sympy.Integer], sympy.Expr]
) -> list[Term]:
    """Return a polynomial's terms, those in exact quotients `x // k` joined to one fraction of a power of x.

    Args:
        polynomial: `7*x**2 + 10*x*(x//16)`, say, x being a multiple of 16.
        whole: Returns the quotient of two expressions that is an integer at every point, `122*x**2 / 16`.

    >>> from fxcost.expr.polynomial import Quotient
    >>> x = Atom.variable(sympy.Symbol("x"))
    >>> part = Atom(sympy.Symbol("part"), (1, "part"), quotient=Quotient(16, (), Polynomial.of_atom(x)))
    >>> size = 7 * Polynomial.of_atom(x) ** 2 + 10 * Polynomial.of_atom(x) * Polynomial.of_atom(part)
    >>> simplified_fractions(size, lambda over, under: over / under)
    [(((Atom(61*x**2/8), 1),), 1)]
    """
    fractions: dict[Key, Fraction] = {}
    plain: dict[Monomial, int] = {}
    for monomial, coefficient in polynomial.terms.items():
        fraction = _fraction(monomial)
        if fraction is None:
            plain[monomial] = coefficient
        else:
            key, divisor = fraction
            fractions[key] = fractions.get(key, Fraction(0)) + Fraction(coefficient, divisor)
    for (others, variable, exponent), value in list(fractions.items()):
        power = times(others, ((variable, exponent),))
        total = value + plain.pop(power, 0)
        if total.denominator == 1:
            plain[power] = int(total)
        else:
            over, under = sympy.Integer(abs(total.numerator)), sympy.Integer(total.denominator)
            quotient = whole(over * variable.expression**exponent, under)
            atom = Atom(quotient, (1, sympy.srepr(quotient)))
            plain[times(others, ((atom, 1),))] = 1 if total > 0 else -1
    return [(monomial, coefficient) for monomial, coefficient in plain.items() if coefficient]


def _fraction(monomial: Monomial) -> tuple[Key, int] | None:
    """Return a term with one hyperparameter's exact quotient as a fraction, None for any other."""
    exact = [(atom, exponent) for atom, exponent in monomial if _dividend(atom) is not None]
    if len(exact) != 1:
        return None
    ((atom, exponent),) = exact
    variable = _dividend(atom)
    if variable is None or atom.quotient is None:
        return None
    own = dict(monomial).get(variable, 0)
    others = tuple(factor for factor in monomial if factor[0] not in (atom, variable))
    return (others, variable, own + exponent), atom.quotient.coefficient**exponent


def _dividend(atom: Atom) -> Atom | None:
    """Return x for an exact quotient `x // k`, else None."""
    if atom.quotient is None or atom.quotient.monomial:
        return None
    terms = atom.quotient.dividend.terms
    monomial = next(iter(terms)) if len(terms) == 1 else ()
    return monomial[0][0] if len(monomial) == 1 and monomial[0][1] == 1 and terms[monomial] == 1 else None


def grouped(terms: Sequence[Term]) -> sympy.Expr:
    """Return a sum of terms with shared factors taken out, as an unevaluated SymPy expression.

    A factor is taken out where at least two of three or more terms share it, and none holds a power of it.

    >>> x, y = (Atom.variable(sympy.Symbol(name)) for name in "xy")
    >>> print(grouped([(((x, 1), (y, 2)), 3), (((x, 1), (y, 1)), 2), (((x, 1),), 1)]))
    x*(3*y**2 + 2*y + 1)
    """
    terms = sorted(terms, key=_rank)
    if len(terms) < 3:
        return _sum([_term(monomial, coefficient) for monomial, coefficient in terms])
    shared = _linear_factor(terms)
    if shared is None:
        return _sum([_term(monomial, coefficient) for monomial, coefficient in terms])
    inside = [(_without(monomial, shared), value) for monomial, value in terms if (shared, 1) in monomial]
    outside = [(monomial, value) for monomial, value in terms if (shared, 1) not in monomial]
    group = _product([shared.expression, grouped(inside)])
    rest = grouped(outside) if outside else None
    if rest is None:
        return group
    return _sum([group, *(rest.args if isinstance(rest, sympy.Add) else [rest])])


def _linear_factor(terms: Sequence[Term]) -> Atom | None:
    """Return the atom, never raised to a power, that most terms share: at least two of them."""
    counts: dict[Atom, int] = {}
    powers: set[Atom] = set()
    for monomial, _ in terms:
        for atom, exponent in monomial:
            counts[atom] = counts.get(atom, 0) + 1
            if exponent > 1:
                powers.add(atom)
    shared = [atom for atom, count in counts.items() if count > 1 and atom not in powers]
    return min(shared, key=lambda atom: (-counts[atom], atom.key), default=None)


def _without(monomial: Monomial, shared: Atom) -> Monomial:
    return tuple(factor for factor in monomial if factor[0] != shared)


def _term(monomial: Monomial, coefficient: int) -> sympy.Expr:
    factors = [_power(atom.expression, exponent) for atom, exponent in monomial]
    if coefficient == 1 and factors:
        return _product(factors)
    return _product([sympy.Integer(coefficient), *factors])


def _power(base: sympy.Expr, exponent: int) -> sympy.Expr:
    return base if exponent == 1 else sympy.Pow(base, exponent, evaluate=False)


def _product(factors: list[sympy.Expr]) -> sympy.Expr:
    flat = [part for factor in factors for part in (factor.args if factor.is_Mul else (factor,))]
    return sympy.Mul(*flat, evaluate=False) if len(flat) > 1 else flat[0]


def _sum(terms: list[sympy.Expr]) -> sympy.Expr:
    return sympy.Add(*terms, evaluate=False) if len(terms) > 1 else (terms or [sympy.S.Zero])[0]


def _rank(term: Term) -> Any:
    """Sort by descending degree, then by name, the constant last."""
    monomial, _ = term
    return -sum(exponent for _, exponent in monomial), [(atom.key, -exponent) for atom, exponent in monomial]
