"""A program's requests, replayed on the caching allocator."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from fxcost.allocator import sizes
from fxcost.allocator.blocks import Block
from fxcost.allocator.caching import CachingAllocator
from fxcost.allocator.device import UNLIMITED, Action, Device
from fxcost.allocator.events import Events
from fxcost.allocator.outcome import OutOfMemory, Replay
from fxcost.allocator.segments import final_segments
from fxcost.allocator.settings import Settings
from fxcost.errors import DeclarationError

_USUAL_TOTAL = 2**40


def replay(
    events: Events,
    settings: Settings | None = None,
    *,
    capacity: int | None = None,
    total: int | None = None,
    actions: bool = False,
    addresses: Iterable[int] = (),
) -> Replay:
    """Return what the caching allocator does with a program's requests, from a cold start.

    Where the device has no more memory, the allocator gives back what it caches, as PyTorch does, and asks
    again; what it cannot serve even then ends the replay.

    Args:
        events: The requests.
        settings: Default: PyTorch's.
        capacity: Bytes that the device has for the allocator; default: as many as it likes.
        total: Bytes of the card, which `per_process_memory_fraction` and the address space of expandable
            segments are parts of; default: the capacity.
        actions: Whether to keep all that the allocator does, for `snapshot`.
        addresses: Where a real driver put the first segments, in order; others are put in ascending order.

    Raises:
        DeclarationError: The events free what is not allocated, or allocate what is.

    >>> done = replay(Events.of([("allocate", 1, 1000), ("allocate", 2, 3 * 2**20), ("free", 1)]))
    >>> done.peak_allocated, done.peak_reserved // 2**20
    (3146752, 22)
    """
    player = _Player(settings or Settings(), capacity, total, addresses, actions=actions)
    return player.play(events)


class _Player:
    """One replay under way."""

    def __init__(
        self,
        settings: Settings,
        capacity: int | None,
        total: int | None,
        addresses: Iterable[int],
        *,
        actions: bool,
    ) -> None:
        memory = total or capacity
        self.settings, self.capacity = settings, capacity
        self.actions: list[Action] = []
        self.event = 0
        self.device = Device(
            UNLIMITED if capacity is None else capacity,
            _allowed(settings, memory),
            self.listen if actions else None,
            addresses,
        )
        space = memory or _USUAL_TOTAL
        self.allocator = CachingAllocator(self.device, settings, space + space // 8)
        self.live: dict[int, Block | None] = {}
        self.shared: set[int] = set()
        self.failure: OutOfMemory | None = None
        self.tried = 0

    def listen(self, name: str, address: int, size: int, stream: int) -> None:
        self.actions.append(Action(self.event, name, address, size, stream))

    def play(self, events: Events) -> Replay:
        allocator, device = self.allocator, self.device
        allocated, reserved = [], []
        do = [self.allocate, self.free, self.record_stream, self.synchronise, self.empty_cache, self.attempt]
        columns = (column.tolist() for column in (events.kinds, events.ids, events.sizes, events.streams))
        for at, (kind, key, nbytes, stream) in enumerate(zip(*columns, strict=True)):
            self.event = at
            do[kind](key, nbytes, stream)
            allocated.append(allocator.allocated)
            reserved.append(device.reserved)
            if self.failure is not None:
                break
        return Replay(
            settings=self.settings,
            capacity=self.capacity,
            allocated=np.array(allocated, np.int64),
            reserved=np.array(reserved, np.int64),
            peak_allocated=max([self.tried, *allocated]),
            peak_reserved=device.peak,
            requests=device.requests,
            refusals=device.refusals,
            flushes=allocator.flushes,
            wanted=device.wanted,
            segments=final_segments(allocator, self.live.values()),
            actions=tuple(self.actions),
            out_of_memory=self.failure,
        )

    def allocate(self, key: int, nbytes: int, stream: int) -> None:
        if key in self.live:
            raise DeclarationError(f"event {self.event}: {key} is allocated already")
        if not nbytes:
            self.live[key] = None
            return
        block = self.allocator.allocate(nbytes, stream)
        if block is None:
            self.fail(nbytes, stream)
            return
        self.live[key] = block

    def free(self, key: int, *_: int) -> None:
        block = self.taken(self.live.pop, key)
        if block is None:
            return
        self.allocator.free(block, shared=key in self.shared)
        self.shared.discard(key)

    def record_stream(self, key: int, _: int, stream: int) -> None:
        block = self.taken(self.live.__getitem__, key)
        if block is not None and block.shelf.stream != stream:
            self.shared.add(key)

    def synchronise(self, *_: int) -> None:
        self.allocator.complete()

    def empty_cache(self, *_: int) -> None:
        self.allocator.flush()

    def attempt(self, _: int, nbytes: int, stream: int) -> None:
        block = self.allocator.allocate(nbytes, stream) if nbytes else None
        if block is not None:
            self.tried = max(self.tried, self.allocator.allocated)
            self.allocator.free(block)

    def taken(self, look_up: Callable[[int], Block | None], key: int) -> Block | None:
        try:
            return look_up(key)
        except KeyError:
            raise DeclarationError(f"event {self.event}: {key} is not allocated") from None

    def fail(self, nbytes: int, stream: int) -> None:
        device = self.device
        size = sizes.rounded(nbytes, self.settings)
        limit = min(device.capacity, device.allowed or device.capacity)
        self.listen("oom", limit - device.reserved, nbytes, stream)
        self.failure = OutOfMemory(
            event=self.event,
            requested=nbytes,
            segment=sizes.segment(size, self.settings),
            allocated=self.allocator.allocated,
            reserved=device.reserved,
            limit=limit,
        )


def _allowed(settings: Settings, memory: int | None) -> int | None:
    """Return how many bytes the process may have, or None for no such limit."""
    if settings.per_process_memory_fraction == 1:
        return None
    if memory is None:
        raise DeclarationError("per_process_memory_fraction is a part of the card's memory: say `total`")
    return int(settings.per_process_memory_fraction * memory)
