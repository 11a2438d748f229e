"""Random programs of the allocator's events, and the same for the slow oracle."""

from __future__ import annotations

import random

from fxcost.allocator import Settings
from tests.oracles.caching_allocator import MIB, Allocator, NoMemoryError

EDGES = (1, 511, 512, 513, 5000, MIB - 512, MIB, MIB + 1, 2 * MIB, 3 * MIB, 9 * MIB, 10 * MIB - 1, 10 * MIB)
LARGER = (10 * MIB + 1, 11 * MIB, 12 * MIB - 512, 19 * MIB, 20 * MIB, 21 * MIB, 33 * MIB + 7, 64 * MIB)
TEXTS = (
    "",
    "expandable_segments:True",
    "max_split_size_mb:21",
    "max_split_size_mb:32",
    "roundup_power2_divisions:4",
    "roundup_power2_divisions:[1:2,8:8,>:1]",
    "large_segment_size_mb:32",
    "expandable_segments:True,large_segment_size_mb:12",
    "garbage_collection_threshold:0.5,per_process_memory_fraction:0.9",
    "garbage_collection_threshold:0.1,per_process_memory_fraction:0.6,max_split_size_mb:24",
)


def drawn_rows(draw: random.Random, length: int, streams: int = 1, *, others: bool = False) -> list[tuple]:
    """Return a program, with or without events besides allocating and freeing."""
    rows: list[tuple] = []
    live: list[int] = []
    few = [draw.choice(EDGES + LARGER) for _ in range(4)]
    for at in range(length):
        chance = draw.random()
        if others and chance < 0.05:
            rows.append(draw.choice([("synchronise",), ("empty_cache",), ("attempt", draw.choice(few))]))
        elif others and live and chance < 0.15:
            rows.append(("record_stream", draw.choice(live), draw.randrange(streams)))
        elif live and chance < 0.5:
            rows.append(("free", live.pop(draw.randrange(len(live)))))
        else:
            size = draw.choice(few) if draw.random() < 0.5 else draw.choice(EDGES + LARGER)
            if draw.random() < 0.3:
                size = draw.randrange(1, 40 * MIB)
            rows.append(("allocate", at, size, draw.randrange(streams)))
            live.append(at)
    return rows


def oracle_of(settings: Settings, capacity: int | None = None, total: int | None = None) -> Allocator:
    """Return the slow allocator with the same settings."""
    infinite = float("inf")
    memory = total or capacity
    fraction = settings.per_process_memory_fraction
    return Allocator(
        expandable=settings.expandable_segments,
        max_split=settings.max_split_size or infinite,
        rounding=settings.max_non_split_rounding,
        large_segment=settings.large_segment_size,
        divisions=settings.roundup_power2_divisions,
        gc_threshold=settings.garbage_collection_threshold,
        allowed=int(fraction * memory) if fraction < 1 else infinite,
        capacity=capacity or infinite,
        space=(memory or 2**40) + (memory or 2**40) // 8,
    )


def attempt(oracle: Allocator, nbytes: int) -> None:
    """Take memory and give it back, if there is any."""
    try:
        oracle.allocate("attempt", nbytes, 0)
    except NoMemoryError:
        return
    oracle.free("attempt")


def slowly(rows: list[tuple], oracle: Allocator) -> tuple[list[tuple[int, int]], int | None]:
    """Return what is allocated and reserved after each event, and the event at which memory ran out."""
    streams, shared, seen = {}, set(), []
    for at, (name, *numbers) in enumerate(rows):
        try:
            if name == "allocate":
                owner, nbytes, stream = numbers
                streams[owner] = stream
                oracle.allocate(owner, nbytes, stream)
            elif name == "free":
                oracle.free(numbers[0], waits=numbers[0] in shared)
            elif name == "record_stream":
                if streams[numbers[0]] != numbers[1]:
                    shared.add(numbers[0])
            elif name == "synchronise":
                oracle.synchronise()
            elif name == "attempt":
                attempt(oracle, numbers[0])
            else:
                oracle.flush()
        except NoMemoryError:
            return [*seen, (oracle.allocated, oracle.reserved)], at
        seen.append((oracle.allocated, oracle.reserved))
    return seen, None
