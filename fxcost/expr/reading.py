"""Conditions as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import sympy

from fxcost.expr.domain import Domain
from fxcost.expr.functions import Number
from fxcost.expr.grid import Grids
from fxcost.expr.kinds import compares_integers
from fxcost.expr.printing import python
from fxcost.expr.remainders import vanishing_remainder
from fxcost.space.spelling import spelled

LISTED = 4
"""A condition that allows, or excludes, so few values of a hyperparameter is read as a list of them."""


def readable(condition: sympy.Basic, domain: Domain | Grids | None = None) -> str:
    """Return a condition in Python's syntax, simplified where that changes no truth value.

    Args:
        condition: What to read.
        domain: Where it is given, a condition on one hyperparameter is read as a range of its values, and
            options are read as they are written; of `Grids`, the valid values alone matter.

    >>> from torch.utils._sympy.functions import FloorDiv
    >>> heads, width = sympy.symbols("heads width", integer=True, positive=True)
    >>> readable(sympy.Eq(heads * FloorDiv(width, heads), width))
    'width % heads == 0'
    >>> readable(sympy.Lt(4 * width, 8 * heads * width - 4 * width))
    'heads > 1'
    >>> from fxcost.space import Choice, Int, Space
    >>> domain = Domain(Space(width=Int(1, 256), act=Choice("relu", "gelu", "glu")))
    >>> readable(sympy.Ne(FloorDiv(width - 1, 32), 0), domain)
    'width >= 33'
    >>> readable(sympy.Eq(domain.symbols["act"], 1) | sympy.Eq(width % heads, 0), domain)
    "act == 'gelu' or width % heads == 0"
    """
    simple = condition.replace(_is_comparison, simplified)
    return _read(simple, Grids(domain) if isinstance(domain, Domain) else domain)


def _read(condition: sympy.Basic, grids: Grids | None) -> str:
    if grids is None:
        return python(condition)
    found = _as_values(condition, grids)
    if found is None and isinstance(condition, sympy.Not):
        return f"not ({_read(condition.args[0], grids)})"
    if found is not None or not isinstance(condition, sympy.And | sympy.Or):
        return found or python(condition)
    connective = " and " if isinstance(condition, sympy.And) else " or "
    parts = sorted(condition.args, key=sympy.default_sort_key)
    return connective.join(_parenthesised(part, _read(part, grids)) for part in parts)


def _parenthesised(part: sympy.Basic, text: str) -> str:
    return f"({text})" if isinstance(part, sympy.And | sympy.Or) and f" {_word(part)} " in text else text


def _word(condition: sympy.Basic) -> str:
    return "and" if isinstance(condition, sympy.And) else "or"


def _is_comparison(expression: sympy.Basic) -> bool:
    return isinstance(expression, sympy.core.relational.Relational)


def simplified(relation: sympy.Basic) -> sympy.Basic:
    """Return a comparison of integers without what both sides share, constants on the right.

    >>> x = sympy.Symbol("x", integer=True, positive=True)
    >>> simplified(sympy.Lt(2 * x, 4 * x**2, evaluate=False))
    2*x > 1
    """
    if not compares_integers(relation):
        return relation
    difference = sympy.expand(relation.lhs - relation.rhs)
    if difference.is_number:
        return relation.func(difference, 0)
    remainder = vanishing_remainder(difference) if isinstance(relation, sympy.Eq | sympy.Ne) else None
    if remainder is not None:
        return relation.func(remainder, 0, evaluate=False)
    left, right = _sides(difference)
    return _turned(relation.func(left, right, evaluate=False))


def _as_values(condition: sympy.Basic, grids: Grids) -> str | None:
    """Return a condition on one hyperparameter by the values it allows, None where that is no shorter."""
    if len(condition.free_symbols) != 1:
        return None
    (name,) = (symbol.name for symbol in condition.free_symbols)
    axis = grids.domain.axes[name]
    if axis.options is None and any(argument.is_Symbol for argument in condition.args):
        return None
    grid = grids.grid([name])
    truth = grid.evaluate(condition) if grid is not None else None
    if grid is None or truth is None:
        return None
    values = grid.points[name]
    if truth.all() or not truth.any():
        return None
    if axis.options is not None:
        return _as_options(
            name, *([axis.decode(code) for code in values[truth == kept].tolist()] for kept in (True, False))
        )
    return _as_range(name, values[truth].tolist(), values[~truth].tolist())


def _as_range(name: str, true: list[Number], false: list[Number]) -> str | None:
    if true[-1] < false[0]:
        return f"{name} <= {true[-1]}" if len(true) > 1 else f"{name} == {true[0]}"
    if false[-1] < true[0]:
        return f"{name} >= {true[0]}" if len(true) > 1 else f"{name} == {true[0]}"
    if min(len(true), len(false)) <= LISTED:
        listed = len(true) <= LISTED
        return _listed(name, "==", "in", true) if listed else _listed(name, "!=", "not in", false)
    between = not any(true[0] < value < true[-1] for value in false)
    return f"{true[0]} <= {name} <= {true[-1]}" if between else None


def _as_options(name: str, true: list[object], false: list[object]) -> str:
    if isinstance(true[0], bool) and isinstance(false[0], bool):
        return name if true[0] else f"not {name}"
    if len(true) <= len(false):
        return _listed(name, "==", "in", true)
    return _listed(name, "!=", "not in", false)


def _listed(name: str, one: str, several: str, values: Sequence[object]) -> str:
    texts = [spelled(value) for value in values]
    return f"{name} {one} {texts[0]}" if len(texts) == 1 else f"{name} {several} ({', '.join(texts)})"


def _sides(difference: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Return both sides of `difference` compared with 0: positive terms left, the others right."""
    terms = sympy.Add.make_args(_without_common_factor(difference))
    positive = [term for term in terms if not term.could_extract_minus_sign()]
    negative = [-term for term in terms if term.could_extract_minus_sign()]
    return sympy.Add(*positive), sympy.Add(*negative)


def _without_common_factor(difference: sympy.Expr) -> sympy.Expr:
    """Divide by the integer and the positive symbols that all terms share."""
    terms = [term.as_coeff_Mul() for term in sympy.Add.make_args(difference)]
    content = math.gcd(*(int(coefficient) for coefficient, _ in terms)) or 1
    powers = [term.as_powers_dict() for _, term in terms]
    shared = {
        base: min(power.get(base, 0) for power in powers)
        for base in powers[0]
        if base.is_positive and base.is_Symbol
    }
    common = content * sympy.Mul(*(base**exponent for base, exponent in shared.items() if exponent))
    return sympy.Add(*(sympy.Mul(coefficient, term) / common for coefficient, term in terms))


def _turned(relation: sympy.Basic) -> sympy.Basic:
    """Return a comparison with its constant on the right."""
    return relation.reversed if relation.lhs.is_number and not relation.rhs.is_number else relation
