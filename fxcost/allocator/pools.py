"""The two pools of free blocks, small and large; in each, the blocks of a stream by size, then address."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from fxcost.allocator.blocks import Block

_ADDRESSES = 2**56
"""A key is size * _ADDRESSES + address: ints compare faster than pairs."""


class Shelf:
    """The free blocks of one stream in one pool.

    Attributes:
        pool: Which it is part of.
        stream: Whose blocks they are.
        unmapped: The parts of the stream's expandable segments without memory behind them, by address.
    """

    __slots__ = ("_blocks", "_keys", "pool", "stream", "unmapped")

    def __init__(self, pool: Pool, stream: int) -> None:
        self.pool = pool
        self.stream = stream
        self.unmapped: list[Block] = []
        self._keys: list[int] = []
        self._blocks: dict[int, Block] = {}

    def put(self, block: Block) -> None:
        """Add a free block."""
        if not block.mapped:
            insort(self.unmapped, block, key=lambda each: each.address)
            return
        block.born = self.pool.searches
        key = block.size * _ADDRESSES + block.address
        insort(self._keys, key)
        self._blocks[key] = block

    def take(self, block: Block) -> None:
        """Remove a free block."""
        if not block.mapped:
            self.unmapped.remove(block)
            return
        key = block.size * _ADDRESSES + block.address
        del self._keys[bisect_left(self._keys, key)]
        del self._blocks[key]

    def find(self, size: int) -> int | None:
        """Return the place of the first block that is not smaller, if there is one."""
        place = bisect_left(self._keys, size * _ADDRESSES)
        return place if place < len(self._keys) else None

    def at(self, place: int) -> Block:
        """Return the block at a place, by size and address."""
        return self._blocks[self._keys[place]]

    def take_at(self, place: int) -> None:
        """Remove the block at a place."""
        del self._blocks[self._keys.pop(place)]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Block]:
        """Iterate over what lies there now: what is put or taken meanwhile makes no difference."""
        return iter([self._blocks[key] for key in self._keys])


class Pool:
    """The free blocks of all streams.

    Attributes:
        small: Whether it serves requests of at most 1 MiB.
        searches: How often a block was looked for: what the age of a free block is counted in.
    """

    __slots__ = ("_shelves", "searches", "small")

    def __init__(self, *, small: bool) -> None:
        self.small = small
        self.searches = 0
        self._shelves: dict[int, Shelf] = {}

    def shelf(self, stream: int) -> Shelf:
        """Return the free blocks of a stream."""
        shelf = self._shelves.get(stream)
        if shelf is None:
            shelf = self._shelves[stream] = Shelf(self, stream)
        return shelf

    def __iter__(self) -> Iterator[Block]:
        """Yield the free blocks, by stream, size and address."""
        for stream in sorted(self._shelves):
            yield from self._shelves[stream]
