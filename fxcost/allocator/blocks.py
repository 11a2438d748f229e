"""Blocks: pieces of segments, each knowing its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fxcost.allocator.pools import Shelf


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """The address space of an expandable segment.

    Attributes:
        start: Its first address.
        size: Bytes of it; pages are mapped where they are needed.
        page: Bytes of a page.
    """

    start: int
    size: int
    page: int


class Block:
    """A piece of a segment.

    Attributes:
        address: Of its first byte.
        size: Bytes.
        shelf: Where it lies when it is free; tells its pool and stream.
        span: The expandable segment that it is of, if any.
        before: The block before it in its segment.
        after: The block after it in its segment.
        free: Whether it may be used, or merged with its neighbours.
        mapped: Whether there is memory behind it.
        requested: What was asked for when it was allocated last.
        born: How many searches its pool had seen when it became free.
    """

    __slots__ = (
        "address",
        "after",
        "before",
        "born",
        "free",
        "mapped",
        "requested",
        "shelf",
        "size",
        "span",
    )

    def __init__(self, address: int, size: int, shelf: Shelf, span: Span | None = None) -> None:
        self.address = address
        self.size = size
        self.shelf = shelf
        self.span = span
        self.before: Block | None = None
        self.after: Block | None = None
        self.free = True
        self.mapped = True
        self.requested = 0
        self.born = 0

    @property
    def whole(self) -> bool:
        """Whether it is all of its segment."""
        return self.before is None and self.after is None

    def cut(self, size: int) -> Block:
        """Keep the first bytes, and return the rest as a block of its own."""
        rest = Block(self.address + size, self.size - size, self.shelf, self.span)
        rest.mapped = self.mapped
        rest.before = self
        after = rest.after = self.after
        if after is not None:
            after.before = rest
        self.after = rest
        self.size = size
        return rest

    def merge(self) -> None:
        """Become one with the free neighbours that are mapped as it is."""
        mapped = self.mapped
        before = self.before
        if before is not None and before.free and before.mapped == mapped:
            before.shelf.take(before)
            self.address = before.address
            self.size += before.size
            self.before = before.before
            if self.before is not None:
                self.before.after = self
        after = self.after
        if after is not None and after.free and after.mapped == mapped:
            after.shelf.take(after)
            self.size += after.size
            self.after = after.after
            if self.after is not None:
                self.after.before = self
