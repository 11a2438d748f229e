"""What a replay ends with: how much was in use and reserved, when, and what the segments look like."""

from __future__ import annotations

from dataclasses import dataclass, field

from fxcost import units
from fxcost.allocator.device import Action
from fxcost.allocator.events import Integers
from fxcost.allocator.settings import Settings


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of a segment.

    Attributes:
        address: Of its first byte.
        size: Bytes.
        requested: What was asked for; 0 where it is free.
        state: `active_allocated`, `active_awaiting_free` (another stream may still use it) or `inactive`.
    """

    address: int
    size: int
    requested: int
    state: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the device's memory, or of an expandable segment as far as pages are mapped in a row.

    Attributes:
        pieces: Its blocks, by address.
        stream: Which it was asked for on.
        small: Whether it is of the pool that serves requests of at most 1 MiB.
        expandable: Whether it is part of an expandable segment.
    """

    pieces: tuple[Piece, ...]
    stream: int
    small: bool
    expandable: bool

    @property
    def address(self) -> int:
        """Of its first byte."""
        return self.pieces[0].address

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(piece.size for piece in self.pieces)

    def in_state(self, *states: str) -> int:
        """Return the bytes of its blocks in some states."""
        return sum(piece.size for piece in self.pieces if piece.state in states)


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The request that could not be served.

    Attributes:
        event: Its index.
        requested: Bytes asked for.
        segment: Bytes of the segment that the device did not have.
        allocated: Bytes in use.
        reserved: Bytes reserved, after all that was cached and free was given back.
        limit: Bytes that there were.
    """

    event: int
    requested: int
    segment: int
    allocated: int
    reserved: int
    limit: int

    def __str__(self) -> str:
        asked, segment, allocated, reserved, limit = (
            units.format(number, units.Unit.BYTES)
            for number in (self.requested, self.segment, self.allocated, self.reserved, self.limit)
        )
        return (
            f"out of memory at event {self.event}: {asked} asked for, a segment of {segment}; "
            f"{limit} in all, {reserved} reserved, {allocated} in use"
        )


@dataclass(frozen=True)
class Replay:
    """A replay's outcome.

    Attributes:
        settings: The allocator's.
        capacity: Bytes there were for it; None for as many as it liked.
        allocated: Bytes of the blocks in use after each event.
        reserved: Bytes of the segments after each event.
        peak_allocated: The most bytes ever in use, within events too: `torch.cuda.max_memory_allocated`.
        peak_reserved: The most bytes ever reserved, within events too: `torch.cuda.max_memory_reserved`.
        requests: How many segments, or ranges of pages, the device handed out.
        refusals: How often it had no more.
        flushes: How often all that was cached was given back for want of memory: `num_alloc_retries`.
        wanted: The least capacity with which one of its refusals would have been none.
        segments: At the end, by address.
        actions: All that the allocator did, where that was asked for.
        out_of_memory: What could not be served; None where the program ran to its end.
    """

    settings: Settings
    capacity: int | None
    allocated: Integers = field(repr=False)
    reserved: Integers = field(repr=False)
    peak_allocated: int
    peak_reserved: int
    requests: int
    refusals: int
    flushes: int
    wanted: int
    segments: tuple[Segment, ...] = field(repr=False)
    actions: tuple[Action, ...] = field(repr=False)
    out_of_memory: OutOfMemory | None

    @property
    def completed(self) -> bool:
        """Whether the program ran to its end."""
        return self.out_of_memory is None

    @property
    def peak_event(self) -> int:
        """The first event after which as many bytes were reserved as after any."""
        return int(self.reserved.argmax()) if len(self.reserved) else 0

    @property
    def fragmentation(self) -> float:
        """The part of the peak reserved that the peak of what was in use does not explain."""
        return 1 - self.peak_allocated / self.peak_reserved if self.peak_reserved else 0.0
