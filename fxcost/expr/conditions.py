"""Conditions that traces ask and users declare: evaluated, discharged, read aloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from fxcost.expr.decide import Decider, Sign, sign_of
from fxcost.expr.domain import Domain
from fxcost.expr.evaluation import evaluate as evaluate_expression
from fxcost.expr.functions import Number
from fxcost.expr.normal import Normaliser
from fxcost.expr.paths import of_callable
from fxcost.expr.reading import readable

LOOKED_BACK_AT = 16
"""So many of the conditions kept are compared with those kept after them."""

__all__ = ["discharge", "evaluate", "of_callable", "readable"]


def evaluate(condition: sympy.Basic, values: Mapping[str, Number]) -> bool:
    """Return whether a condition holds at a point given by encoded values.

    >>> evaluate(sympy.Symbol("width") > 64, {"width": 128})
    True
    """
    return bool(evaluate_expression(condition, values))


def discharge(
    conditions: Iterable[sympy.Basic], domain: Domain, normaliser: Normaliser
) -> tuple[tuple[sympy.Basic, ...], tuple[sympy.Basic, ...]]:
    """Split conditions into those that follow, and those that do not.

    What follows is proved from the domain, the normaliser's conditions and the conditions that are kept:
    points of the domain where these hold satisfy all.

    Args:
        conditions: What a trace took to hold.
        domain: The hyperparameters.
        normaliser: Holds what is known already; the conditions themselves must not be among it.

    Returns:
        The conditions proved, and the ones that remain, each in the order given.

    >>> from fxcost.space import Choice, Int, Space
    >>> from torch.utils._sympy.functions import FloorDiv, Max
    >>> domain = Domain(Space(width=Int(64, 4096), heads=Choice(4, 8)))
    >>> width, heads = domain.symbols.values()
    >>> divides = sympy.Eq(heads * FloorDiv(width, heads), width)
    >>> asked = [width > 1, sympy.Ne(Max(1, heads * FloorDiv(width, heads)), 1), divides]
    >>> [readable(condition) for condition in discharge(asked, domain, normaliser=Normaliser(domain))[1]]
    ['width % heads == 0']
    """
    distinct = list(dict.fromkeys(conditions))
    decider = Decider(normaliser)
    open_ = [condition for condition in distinct if not decider.holds(condition)]
    kept = _irredundant(_distinct_signs(open_, normaliser), domain, normaliser)
    proved = tuple(condition for condition in distinct if condition not in kept)
    return proved, tuple(condition for condition in distinct if condition in kept)


def _distinct_signs(conditions: list[sympy.Basic], normaliser: Normaliser) -> list[sympy.Basic]:
    """Return one condition of each set that has the same normal form."""
    seen: dict[Any, sympy.Basic] = {}
    for condition in conditions:
        seen.setdefault(_normal(condition, normaliser), condition)
    return list(seen.values())


def _normal(condition: sympy.Basic, normaliser: Normaliser) -> Sign | sympy.Basic:
    relational = isinstance(condition, sympy.core.relational.Relational)
    return (sign_of(condition, normaliser) if relational else None) or condition


def _irredundant(conditions: list[sympy.Basic], domain: Domain, normaliser: Normaliser) -> set[sympy.Basic]:
    """Keep, from the simplest on, each condition that does not follow from those kept; then look back."""
    kept: list[sympy.Basic] = []
    current = normaliser
    for condition in sorted(conditions, key=_complexity):
        if kept and Decider(current).holds(condition):
            continue
        kept.append(condition)
        current = Normaliser(domain, (*normaliser.conditions, *kept))
    for condition in kept[:LOOKED_BACK_AT]:
        others = [other for other in kept if other != condition]
        if Decider(Normaliser(domain, (*normaliser.conditions, *others))).holds(condition):
            kept = others
    return set(kept)


def _complexity(condition: sympy.Basic) -> tuple[int, int, int, str]:
    """Sort conditions on few hyperparameters first, equations before others."""
    equation = 0 if isinstance(condition, sympy.Eq) else 1
    return len(condition.free_symbols), equation, condition.count_ops(), str(condition)
