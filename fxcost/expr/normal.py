"""The normal form: integer expressions as polynomials over atoms, equal where they are seen to be equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy
import torch.utils._sympy.functions as torch_functions

from fxcost.expr import functions
from fxcost.expr.atoms import Atoms, Facts
from fxcost.expr.bounds import interval
from fxcost.expr.division import Division, divide, exact_quotient, floor_division, small_quotient
from fxcost.expr.domain import Domain
from fxcost.expr.grid import Grids
from fxcost.expr.kinds import is_integral
from fxcost.expr.polynomial import Polynomial
from fxcost.expr.proofs import Prover
from fxcost.expr.remainders import divisible_pair

__all__ = ["Normaliser", "is_integral"]


class Normaliser:
    """Brings integer expressions over a domain into normal form.

    Subexpressions that are no polynomials become atoms. An atom of few hyperparameters is tabulated over
    all their valid values, with Python's semantics, and replaced by what the table shows it to be: a
    constant, an affine function of a hyperparameter, another atom plus a constant, an exact quotient.

    Args:
        domain: The hyperparameters.
        conditions: SymPy conditions; two expressions may get one normal form that are equal only where
            all conditions hold.

    >>> from fxcost.space import Choice, Int, Space
    >>> from torch.utils._sympy.functions import FloorDiv, Max
    >>> domain = Domain(Space(width=Int(64, 4096, step=64), heads=Choice(4, 8, 16)))
    >>> width, heads = domain.symbols.values()
    >>> print(Normaliser(domain).polynomial(heads * Max(1, FloorDiv(width, heads)) + width * (width - 1)))
    width**2
    """

    def __init__(self, domain: Domain, conditions: Iterable[sympy.Basic] = ()) -> None:
        self.domain = domain
        self.conditions = tuple(conditions)
        self.grids = Grids(domain, self.conditions)
        self.atoms = Atoms(self.grids)
        self.prover = Prover(self.grids)
        self._known: dict[sympy.Basic, Polynomial] = {}
        self._divisible: set[tuple[Polynomial, Polynomial]] = set()
        for dividend, divisor in filter(None, map(divisible_pair, self.conditions)):
            self._divisible.add((self.polynomial(dividend), self.polynomial(divisor)))
        self._known.clear()  # these may be simpler now

    def polynomial(self, expression: sympy.Expr | int) -> Polynomial:
        """Return an expression's normal form.

        Raises:
            ExpressionError: It holds a function without a rule.
        """
        if isinstance(expression, int):
            return Polynomial.constant(expression)
        if expression not in self._known:
            self._known[expression] = self._normal(expression)
        return self._known[expression]

    def _normal(self, expression: sympy.Expr) -> Polynomial:
        if isinstance(expression, sympy.Integer):
            return Polynomial.constant(int(expression))
        if isinstance(expression, sympy.Symbol):
            return self.atoms.variable(expression.name)
        if not is_integral(expression):
            return self.atoms.of(self.canonical(expression))
        form = _FORMS.get(type(expression))
        return form(self, expression) if form else self._atom(expression)

    def _atom(self, expression: sympy.Expr) -> Polynomial:
        return self.atoms.of(self.canonical(expression))

    def canonical(self, expression: sympy.Basic) -> sympy.Basic:
        """Return an expression with the integer arguments of its functions in normal form."""
        if not expression.args:
            return expression
        arguments = [
            self.polynomial(argument).sympy()
            if isinstance(argument, sympy.Expr) and is_integral(argument)
            else self.canonical(argument)
            for argument in expression.args
        ]
        if all(new is old for new, old in zip(arguments, expression.args, strict=True)):
            return expression
        if _rewrites(expression) and not all(argument.is_number for argument in arguments):
            return expression.func(*arguments, evaluate=False)
        return expression.func(*arguments)

    def divides(self, dividend: Polynomial, divisor: Polynomial) -> bool:
        """Say whether a condition says that a division leaves no remainder."""
        return (dividend, divisor) in self._divisible

    def factor(self, expression: sympy.Expr) -> Polynomial:
        """Return a factor's normal form: a sum like `(size - 1)//2 + 1` stays together as one atom."""
        polynomial = self.polynomial(expression)
        if not _is_sum_with_atom(polynomial):
            return polynomial
        together = polynomial.sympy()
        table = self.grids.table(together)
        if table is None:
            return polynomial
        found = self.atoms.simpler(table)
        if found is not None:
            return found
        return self.atoms.of(together) if len(polynomial.names) == 1 else polynomial


def _rewrites(expression: sympy.Basic) -> bool:
    """Say whether SymPy would rewrite an expression by rules that hold of real numbers, not of floats."""
    return isinstance(expression, sympy.core.function.Application | sympy.core.relational.Relational)


def _is_sum_with_atom(polynomial: Polynomial) -> bool:
    """Say whether it is a constant plus atoms to the first power, at least one of them no hyperparameter."""
    linear = all(sum(exponent for _, exponent in monomial) <= 1 for monomial in polynomial.terms)
    return linear and len(polynomial.terms) > 1 and any(atom.name is None for atom in polynomial.atoms)


def _sum(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    total = Polynomial()
    for term in expression.args:
        total = total + normaliser.polynomial(term)
    return total


def _product(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    result = Polynomial.constant(1)
    for factor in expression.args:
        result = result * normaliser.factor(factor)
    return result


def _power(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    base, exponent = expression.args
    if isinstance(exponent, sympy.Integer) and exponent <= MAX_EXPONENT:
        return normaliser.factor(base) ** int(exponent)
    return normaliser._atom(expression)


MAX_EXPONENT = 16
"""A higher constant power is an atom."""


def _difference(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    left, right = expression.args
    return normaliser.polynomial(left) - normaliser.polynomial(right)


def _negation(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    return -normaliser.polynomial(expression.args[0])


def _argument(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    """Return the argument of a function that changes no integer."""
    if is_integral(expression.args[0]):
        return normaliser.polynomial(expression.args[0])
    return normaliser._atom(expression)


def _floor_div(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    dividend, divisor = (normaliser.polynomial(argument) for argument in expression.args)
    if not normaliser.prover.positive(divisor):
        return normaliser._atom(expression)
    spaced, dividend = _spaced(normaliser, dividend, divisor.as_constant)
    division = divide(dividend, divisor)
    small = small_quotient(division.rest, division.divisor, normaliser.prover)
    if small is not None:
        return spaced + division.whole + small
    floor = floor_division(division.rest.sympy(), division.divisor.sympy())
    rest = normaliser.atoms.of(floor, lambda: _unlisted_quotient(normaliser, division))
    return spaced + division.whole + rest


def _spaced(
    normaliser: Normaliser, dividend: Polynomial, divisor: int | None
) -> tuple[Polynomial, Polynomial]:
    """Return the whole quotients that evenly spaced hyperparameters leave, and the dividend without them.

    An odd kernel is `2 * (kernel//2) + 1`: `(size - kernel)//2` is `-(kernel//2) + (size - 1)//2`.
    """
    whole = Polynomial()
    if divisor is None:
        return whole, dividend
    for monomial, coefficient in dividend.terms.items():
        if (
            len(monomial) != 1
            or monomial[0][1] != 1
            or monomial[0][0].name is None
            or not coefficient % divisor
        ):
            continue
        spaced = normaliser.atoms.spaced(monomial[0][0].name)
        if spaced is None or coefficient * spaced[0] % divisor:
            continue
        step, first, position = spaced
        whole = whole + position * (coefficient * step // divisor)
        dividend = dividend - Polynomial({monomial: coefficient}) + coefficient * first
    return whole, dividend


def _unlisted_quotient(normaliser: Normaliser, division: Division) -> Facts:
    """Return what is known of `rest // divisor` without a table."""
    (low, high), smallest = interval(division.rest), max(1, interval(division.divisor)[0] or 1)
    exact = normaliser.divides(division.rest, division.divisor)
    least = None if low is None else min(0, low) // smallest
    return Facts(
        1 if exact and low is not None and low > 0 else least,
        None if high is None else max(0, high) // smallest,
        exact_quotient(division.rest, division.divisor) if exact else None,
    )


def _mod(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    dividend, divisor = (normaliser.polynomial(argument) for argument in expression.args)
    if not normaliser.prover.positive(divisor):
        return normaliser._atom(expression)
    division = divide(dividend, divisor)
    small = small_quotient(division.rest, division.divisor, normaliser.prover)
    if small is not None:
        return division.factor * (division.rest - division.divisor * small)
    if normaliser.divides(division.rest, division.divisor):
        return Polynomial()
    remainder = torch_functions.PythonMod(division.rest.sympy(), division.divisor.sympy(), evaluate=False)
    high = interval(division.divisor)[1]
    return division.factor * normaliser.atoms.of(
        remainder, lambda: Facts(0, None if high is None else high - 1)
    )


def _largest(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    return _extremum(normaliser, expression, lambda other, mine: other - mine)


def _smallest(normaliser: Normaliser, expression: sympy.Expr) -> Polynomial:
    return _extremum(normaliser, expression, lambda other, mine: mine - other)


def _extremum(
    normaliser: Normaliser,
    expression: sympy.Expr,
    lead: Callable[[Polynomial, Polynomial], Polynomial],
) -> Polynomial:
    """Return a Max or Min without the arguments that another one is proved to beat or equal."""
    arguments = list(dict.fromkeys(normaliser.polynomial(argument) for argument in expression.args))
    kept: list[Polynomial] = []
    for index, mine in enumerate(arguments):
        rivals = kept + arguments[index + 1 :]
        if not any(normaliser.prover.nonnegative(lead(other, mine)) for other in rivals):
            kept.append(mine)
    if len(kept) == 1:
        return kept[0]
    rest = expression.func(*(polynomial.sympy() for polynomial in kept), evaluate=False)
    return normaliser.atoms.of(rest)


_FORMS: Mapping[type, Callable[[Normaliser, Any], Polynomial]] = {
    sympy.Add: _sum,
    sympy.Mul: _product,
    sympy.Pow: _power,
    functions.FloatAdd: _sum,
    functions.FloatSub: _difference,
    functions.FloatMul: _product,
    functions.FloatNeg: _negation,
    torch_functions.Identity: _argument,
    torch_functions.TruncToInt: _argument,
    torch_functions.FloorToInt: _argument,
    torch_functions.CeilToInt: _argument,
    torch_functions.RoundToInt: _argument,
    sympy.floor: _argument,
    sympy.ceiling: _argument,
    torch_functions.FloorDiv: _floor_div,
    torch_functions.CleanDiv: _floor_div,
    torch_functions.Mod: _mod,
    torch_functions.PythonMod: _mod,
    sympy.Mod: _mod,
    torch_functions.Max: _largest,
    torch_functions.Min: _smallest,
    sympy.Max: _largest,
    sympy.Min: _smallest,
}
