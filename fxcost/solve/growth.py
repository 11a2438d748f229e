"""How a closed form grows in one hyperparameter, the others as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fxcost.errors import ExpressionError
from fxcost.expr import Polynomial, evaluate
from fxcost.expr.functions import Number
from fxcost.expr.polynomial import Atom
from fxcost.expr.printing import python


def growth(rows: Sequence[Polynomial], name: str, values: Mapping[str, Number]) -> int:
    """Return the exponent of the row that is largest from some value of a hyperparameter on.

    Args:
        rows: Their maximum is the closed form.
        name: The hyperparameter.
        values: The others', encoded.

    Raises:
        ExpressionError: A row is no polynomial in it; the message names what is no power.

    >>> import sympy
    >>> width, batch = (Polynomial.of_atom(Atom.variable(sympy.Symbol(each))) for each in ("width", "batch"))
    >>> growth([width**2, 8 * batch * width], "width", {"width": 1, "batch": 100})
    2
    >>> growth([width**2, 8 * batch * width], "batch", {"width": 1, "batch": 100})
    1
    """
    each = [_coefficients(row, name, values) for row in rows]
    degree = max((power for coefficients in each for power in coefficients), default=0)
    descending = range(degree, -1, -1)
    largest = max([coefficients.get(power, 0) for power in descending] for coefficients in each)
    return next((power for power, factor in zip(descending, largest, strict=True) if factor), 0)


def _coefficients(row: Polynomial, name: str, values: Mapping[str, Number]) -> dict[int, Number]:
    """Return a row's coefficients by power of a hyperparameter."""
    known = {atom: _value(atom, name, values) for atom in row.atoms if atom.name != name}
    coefficients: dict[int, Number] = {}
    for monomial, coefficient in row.terms.items():
        power, product = 0, coefficient
        for atom, exponent in monomial:
            if atom.name == name:
                power += exponent
            else:
                product *= known[atom] ** exponent
        coefficients[power] = coefficients.get(power, 0) + product
    return coefficients


def _value(atom: Atom, name: str, values: Mapping[str, Number]) -> int:
    if name in atom.names:
        raise ExpressionError(f"{python(atom.expression)} is no power of {name}")
    return int(evaluate(atom.expression, values))
