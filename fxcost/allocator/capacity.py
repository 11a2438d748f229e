"""How little memory a program can do with: the question behind "does it fit?".

A replay decides more than its own capacity: with every capacity from its peak up to just below the smallest
that it was refused for, each request would have been answered as it was. So a search steps over whole ranges.

More memory is not always better. With more, the allocator keeps a segment that it would have given back, and
may lack memory in one piece later; some programs complete with a capacity and fail with a larger one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fxcost.allocator.device import UNLIMITED
from fxcost.allocator.events import Events
from fxcost.allocator.outcome import Replay
from fxcost.allocator.replay import replay
from fxcost.allocator.settings import Settings
from fxcost.allocator.sizes import GRANULE
from fxcost.errors import DeclarationError

_USUAL_TOTAL = 2**40


@dataclass(frozen=True)
class Capacity:
    """A capacity that is just enough.

    Attributes:
        enough: Bytes. The program completes with them, and fails with `step` bytes less.
        step: Every segment is a multiple of so many bytes: capacities between two multiples are alike.
        unlimited: Bytes reserved at most where there is no limit; enough, too, as is all above.
        replays: How many it took.
    """

    enough: int
    step: int
    unlimited: int
    replays: int


def capacity_needed(
    events: Events, settings: Settings | None = None, *, total: int | None = None
) -> Capacity:
    """Return a capacity with which a program completes, while it fails with a little less.

    Found by bisection: where more memory is not always better, there may be smaller ones that are enough as
    well, and larger ones that are not; `enough_ranges` finds them all.

    Args:
        events: The program's.
        settings: Default: PyTorch's.
        total: Bytes of the card, see `replay`.

    Raises:
        DeclarationError: No capacity is enough, as the settings allow the process less than it needs.

    >>> rows = [("allocate", 1, 12 * 2**20), ("free", 1), ("allocate", 2, 16 * 2**20)]
    >>> found = capacity_needed(Events.of(rows))
    >>> found.enough // 2**20, found.unlimited // 2**20
    (16, 28)
    """
    search = _Search(events, settings or Settings(), total)
    first = search.at(UNLIMITED)
    if first.out_of_memory is not None:
        raise DeclarationError(f"no capacity is enough: {first.out_of_memory}")
    unlimited = enough = first.peak_reserved
    too_little = -search.step
    while enough - too_little > search.step:
        middle = (enough + too_little) // 2 // search.step * search.step
        done = search.at(middle)
        if done.completed:
            enough = done.peak_reserved
        else:
            too_little = done.wanted - search.step
    return Capacity(enough, search.step, unlimited, search.replays)


def enough_ranges(
    events: Events, settings: Settings | None = None, *, total: int | None = None
) -> tuple[tuple[int, int | None], ...]:
    """Return all capacities with which a program completes: ranges from their first to their last.

    The last range has no end. It takes a replay for each capacity at which something changes: some hundred
    for a program of some thousand events.

    Args:
        events: The program's.
        settings: Default: PyTorch's.
        total: Bytes of the card, see `replay`.

    >>> rows = [("allocate", 1, 12 * 2**20), ("free", 1), ("allocate", 2, 16 * 2**20)]
    >>> enough_ranges(Events.of(rows))
    ((16777216, None),)
    """
    search = _Search(events, settings or Settings(), total)
    ranges: list[tuple[int, int | None]] = []
    at: int | None = 0
    while at is not None:
        done = search.at(at)
        following = done.wanted if done.wanted < UNLIMITED else None
        if done.completed:
            first = at
            if ranges and ranges[-1][1] == at - 1:
                first, _ = ranges.pop()
            ranges.append((first, following and following - 1))
        at = following
    return tuple(ranges)


class _Search:
    """Replays of one program with several capacities."""

    def __init__(self, events: Events, settings: Settings, total: int | None) -> None:
        self.step = math.gcd(GRANULE, settings.large_segment_size)
        self.replays = 0
        self._events, self._settings, self._total = events, settings, total or _USUAL_TOTAL

    def at(self, capacity: int) -> Replay:
        self.replays += 1
        return replay(self._events, self._settings, capacity=capacity, total=self._total)
