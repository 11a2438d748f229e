"""The card's memory as the allocator sees it: segments and pages until there is no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from fxcost.allocator.sizes import SMALL_SEGMENT, round_up

UNLIMITED = 2**50
_FIRST_ADDRESS = 2**35


class Action(NamedTuple):
    """What the allocator did, in the words of PyTorch's memory snapshots.

    Attributes:
        event: Index of the program's event that caused it.
        name: alloc, free_requested, free_completed, segment_alloc, segment_free, segment_map,
            segment_unmap or oom.
        address: Where; of an oom, how many bytes were left.
        size: Bytes: what was asked for, or a segment's.
        stream: Of the block.
    """

    event: int
    name: str
    address: int
    size: int
    stream: int


Listener = Callable[[str, int, int, int], None]
"""Is told an action's name, address, size and stream."""


class Device:
    """Hands out memory, and counts it.

    Addresses are handed out in ascending order, and none twice: a replay is the same every time. A real
    driver chooses others; they decide which of several free blocks of one size is taken.

    Attributes:
        capacity: Bytes there are.
        allowed: Bytes that the process may have; None for no such limit.
        reserved: Bytes handed out.
        peak: The most ever handed out.
        requests: How many segments or ranges of pages were ever handed out.
        refusals: How often there was no more.
        tell: What is told of every action; None where nobody listens.
        wanted: The least capacity with which one of the refusals would have been none.
    """

    def __init__(
        self, capacity: int, allowed: int | None, tell: Listener | None, addresses: Iterable[int] = ()
    ) -> None:
        self.capacity = capacity
        self.allowed = allowed
        self.reserved = 0
        self.peak = 0
        self.requests = 0
        self.refusals = 0
        self.wanted = UNLIMITED
        self.tell = tell
        self._next = _FIRST_ADDRESS
        self._chosen = iter(addresses)

    def reserve_addresses(self, size: int, alignment: int = SMALL_SEGMENT) -> int:
        """Return the first of so many addresses, a multiple of the alignment, or the one that was chosen."""
        chosen = next(self._chosen, None)
        if chosen is not None:
            return chosen
        address = round_up(self._next, alignment)
        self._next = address + round_up(size, SMALL_SEGMENT)
        return address

    def exceeds_allowance(self, size: int) -> bool:
        """Tell whether so much more is more than the process may have."""
        refused = self.allowed is not None and self.reserved + size > self.allowed
        self.refusals += refused
        return refused

    def take(self, size: int) -> bool:
        """Hand out memory, or tell that there is not so much left."""
        total = self.reserved + size
        if total > self.capacity:
            self.refusals += 1
            self.wanted = min(self.wanted, total)
            return False
        self.requests += 1
        self.reserved = total
        self.peak = max(self.peak, total)
        return True

    def give_back(self, size: int) -> None:
        """Take memory back."""
        self.reserved -= size
