"""What to lower so that a limit holds: one hyperparameter at a time, as little as possible."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

from fxcost.errors import EmptySpaceError
from fxcost.solve import Found, Infeasible, Unknown
from fxcost.space import AnyDomain, Config, Float, Space

Search = Callable[..., Found | Infeasible | Unknown]


def nearest(space: Space, config: Config, find: Search) -> dict[str, Any]:
    """Return by hyperparameter the largest value below the one it has with which `find` finds something.

    Args:
        space: The hyperparameters; reals and options that are no numbers are left as they are.
        config: The setting to start from.
        find: `Limit.find`.

    Example:
        >>> from fxcost.space import Int
        >>> space = Space(width=Int(8, 64), batch=Int(1, 8))
        >>> def fits(width, batch):
        ...     holds = [w for w in range(width[0], width[1] + 1) if w * batch <= 100] if batch == 8 else []
        ...     answer = Infeasible("width*batch <= 100", None)
        ...     return Found("", Config(width=max(holds), batch=batch), (), None) if holds else answer
        >>> nearest(space.restrict(batch=8), Config(width=64, batch=8), fits)
        {'width': 12}
    """
    below = {name: _below(space[name], value) for name, value in config.items()}
    found = {name: _largest(name, values, config, find) for name, values in below.items() if values}
    return {name: value for name, value in found.items() if value is not None}


def _below(domain: AnyDomain, value: object) -> list[Any]:
    """Return a domain's numbers below a value, ascending."""
    if isinstance(domain, Float) or isinstance(value, bool) or not isinstance(value, numbers.Real):
        return []
    ordered = [option for option in domain.values if isinstance(option, numbers.Real)]
    if len(ordered) < domain.size:
        return []
    return sorted(option for option in ordered if option < value)


def _largest(name: str, values: list[Any], config: Config, find: Search) -> Any:
    """Return the largest of some values with which something is found, None where there is none.

    Ranges are halved: the upper half is left only once it is proved to hold nothing.
    """
    others = {other: value for other, value in config.items() if other != name}
    best, low, high = None, 0, len(values) - 1
    while low <= high:
        middle = (low + high + 1) // 2
        answer = _tried(find, others, name, (values[middle], values[high]))
        if isinstance(answer, Unknown):
            return best
        if isinstance(answer, Found):
            best = answer.config[name]
            low = values.index(best) + 1
        else:
            high = middle - 1
    return best


def _tried(
    find: Search, others: dict[str, object], name: str, bounds: tuple[Any, Any]
) -> Found | Infeasible | Unknown | None:
    """Return what is found within some bounds; None where conditions leave no setting there."""
    try:
        return find(**others, **{name: bounds})
    except EmptySpaceError:
        return None
