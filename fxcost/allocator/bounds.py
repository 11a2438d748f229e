"""What a program allocates and reserves at least and at most, without replaying it.

The bounds hold wherever the allocator puts its blocks: whatever addresses the driver hands out, and however
much of what is freed across streams is still waited for.

Allocated. A request takes a block of at least its rounded size r. Of a larger block it keeps what is not
split off: nothing in the small pool and in expandable segments; at most 1 MiB of others; of blocks that
`max_split_size` keeps whole, less than `max_non_split_rounding` (or 2 MiB, which segments are rounded to).

Reserved, at least. Blocks in use lie in segments of their pool and stream, all multiples of a granule.

Reserved, at most. Take the segments of one pool, stream and size g, and the moment at which one of them was
asked for last, for a request of r <= g bytes. No free block of r bytes or more was cached then, so each of
the n segments of that size that existed already held a block in use: n is at most L, the number of blocks
in use of at most g bytes. Moreover, what is not in use of those segments lies in gaps of less than r bytes:
one behind each block at most, and one more in each segment. With A bytes in use, n * g <= A + (L + n) * (r
- 512), which is n <= (A + L * (r - 512)) / (g - r + 512). And there are no more segments than requests that
would ask for one. The sum over all sizes, pools and streams is the bound. What is flushed or collected only
makes it less. With `max_split_size`, a cached block that is large enough is passed over if it has that size
or more and r is less; where g is no less than that, only the number of requests counts.

Reserved, at most, by expandable segments. Pages are mapped where no free block of r bytes was cached. As
much is reserved then as is in use (A), lies in gaps of less than r bytes (L + 1 at most; 2 * L + 2 where
pages were given back before, which leaves two gaps of one), and is asked for, rounded up to a page. Nor can
more be mapped than all requests ask for together, each rounded up to pages.

An attempt counts as served at most, and not at all at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fxcost.allocator import sizes
from fxcost.allocator.events import Events, Integers, Kind
from fxcost.allocator.settings import Settings


@dataclass(frozen=True)
class Bounds:
    """Bytes at least and at most; the peaks of every replay lie between them.

    Attributes:
        allocated: Of the peak in use.
        reserved: Of the peak reserved, where memory does not run out; with a capacity, it is the upper bound.
    """

    allocated: tuple[int, int]
    reserved: tuple[int, int]


def bounds(events: Events, settings: Settings | None = None) -> Bounds:
    """Return what a program allocates and reserves at least and at most.

    Args:
        events: The program's; expandable segments are supposed to have enough addresses.
        settings: Default: PyTorch's.

    >>> bounds(Events.of([("allocate", 1, 1000), ("allocate", 2, 3 * 2**20), ("free", 1)]))
    Bounds(allocated=(3146752, 4195328), reserved=(6291456, 23068672))
    """
    settings, served = settings or Settings(), events.served()
    most = _bounds(served, settings)
    if served is events:
        return most
    least = _bounds(events.without_attempts(), settings)
    return Bounds((least.allocated[0], most.allocated[1]), (least.reserved[0], most.reserved[1]))


def _bounds(events: Events, settings: Settings) -> Bounds:
    """Return the bounds of a program without attempts."""
    live = _Live.of(events, settings)
    low = np.zeros(len(events) + 1, np.int64)
    high, least, most = low.copy(), low.copy(), 0
    for group in live.groups():
        low += group.in_use(group.rounded)
        high += group.in_use(group.rounded + _kept(group, settings))
        least += -(-group.in_use(group.rounded) // group.granule) * group.granule
        most += _grown(group, settings) if settings.expandable_segments else _segments(group, settings)
    reserved = int(least.max()), most
    return Bounds((int(low.max()), min(int(high.max()), most)), reserved)


@dataclass(frozen=True)
class _Live:
    """Every allocation of a program: when it begins and ends, and what it asks for.

    Attributes:
        rounded: Bytes.
        streams: Which stream asks.
        births: The event.
        deaths: The event; the number of events where it lives to the end.
        holds: The same, until it can be used again for sure.
        length: How many events there are.
        settings: Of the allocator.
        flushes: Whether what is cached is given back in between.
    """

    rounded: Integers
    streams: Integers
    births: Integers
    deaths: Integers
    holds: Integers
    length: int
    settings: Settings
    flushes: bool

    @classmethod
    def of(cls, events: Events, settings: Settings) -> _Live:
        births = np.flatnonzero((events.kinds == Kind.ALLOCATE) & (events.sizes > 0))
        deaths, shared = _ends(events)
        asked = events.sizes[births]
        unique, where = np.unique(asked, return_inverse=True)
        rounded = np.array([sizes.rounded(int(size), settings) for size in unique], np.int64)[where]
        ended = deaths[births]
        return cls(
            rounded=rounded,
            streams=events.streams[births],
            births=births,
            deaths=ended,
            holds=np.where(shared[births], len(events), ended),
            length=len(events),
            settings=settings,
            flushes=bool((events.kinds == Kind.EMPTY_CACHE).any()),
        )

    def groups(self) -> Iterator[_Group]:
        """Yield the allocations of each pool and stream."""
        small = self.rounded <= sizes.SMALL
        for stream in np.unique(self.streams):
            for pool in (True, False):
                chosen = (self.streams == stream) & (small == pool)
                if chosen.any():
                    yield _Group(self, np.flatnonzero(chosen), pool)


def _ends(events: Events) -> tuple[Integers, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return by allocating event when it ends, and whether another stream uses it."""
    ends = np.full(len(events), len(events), np.int64)
    shared = np.zeros(len(events), bool)
    born: dict[int, int] = {}
    for at, (kind, key) in enumerate(zip(events.kinds.tolist(), events.ids.tolist(), strict=True)):
        if kind == Kind.ALLOCATE:
            born[key] = at
        elif kind == Kind.FREE:
            ends[born[key]] = at
        elif kind == Kind.RECORD_STREAM:
            shared[born[key]] = True
    return ends, shared


class _Group:
    """The allocations of one pool and stream."""

    def __init__(self, live: _Live, chosen: Integers, small: bool) -> None:
        self.small = small
        self.rounded = live.rounded[chosen]
        self.granule = (
            sizes.page(small, live.settings) if live.settings.expandable_segments else sizes.GRANULE
        )
        self.flushes = live.flushes
        self._births, self._deaths, self._holds = (
            each[chosen] for each in (live.births, live.deaths, live.holds)
        )
        self._length = live.length

    def in_use(self, amounts: Integers) -> Integers:
        """Return the sum of what is in use after each event, before the first one at the end."""
        return _running(amounts, self._births, self._deaths, self._length)

    def held_before(self, amounts: Integers) -> Integers:
        """Return, for each allocation, the sum of what may not be used again when it is asked for."""
        return _running(amounts, self._births, self._holds, self._length)[self._births - 1]


def _running(amounts: Integers, births: Integers, deaths: Integers, length: int) -> Integers:
    """Return the sum of what has begun and not ended after each event; the last entry is before the first."""
    changes = np.zeros(length + 1, np.int64)
    np.add.at(changes, births, amounts)
    np.subtract.at(changes, deaths, amounts)
    changes[length] = 0
    running = np.cumsum(changes)
    running[length] = 0
    return running


def _kept(group: _Group, settings: Settings) -> Integers:
    """Return how many bytes more than its rounded size each allocation may take."""
    if group.small or settings.expandable_segments:
        return np.zeros_like(group.rounded)
    if settings.max_split_size is None:
        return np.full_like(group.rounded, sizes.SMALL)
    whole = max(settings.max_non_split_rounding, sizes.GRANULE) - sizes.BLOCK
    return np.where(group.rounded < settings.max_split_size, sizes.SMALL, whole)


def _segments(group: _Group, settings: Settings) -> int:
    """Return the bytes of the segments of a pool and stream, at most."""
    unique, where = np.unique(group.rounded, return_inverse=True)
    of = np.array([sizes.segment(int(size), settings) for size in unique], np.int64)[where]
    taken = group.rounded + _kept(group, settings)
    total = 0
    for size in np.unique(of).tolist():
        asking = of == size
        reach = group.rounded <= size
        blocks = group.held_before(reach.astype(np.int64))[asking]
        used = group.held_before(np.where(reach, taken, 0))[asking]
        gap = group.rounded[asking] - sizes.BLOCK
        existing = np.minimum(blocks, (used + blocks * gap) // (size - gap))
        if settings.max_split_size is not None and size >= settings.max_split_size:
            passed_over = group.rounded[asking] < settings.max_split_size
            existing = np.where(passed_over, asking.sum() - 1, existing)
        total += size * int(min(asking.sum(), 1 + existing.max()))
    return total


def _grown(group: _Group, settings: Settings) -> int:
    """Return the bytes of the pages of a pool and stream, at most."""
    page = group.granule
    alone = int((-(-group.rounded // page) * page).sum())
    if settings.max_split_size is not None:
        return alone
    blocks = group.held_before(np.ones_like(group.rounded))
    gaps = (2 * blocks + 2) if group.flushes else blocks + 1
    used = group.held_before(group.rounded)
    together = used + gaps * (group.rounded - sizes.BLOCK) + group.rounded + page - sizes.BLOCK
    return min(alone, int(together.max()) // page * page)
