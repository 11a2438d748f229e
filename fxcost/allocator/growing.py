"""Expandable segments: one range of addresses a pool and stream, with pages mapped where they are needed."""

from __future__ import annotations

from fxcost.allocator.blocks import Block, Span
from fxcost.allocator.device import Device
from fxcost.allocator.pools import Shelf
from fxcost.allocator.sizes import round_up


def best_place(shelf: Shelf, place: int) -> int:
    """Return which of the free blocks that are large enough serves best.

    A block counts for what it can grow to: a larger block between others goes before the last one.
    """
    while place + 1 < len(shelf) and _expandable(shelf.at(place + 1)) < _expandable(shelf.at(place)):
        place += 1
    return place


def grown(device: Device, shelf: Shelf, size: int, span_size: int, page: int) -> Block | None:
    """Return a block of at least so many bytes that pages were mapped for, or None where memory ran out.

    What was mapped before it ran out stays with the free blocks.
    """
    block = _candidate(shelf, size) or _new_span(device, shelf, span_size, page)
    if not block.mapped and not _map(device, block, min(block.size, size)):
        return None
    while block.size < size:
        following = block.after
        if following is None:
            raise RuntimeError("an expandable segment ends before the block that it has room for")
        if not _map(device, following, min(size - block.size, following.size)):
            return None
        block = following
    shelf.take(block)
    return block


def unmap(device: Device, block: Block) -> None:
    """Give back the pages that lie wholly in a free block; forget a segment that has no page left."""
    span, shelf = block.span, block.shelf
    if span is None:
        raise RuntimeError("only blocks of expandable segments are unmapped")
    begin = round_up(block.address - span.start, span.page) + span.start
    end = (block.address + block.size - span.start) // span.page * span.page + span.start
    if begin >= end:
        return
    shelf.take(block)
    if begin > block.address:
        rest = block.cut(begin - block.address)
        shelf.put(block)
        block = rest
    if block.address + block.size > end:
        shelf.put(block.cut(end - begin))
    block.mapped = False
    device.give_back(end - begin)
    if device.tell is not None:
        device.tell("segment_unmap", begin, end - begin, shelf.stream)
    block.merge()
    if not block.whole:
        shelf.put(block)


def _expandable(block: Block) -> int:
    """Return the bytes that a free block can grow to."""
    after = block.after
    return block.size + (after.size if after is not None and not after.mapped else 0)


def _candidate(shelf: Shelf, size: int) -> Block | None:
    """Return the first of free and unmapped blocks in a row that have room together, lowest address first."""
    for block in shelf.unmapped:
        first = block.before if block.before is not None and block.before.free else block
        room = 0
        each: Block | None = first
        while room < size and each is not None and each.free:
            room += each.size
            each = each.after
        if room >= size:
            return first
    return None


def _new_span(device: Device, shelf: Shelf, size: int, page: int) -> Block:
    """Return the unmapped block of a new expandable segment."""
    span = Span(device.reserve_addresses(round_up(size, page), page), round_up(size, page), page)
    block = Block(span.start, span.size, shelf, span)
    block.mapped = False
    shelf.put(block)
    return block


def _map(device: Device, block: Block, size: int) -> bool:
    """Map pages from the start of an unmapped block on, and merge it with the free blocks around it."""
    span, shelf = block.span, block.shelf
    if span is None:
        raise RuntimeError("only blocks of expandable segments are mapped")
    mapped = round_up(size, span.page)
    if not device.take(mapped):
        return False
    shelf.take(block)
    if mapped < block.size:
        shelf.put(block.cut(mapped))
    block.mapped = True
    if device.tell is not None:
        device.tell("segment_map", block.address, mapped, shelf.stream)
    block.merge()
    shelf.put(block)
    return True
