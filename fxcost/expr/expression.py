"""Costs in closed form: the largest of some polynomials, each named for where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy.typing as npt
import sympy

from fxcost.errors import ExpressionError
from fxcost.expr import javascript, printing
from fxcost.expr.functions import Number
from fxcost.expr.kernel import Plan, largest_row
from fxcost.expr.polynomial import Polynomial
from fxcost.expr.vectorised import Array

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Row:
    """One candidate for the largest.

    Attributes:
        polynomial: Its value.
        label: Where it comes from, for people.
    """

    polynomial: Polynomial
    label: str = ""

    def __str__(self) -> str:
        return str(self.polynomial)


@dataclass(frozen=True)
class Expression:
    """The largest of its rows at every point; a plain sum has one row.

    >>> from fxcost.expr.polynomial import Atom
    >>> width, batch = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name))) for name in ("width", "batch"))
    >>> peak = Expression((Row(width**2), Row(8 * batch * width)))
    >>> print(peak)
    max(width**2, 8*batch*width)
    >>> peak.evaluate({"width": 100, "batch": 4})
    10000
    >>> peak.evaluate_many({"width": 100, "batch": [4, 64]})
    array([10000, 51200])

    Attributes:
        rows: The candidates; at least one.
        dropped: How many other candidates were proved never to be needed, by the kind of proof.
    """

    rows: tuple[Row, ...]
    dropped: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if not self.rows:
            raise ExpressionError("an expression has at least one row")

    @classmethod
    def of(cls, polynomial: Polynomial | int, label: str = "") -> Expression:
        """Return a polynomial as an expression."""
        row = Polynomial.constant(polynomial) if isinstance(polynomial, int) else polynomial
        return cls((Row(row, label),))

    @property
    def names(self) -> frozenset[str]:
        """The hyperparameters it depends on."""
        return frozenset(name for row in self.rows for name in row.polynomial.names)

    @cached_property
    def _plan(self) -> Plan:
        return Plan.of([row.polynomial for row in self.rows])

    def evaluate(self, values: Mapping[str, Number]) -> int:
        """Return the exact value at one point, from encoded values."""
        return max(row.polynomial.evaluate(values) for row in self.rows)

    def binding(self, values: Mapping[str, Number]) -> Row:
        """Return the row that is largest at one point."""
        return max(self.rows, key=lambda row: row.polynomial.evaluate(values))

    def evaluate_many(self, values: Mapping[str, npt.ArrayLike]) -> Array:
        """Return the exact values over arrays of encoded values that broadcast against each other.

        The conditions of the normaliser that the rows come from must hold at every point.

        The result is int64, or Python ints (dtype object) where a bound cannot exclude 2^63.

        Raises:
            ExpressionError: A hyperparameter is missing, or a value is outside its domain.
        """
        return largest_row([row.polynomial for row in self.rows], self._plan, values)

    def torch(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the values over tensors of encoded values, in float64 and differentiable.

        What rounds in it passes the gradient of what is rounded straight through. Where the terms of a row
        have one sign, the relative error at valid settings is at most 2^-53 for each term, product and sum:
        below 1e-12 for some thousand of them. Values between valid settings are allowed, as searches take
        them; values outside the domain are not refused.

        Raises:
            ExpressionError: A hyperparameter is missing, or an atom has no gradient.

        >>> import torch
        >>> from fxcost.expr.polynomial import Atom
        >>> width = torch.tensor(3.0, requires_grad=True)
        >>> square = Expression.of(Polynomial.of_atom(Atom.variable(sympy.Symbol("width"))) ** 2)
        >>> square.torch({"width": width}).backward()
        >>> width.grad
        tensor(6.)
        """
        from fxcost.expr import differentiable

        return differentiable.largest_row(self._plan, values)

    def javascript(self, name: str) -> str:
        """Return the source of a JavaScript function that calculates the exact value at one point.

        It takes an object of encoded values, and returns a Number, or a BigInt where 2^53 could be passed.

        Args:
            name: What the function is called.

        Raises:
            ExpressionError: The name is no identifier, or JavaScript has no exact formula for an atom.
        """
        return javascript.source(self._plan, name)

    def sympy(self) -> sympy.Expr:
        """Return the expression in SymPy: a polynomial, or a Max of them."""
        polynomials = [row.polynomial.sympy() for row in self.rows]
        return sympy.Max(*polynomials, evaluate=False) if len(polynomials) > 1 else polynomials[0]

    def latex(self) -> str:
        """Return the expression as LaTeX."""
        rows = [printing.latex_of(row.polynomial) for row in self.rows]
        return rf"\max\left({', '.join(rows)}\right)" if len(rows) > 1 else rows[0]

    def __str__(self) -> str:
        rows = [str(row) for row in self.rows]
        return f"max({', '.join(rows)})" if len(rows) > 1 else rows[0]

    def __add__(self, other: Expression | Polynomial | int) -> Expression:
        if isinstance(other, Polynomial | int):
            other = Expression.of(other)
        if not isinstance(other, Expression):
            return NotImplemented
        return Expression(
            tuple(
                Row(left.polynomial + right.polynomial, " + ".join(filter(None, (left.label, right.label))))
                for left in self.rows
                for right in other.rows
            )
        )

    __radd__ = __add__

    def __mul__(self, factor: int) -> Expression:
        if not isinstance(factor, int):
            return NotImplemented
        if factor < 0:
            raise ExpressionError(f"{factor} times a maximum is no maximum: the factor must not be negative")
        return Expression(tuple(Row(row.polynomial * factor, row.label) for row in self.rows))

    __rmul__ = __mul__
