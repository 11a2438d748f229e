"""What an allocator's segments look like: every block of them, by address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fxcost.allocator.blocks import Block
from fxcost.allocator.caching import CachingAllocator
from fxcost.allocator.outcome import Piece, Segment


def final_segments(allocator: CachingAllocator, live: Iterable[Block | None]) -> tuple[Segment, ...]:
    """Return the segments, by address, from the blocks in use and those that are not."""
    in_use = [block for block in live if block is not None]
    states = {id(block): "active_allocated" for block in in_use}
    states |= {id(block): "active_awaiting_free" for block in allocator.awaiting}
    blocks = [*in_use, *allocator.awaiting]
    for pool in (allocator.small, allocator.large):
        blocks += pool
    heads = [block for block in blocks if block.before is None or not block.before.mapped]
    return tuple(
        Segment(
            pieces=tuple(_piece(block, states.get(id(block), "inactive")) for block in _row(head)),
            stream=head.shelf.stream,
            small=head.shelf.pool.small,
            expandable=head.span is not None,
        )
        for head in sorted(heads, key=lambda block: block.address)
    )


def _row(head: Block) -> Iterator[Block]:
    """Yield a block and those after it, as far as they are mapped."""
    block: Block | None = head
    while block is not None and block.mapped:
        yield block
        block = block.after


def _piece(block: Block, state: str) -> Piece:
    return Piece(block.address, block.size, 0 if state == "inactive" else block.requested, state)
