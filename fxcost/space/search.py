"""Systematic search for assignments that satisfy conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from fxcost.space.conditions import Condition

Candidates: TypeAlias = Mapping[str, Iterable[object]]


def assignments(
    candidates: Candidates, conditions: Sequence[Condition]
) -> Iterator[dict[str, object] | None]:
    """Yield every assignment that satisfies the conditions, the last name changing fastest.

    A condition prunes as soon as its names are assigned. Each refusal on the way yields None, so that the
    caller can give up.

    >>> from fxcost.space.conditions import condition_of
    >>> even = condition_of("width % heads == 0", ["width", "heads"])
    >>> [found for found in assignments({"width": (4, 6), "heads": (3, 4)}, [even]) if found]
    [{'width': 4, 'heads': 4}, {'width': 6, 'heads': 3}]
    """
    names = list(candidates)
    due: list[list[Condition]] = [[] for _ in names]
    for condition in conditions:
        due[max(names.index(name) for name in condition.names)].append(condition)
    return _extended({}, names, candidates, due)


def _extended(
    partial: dict[str, object],
    names: Sequence[str],
    candidates: Candidates,
    due: list[list[Condition]],
) -> Iterator[dict[str, object] | None]:
    if len(partial) == len(names):
        yield partial
        return
    depth = len(partial)
    for value in candidates[names[depth]]:
        extended = {**partial, names[depth]: value}
        if all(condition.holds(extended) for condition in due[depth]):
            yield from _extended(extended, names, candidates, due)
        else:
            yield None


def groups(names: Sequence[str], conditions: Sequence[Condition]) -> list[tuple[str, ...]]:
    """Return the hyperparameters in sets that no condition links, each in the order of `names`.

    >>> from fxcost.space.conditions import condition_of
    >>> names = ["width", "depth", "heads"]
    >>> groups(names, [condition_of("width % heads == 0", names)])
    [('width', 'heads'), ('depth',)]
    """
    linked = {name: {name} for name in names}
    for condition in conditions:
        union = set().union(*(linked[name] for name in condition.names))
        linked.update(dict.fromkeys(union, union))
    distinct = dict.fromkeys(tuple(name for name in names if name in linked[each]) for each in names)
    return list(distinct)
