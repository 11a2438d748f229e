"""How the allocator rounds: the bytes of a block, and of the segment it is cut from.

The rules are those of `round_size`, `roundup_power2_next_division` and `get_allocation_size` in
c10/cuda/CUDACachingAllocator.cpp of github.com/pytorch/pytorch.
"""

from __future__ import annotations

from fxcost.allocator.settings import INTERVALS, MIB, Settings

BLOCK = 512
"""Every block is a multiple of so many bytes."""
SMALL = MIB
"""The largest block of the small pool."""
SMALL_SEGMENT = 2 * MIB
"""A segment of the small pool, and its page."""
BIG = 10 * MIB
"""From here on, a request gets a segment of its own size."""
GRANULE = 2 * MIB
"""What such segments are rounded up to."""


def round_up(number: int, step: int) -> int:
    """Return the smallest multiple that is not smaller.

    >>> round_up(513, 512)
    1024
    """
    return -(-number // step) * step


def rounded(nbytes: int, settings: Settings) -> int:
    """Return the bytes that a request takes of a block.

    >>> rounded(1, Settings()), rounded(1200, Settings())
    (512, 1536)
    >>> rounded(9 * MIB, Settings.parse("roundup_power2_divisions:4")) // MIB
    10
    """
    if nbytes < BLOCK:
        return BLOCK
    divisions = settings.roundup_power2_divisions[_interval(nbytes)]
    if divisions > 1 and nbytes > BLOCK * divisions:
        return round_up(nbytes, (1 << nbytes.bit_length() - 1) // divisions)
    return round_up(nbytes, BLOCK)


def segment(size: int, settings: Settings) -> int:
    """Return the bytes of the segment that is asked for when no cached block serves a rounded size.

    >>> [segment(size, Settings()) // MIB for size in (512, 2 * MIB, 11 * MIB)]
    [2, 20, 12]
    """
    if size <= SMALL:
        return SMALL_SEGMENT
    return settings.large_segment_size if size < BIG else round_up(size, GRANULE)


def page(small: bool, settings: Settings) -> int:
    """Return by how many bytes an expandable segment grows.

    >>> page(True, Settings()) // MIB
    2
    """
    return SMALL_SEGMENT if small else settings.large_segment_size


def _interval(nbytes: int) -> int:
    """Return which interval of `roundup_power2_divisions` a size lies in."""
    return min(max(nbytes.bit_length() - MIB.bit_length(), 0), INTERVALS - 1)
