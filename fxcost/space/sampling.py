"""Random assignments that satisfy conditions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from fxcost.errors import EmptySpaceError
from fxcost.space.conditions import Condition
from fxcost.space.domains import AnyDomain, Float
from fxcost.space.search import assignments
from fxcost.space.spelling import assignments_text

_DRAWS = 1_000
_SEARCHED = 100_000
_FLOAT_DRAWS = 16


@dataclass(frozen=True, slots=True)
class _Rotated:
    """The values from `start` on, then those before it."""

    values: Sequence[object]
    start: int
    size: int

    def __iter__(self) -> Iterator[object]:
        return (self.values[(self.start + offset) % self.size] for offset in range(self.size))


def sample(
    domains: Mapping[str, AnyDomain], conditions: Sequence[Condition], rng: random.Random
) -> dict[str, object]:
    """Draw an assignment that satisfies the conditions.

    Draws evenly among the assignments (by each domain's scale) until one satisfies; where a thousand draws do
    not, takes the first that a systematic search from a random start finds.

    Raises:
        EmptySpaceError: There is none, or none was found before the search gave up; the message says which.

    >>> from fxcost.space.domains import Choice, Int
    >>> sample({"width": Int(64, 64), "bias": Choice(True)}, [], random.Random(0))
    {'width': 64, 'bias': True}
    """
    for _ in range(_DRAWS):
        values = {name: domain.sample(rng) for name, domain in domains.items()}
        if all(condition.holds(values) for condition in conditions):
            return values
    visited = 0
    candidates = {name: _from_a_random_start(domain, rng) for name, domain in domains.items()}
    for found in islice(assignments(candidates, conditions), _SEARCHED):
        if found is not None:
            return found
        visited += 1
    raise _nothing_found(domains, conditions, visited < _SEARCHED)


def _from_a_random_start(domain: AnyDomain, rng: random.Random) -> Iterable[object]:
    """Return a domain's values in rotated order, or some of a real interval's."""
    if isinstance(domain, Float) and not domain.finite:
        return (domain.low, domain.high, *(domain.sample(rng) for _ in range(_FLOAT_DRAWS)))
    values: Sequence[object] = domain.values
    return _Rotated(values, rng.randrange(int(domain.size)), int(domain.size))


def _nothing_found(
    domains: Mapping[str, AnyDomain], conditions: Sequence[Condition], exhausted: bool
) -> EmptySpaceError:
    wanted = " and ".join(f'"{condition}"' for condition in conditions)
    where = assignments_text(dict(domains))
    if exhausted and all(domain.finite for domain in domains.values()):
        return EmptySpaceError(
            f"no setting of {where} satisfies {wanted}; loosen a condition or widen a domain"
        )
    return EmptySpaceError(
        f"found no setting of {where} that satisfies {wanted} in {_DRAWS:,} draws and a search "
        "that gave up; narrow the domains to where one is"
    )
