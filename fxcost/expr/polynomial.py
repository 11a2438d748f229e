"""Polynomials with integer coefficients over atoms: the normal form of sizes, sums and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import sympy

from fxcost.errors import ExpressionError
from fxcost.expr.evaluation import evaluate
from fxcost.expr.functions import Number
from fxcost.expr.grid import Table


@dataclass(frozen=True, slots=True, eq=False)
class Atom:
    """A hyperparameter, or a subexpression that is no polynomial of others.

    Atoms are equal where they compute the same; what is known of their values is their normaliser's.

    Attributes:
        expression: What it computes.
        key: Sorts atoms; different for different expressions.
        low: No value within the domain is below it; None where that is not known.
        high: No value within the domain is above it; None where that is not known.
        table: All its values, where they are few enough to list.
        quotient: Says that a multiple of this atom is a polynomial without it.
    """

    expression: sympy.Expr
    key: tuple[int, str]
    low: Number | None = None
    high: Number | None = None
    table: Table | None = None
    quotient: Quotient | None = None
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.expression))

    @classmethod
    def variable(cls, symbol: sympy.Symbol, low: Number | None = None, high: Number | None = None) -> Atom:
        """Return the atom of a hyperparameter."""
        return cls(symbol, (0, symbol.name), low, high)

    @property
    def name(self) -> str | None:
        """The hyperparameter's name, None for any other subexpression."""
        return self.key[1] if self.key[0] == 0 else None

    @property
    def names(self) -> frozenset[str]:
        """The hyperparameters it depends on."""
        return frozenset(symbol.name for symbol in self.expression.free_symbols)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and self.expression == other.expression)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Atom({self.expression})"


Monomial: TypeAlias = "tuple[tuple[Atom, int], ...]"
"""Atoms and their exponents, sorted by the atoms' keys; empty for the constant term."""


@dataclass(frozen=True, slots=True)
class Quotient:
    """`coefficient * monomial * atom == dividend` at every valid point, for the atom that holds this."""

    coefficient: int
    monomial: Monomial
    dividend: Polynomial


class Polynomial:
    """An immutable polynomial with integer coefficients over atoms.

    Sums, differences, products and powers, with each other and with ints, are polynomials again. Two
    polynomials of one `Normaliser` are equal where they have the same terms.

    >>> width = Polynomial.of_atom(Atom.variable(sympy.Symbol("width", integer=True)))
    >>> cost = 3 * (2 * width + 1) ** 2 - 3
    >>> print(cost)
    12*width**2 + 12*width
    >>> cost.evaluate({"width": 10})
    1320
    """

    __slots__ = ("_hash", "_sympy", "_terms")

    def __init__(self, terms: Mapping[Monomial, int] = MappingProxyType({})) -> None:
        self._terms = dict(terms)
        for monomial in [monomial for monomial, coefficient in terms.items() if not coefficient]:
            del self._terms[monomial]
        self._hash: int | None = None
        self._sympy: sympy.Expr | None = None

    @classmethod
    def of_atom(cls, atom: Atom) -> Polynomial:
        """Return an atom as a polynomial."""
        return cls({((atom, 1),): 1})

    @classmethod
    def constant(cls, value: int) -> Polynomial:
        """Return an integer as a polynomial."""
        return cls({(): int(value)})

    @property
    def terms(self) -> Mapping[Monomial, int]:
        """Coefficients, none of them 0, by monomial."""
        return MappingProxyType(self._terms)

    @property
    def atoms(self) -> frozenset[Atom]:
        """The atoms of all terms."""
        return frozenset(atom for monomial in self._terms for atom, _ in monomial)

    @property
    def names(self) -> frozenset[str]:
        """The hyperparameters it depends on."""
        return frozenset(name for atom in self.atoms for name in atom.names)

    @property
    def as_constant(self) -> int | None:
        """Its value where it depends on nothing, else None."""
        if not self._terms:
            return 0
        return self._terms.get(()) if len(self._terms) == 1 else None

    def evaluate(self, values: Mapping[str, Number]) -> int:
        """Return the exact value at one point.

        Raises:
            ExpressionError: A value is missing, or the value is no integer.
        """
        known = {atom: evaluate(atom.expression, values) for atom in self.atoms}
        total: Any = 0
        for monomial, coefficient in self._terms.items():
            product: Any = coefficient
            for atom, exponent in monomial:
                product *= known[atom] ** exponent
            total += product
        if not isinstance(total, int):
            raise ExpressionError(f"{self} is {total}, no integer, at {dict(values)}")
        return total

    def at(self, name: str, value: int) -> Polynomial | None:
        """Return the polynomial where a hyperparameter has a value; None where other atoms depend on it.

        >>> width = Polynomial.of_atom(Atom.variable(sympy.Symbol("width")))
        >>> print((width**2 + width).at("width", 3))
        12
        """
        terms: dict[Monomial, int] = {}
        for monomial, coefficient in self._terms.items():
            kept = tuple(factor for factor in monomial if factor[0].name != name)
            if any(name in atom.names for atom, _ in kept):
                return None
            power = sum(exponent for atom, exponent in monomial if atom.name == name)
            terms[kept] = terms.get(kept, 0) + coefficient * value**power
        return Polynomial(terms)

    def sympy(self) -> sympy.Expr:
        """Return the polynomial as an expanded SymPy expression."""
        if self._sympy is None:
            self._sympy = sympy.Add(
                *(
                    sympy.Mul(coefficient, *(atom.expression**exponent for atom, exponent in monomial))
                    for monomial, coefficient in self._terms.items()
                )
            )
        return self._sympy

    def __add__(self, other: object) -> Polynomial:
        if isinstance(other, int):
            other = Polynomial.constant(other)
        if not isinstance(other, Polynomial):
            return NotImplemented
        large, small = (self, other) if len(self._terms) >= len(other._terms) else (other, self)
        total = dict(large._terms)
        for monomial, coefficient in small._terms.items():
            total[monomial] = total.get(monomial, 0) + coefficient
        return _reduced(total, small._terms)

    __radd__ = __add__

    def __neg__(self) -> Polynomial:
        return _reduced({monomial: -coefficient for monomial, coefficient in self._terms.items()})

    def __sub__(self, other: object) -> Polynomial:
        return self + -other if isinstance(other, int | Polynomial) else NotImplemented

    def __rsub__(self, other: object) -> Polynomial:
        return -self + other

    def __mul__(self, other: object) -> Polynomial:
        if isinstance(other, int):
            return _reduced({monomial: coefficient * other for monomial, coefficient in self._terms.items()})
        if not isinstance(other, Polynomial):
            return NotImplemented
        total: dict[Monomial, int] = {}
        for left, factor in self._terms.items():
            for right, coefficient in other._terms.items():
                monomial = times(left, right)
                total[monomial] = total.get(monomial, 0) + factor * coefficient
        return _reduced(total)

    __rmul__ = __mul__

    def __pow__(self, exponent: object) -> Polynomial:
        if not isinstance(exponent, int) or exponent < 0:
            return NotImplemented
        result = Polynomial.constant(1)
        for _ in range(exponent):
            result = result * self
        return result

    def __floordiv__(self, divisor: object) -> Polynomial:
        """Divide by an int that divides every coefficient."""
        if not isinstance(divisor, int):
            return NotImplemented
        if any(coefficient % divisor for coefficient in self._terms.values()):
            raise ExpressionError(f"{divisor} does not divide every coefficient of {self}")
        return Polynomial({monomial: value // divisor for monomial, value in self._terms.items()})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self.as_constant == other
        return self is other or (isinstance(other, Polynomial) and self._terms == other._terms)

    def __hash__(self) -> int:
        if self._hash is None:
            constant = self.as_constant
            self._hash = hash(frozenset(self._terms.items()) if constant is None else constant)
        return self._hash

    def __bool__(self) -> bool:
        return bool(self._terms)

    def __str__(self) -> str:
        from fxcost.expr.printing import text

        return text(self)

    def __repr__(self) -> str:
        return f"Polynomial({self})"


def times(left: Monomial, right: Monomial) -> Monomial:
    """Return the product of two monomials.

    >>> x = Atom.variable(sympy.Symbol("x"))
    >>> times(((x, 1),), ((x, 2),))
    ((Atom(x), 3),)
    """
    if not left or not right:
        return left or right
    exponents = dict(left)
    for atom, exponent in right:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return tuple(sorted(exponents.items(), key=lambda factor: factor[0].key))


def over(dividend: Monomial, divisor: Monomial) -> Monomial | None:
    """Return the quotient of two monomials, None where it is none.

    >>> x, y = (Atom.variable(sympy.Symbol(name)) for name in "xy")
    >>> over(((x, 2), (y, 1)), ((x, 1),)), over(((x, 1),), ((y, 1),))
    (((Atom(x), 1), (Atom(y), 1)), None)
    """
    exponents = dict(dividend)
    for atom, exponent in divisor:
        rest = exponents.get(atom, 0) - exponent
        if rest < 0:
            return None
        exponents[atom] = rest
    return tuple((atom, exponent) for atom, exponent in exponents.items() if exponent)


def _reduced(terms: dict[Monomial, int], changed: Iterable[Monomial] | None = None) -> Polynomial:
    """Return a polynomial in which no atom's quotient still applies to the changed terms."""
    replacements: list[Polynomial] = []
    for monomial in terms if changed is None else changed:
        replacement = _replacement(monomial, terms[monomial])
        if replacement is not None:
            replacements.append(replacement)
            terms = {**terms, monomial: 0}
    return sum(replacements, start=Polynomial(terms))


def _replacement(monomial: Monomial, coefficient: int) -> Polynomial | None:
    """Return a term with an atom's multiples written without it, None where no quotient applies."""
    for atom, _ in monomial:
        quotient = atom.quotient
        if quotient is None:
            continue
        rest = over(monomial, times(quotient.monomial, ((atom, 1),)))
        if rest is None:
            continue
        multiple, remainder = divmod(coefficient, quotient.coefficient)
        if multiple:
            return Polynomial({rest: multiple}) * quotient.dividend + Polynomial({monomial: remainder})
    return None
