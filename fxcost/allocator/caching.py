"""PyTorch's CUDA caching allocator: which block serves a request, and what becomes of a freed one.

After c10/cuda/CUDACachingAllocator.cpp of github.com/pytorch/pytorch, as of torch 2.14: `malloc`, `free`,
`get_free_block`, `alloc_block`, `should_split` and `release_cached_blocks`. Private pools (CUDA graphs,
`torch.cuda.MemPool`) and memory shared between processes are not modelled.
"""

from __future__ import annotations

from fxcost.allocator import growing, releasing, sizes
from fxcost.allocator.blocks import Block
from fxcost.allocator.device import UNLIMITED, Device
from fxcost.allocator.pools import Pool, Shelf
from fxcost.allocator.settings import Settings


class CachingAllocator:
    """The allocator's state on one device.

    Attributes:
        device: Where segments come from.
        allocated: Bytes of the blocks that are in use.
        flushes: How often all that was cached was given back for want of memory.
        awaiting: Freed blocks that another stream may still use.
        small: The pool of requests of at most 1 MiB.
        large: The pool of larger ones.
    """

    def __init__(self, device: Device, settings: Settings, address_space: int) -> None:
        self.device = device
        self.allocated = self.flushes = 0
        self.awaiting: list[Block] = []
        self.small, self.large = Pool(small=True), Pool(small=False)
        self._settings = settings
        self._tell = device.tell
        self._address_space = address_space
        self._expandable = settings.expandable_segments
        self._max_split = settings.max_split_size or UNLIMITED
        self._plans: dict[tuple[int, int], tuple[int, Shelf, int]] = {}

    def allocate(self, nbytes: int, stream: int) -> Block | None:
        """Return a block for a request of one byte or more, or None where memory ran out."""
        size, shelf, segment = self._plans.get((nbytes, stream)) or self._plan(nbytes, stream)
        block = self._cached(shelf, size) or self._fresh(shelf, size, segment)
        if block is None:
            return None
        rest = block.size - size
        if rest and self._splits(shelf.pool, size, rest):
            shelf.put(block.cut(size))
        block.free = False
        block.requested = nbytes
        self.allocated += block.size
        if self._tell is not None:
            self._tell("alloc", block.address, nbytes, stream)
        return block

    def free(self, block: Block, *, shared: bool = False) -> None:
        """Take back a block; where another stream may still use it, it stays until `complete` or a flush."""
        self.allocated -= block.size
        if self._tell is not None:
            self._tell("free_requested", block.address, block.requested, block.shelf.stream)
        if shared:
            self.awaiting.append(block)
        else:
            self._complete(block)

    def complete(self) -> None:
        """Take back for good what other streams were still using: the device has done all it was asked to."""
        awaiting, self.awaiting = self.awaiting, []
        for block in awaiting:
            self._complete(block)

    def flush(self) -> None:
        """Give back to the device every segment that is free."""
        self.complete()
        releasing.release_all(self.device, self.large)
        releasing.release_all(self.device, self.small)

    def _plan(self, nbytes: int, stream: int) -> tuple[int, Shelf, int]:
        """Return a request's rounded size, where its blocks lie, and the segment it would get."""
        size = sizes.rounded(nbytes, self._settings)
        pool = self.small if size <= sizes.SMALL else self.large
        plan = size, pool.shelf(stream), sizes.segment(size, self._settings)
        self._plans[nbytes, stream] = plan
        return plan

    def _cached(self, shelf: Shelf, size: int) -> Block | None:
        """Return the free block that fits best, taken off its shelf."""
        shelf.pool.searches += 1
        place = shelf.find(size)
        if place is None:
            return None
        if self._expandable:
            place = growing.best_place(shelf, place)
        block = shelf.at(place)
        if size < self._max_split <= block.size:
            return None
        if size >= self._max_split and block.size >= size + self._settings.max_non_split_rounding:
            return None
        shelf.take_at(place)
        return block

    def _fresh(self, shelf: Shelf, size: int, segment: int) -> Block | None:
        """Return a block of memory from the device, which is made room for by and by."""
        device, settings = self.device, self._settings
        if device.allowed is not None and settings.garbage_collection_threshold:
            releasing.collect_garbage(device, self.large, settings.garbage_collection_threshold)
        block = self._new(shelf, size, segment)
        if block is not None:
            return block
        if settings.max_split_size is not None and releasing.release_oversize(
            device, shelf, size, settings.max_split_size
        ):
            block = self._new(shelf, size, segment)
        if block is not None:
            return block
        self.flush()
        self.flushes += 1
        return self._new(shelf, size, segment)

    def _new(self, shelf: Shelf, size: int, segment: int) -> Block | None:
        """Return a block of memory that is not cached, or None where there is no more."""
        device = self.device
        if device.exceeds_allowance(segment):
            return None
        if self._expandable:
            page = sizes.page(shelf.pool.small, self._settings)
            return growing.grown(device, shelf, size, self._address_space, page)
        if not device.take(segment):
            return None
        block = Block(device.reserve_addresses(segment), segment, shelf)
        if self._tell is not None:
            self._tell("segment_alloc", block.address, segment, shelf.stream)
        return block

    def _splits(self, pool: Pool, size: int, rest: int) -> bool:
        """Tell whether what a request leaves of a block becomes a block of its own."""
        if pool.small or self._expandable:
            return rest >= sizes.BLOCK
        return size < self._max_split and rest > sizes.SMALL

    def _complete(self, block: Block) -> None:
        """Put a freed block to the free ones."""
        if self._tell is not None:
            self._tell("free_completed", block.address, block.requested, block.shelf.stream)
        block.free = True
        block.merge()
        block.shelf.put(block)
