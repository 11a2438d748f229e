"""What a question demands of settings, one thing at a time, in the user's words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from fxcost.solve.limits import Every, Limit, Some
from fxcost.space import AnyDomain, Choice, Condition, Space
from fxcost.space.spelling import spelled


@dataclass(frozen=True, eq=False)
class Bound:
    """One end of the pair that bounds a hyperparameter, or the value it is fixed at.

    Attributes:
        name: The hyperparameter.
        relation: How its values compare.
        value: What they are compared with.
    """

    name: str
    relation: Literal["=", ">=", "<="]
    value: Any

    def __str__(self) -> str:
        space = "" if self.relation == "=" else " "
        return f"{self.name}{space}{self.relation}{space}{spelled(self.value)}"


Asked: TypeAlias = "Limit | Bound | Condition"


def conjuncts(limit: Limit) -> Iterator[Limit]:
    """Yield the limits that all have to hold."""
    if not isinstance(limit, Every):
        yield limit
        return
    for part in limit.parts:
        yield from conjuncts(part)


def alternatives(limit: Limit) -> Iterator[Limit]:
    """Yield the limits of which one has to hold."""
    if not isinstance(limit, Some):
        yield limit
        return
    for part in limit.parts:
        yield from alternatives(part)


def bounds(space: Space, restriction: Mapping[str, object]) -> Iterator[Bound]:
    """Yield what a restriction excludes values by; an end that excludes none is left out.

    >>> from fxcost.space import Int
    >>> space = Space(width=Int(1, 9), batch=Int(1, 9))
    >>> [str(bound) for bound in bounds(space, {"width": (3, 20), "batch": 2})]
    ['width >= 3', 'batch=2']
    """
    part = space.restrict(**restriction)
    for name, value in restriction.items():
        whole = space[name]
        if not (isinstance(value, tuple) and len(value) == 2 and value not in whole):
            if whole.size > 1:
                yield Bound(name, "=", value)
            continue
        (lowest, highest), (first, last) = _ends(whole), _ends(part[name])
        if first > lowest:
            yield Bound(name, ">=", value[0])
        if last < highest:
            yield Bound(name, "<=", value[1])


def restriction_of(asked: Iterable[Bound]) -> dict[str, object]:
    """Return bounds as `Space.restrict` takes them.

    >>> restriction_of([Bound("width", ">=", 3), Bound("batch", "=", 2)])
    {'width': (3, inf), 'batch': 2}
    """
    restriction: dict[str, Any] = {}
    for bound in asked:
        low, high = restriction.get(bound.name, (-math.inf, math.inf))
        match bound.relation:
            case "=":
                restriction[bound.name] = bound.value
            case ">=":
                restriction[bound.name] = bound.value, high
            case "<=":
                restriction[bound.name] = low, bound.value
    return restriction


def _ends(domain: AnyDomain) -> tuple[Any, Any]:
    """Return the smallest and the largest of numbers."""
    if isinstance(domain, Choice):
        numbers: tuple[Any, ...] = domain.values
        return min(numbers), max(numbers)
    return domain.low, domain.high
