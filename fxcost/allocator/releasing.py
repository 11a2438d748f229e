"""Giving memory back to the device: when it runs out, before it runs out, and when the program asks to."""

from __future__ import annotations

from fxcost.allocator import growing
from fxcost.allocator.blocks import Block
from fxcost.allocator.device import Device
from fxcost.allocator.pools import Pool, Shelf


def release(device: Device, block: Block) -> None:
    """Give back a free segment."""
    block.shelf.take(block)
    device.give_back(block.size)
    if device.tell is not None:
        device.tell("segment_free", block.address, block.size, block.shelf.stream)


def release_all(device: Device, pool: Pool) -> None:
    """Give back every segment of a pool that is free, and every free page of expandable ones."""
    for block in list(pool):
        if block.span is not None:
            growing.unmap(device, block)
        elif block.whole:
            release(device, block)


def release_oversize(device: Device, shelf: Shelf, size: int, threshold: int) -> bool:
    """Give back unsplit blocks of at least the threshold's size; tell whether it is enough for a request.

    One block where one is large enough, the smallest such; else the largest ones, until it is enough.

    Args:
        device: Which takes them back.
        shelf: The free blocks of the request's stream and pool.
        size: The request's, rounded.
        threshold: `Settings.max_split_size`.
    """
    needed = max(size, threshold)
    place = shelf.find(needed)
    if place is not None and shelf.at(place).span is None:
        release(device, shelf.at(place))
        return True
    released = 0
    for block in reversed(list(shelf)[:place]):
        if released >= needed or block.size < threshold:
            break
        if block.span is None:
            released += block.size
            release(device, block)
    return released >= needed


def collect_garbage(device: Device, pool: Pool, threshold: float) -> None:
    """Give back free segments of the large pool that were not used for longer than the average.

    Again and again, until the device's memory in use is at most the threshold's part of what is allowed.
    """
    limit = int(threshold * (device.allowed or 0))
    excess = device.reserved - limit
    candidates = [block for block in pool if block.whole and block.span is None]
    while excess > 0 and candidates:
        average = sum(pool.searches - block.born for block in candidates) / len(candidates)
        old = {block for block in candidates if pool.searches - block.born >= average}
        for block in old:
            excess -= block.size
            release(device, block)
        candidates = [block for block in candidates if block not in old]
