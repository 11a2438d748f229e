"""The replay against the rules: by hand, and against a slow oracle that shares no code with it."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from fxcost.allocator import Events, Settings, replay
from fxcost.errors import DeclarationError
from tests.allocator.programs import TEXTS, drawn_rows, oracle_of, slowly

MIB = 2**20


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("limited", [False, True], ids=["unlimited", "limited"])
def test_the_replay_does_what_the_slow_allocator_does(text: str, limited: bool) -> None:
    settings, total = Settings.parse(text), 256 * MIB
    for seed in range(60):
        draw = random.Random(seed)
        rows = drawn_rows(draw, 60, streams=draw.choice([1, 3]), others=seed % 2 == 1)
        capacity = draw.randrange(20, 200) * MIB if limited else None
        done = replay(Events.of(rows), settings, capacity=capacity, total=total)
        oracle = oracle_of(settings, capacity, total)
        seen, failed = slowly(rows, oracle)
        assert list(zip(done.allocated.tolist(), done.reserved.tolist(), strict=True)) == seen, seed
        assert (done.peak_reserved, done.requests) == (oracle.peak, oracle.made), seed
        assert (done.out_of_memory.event if done.out_of_memory else None) == failed, seed


def reserved_after(*rows: tuple, text: str = "", **limits: int) -> list[int]:
    """Return the MiB reserved after each event."""
    done = replay(Events.of(rows), Settings.parse(text), **limits)
    return [each // MIB for each in done.reserved.tolist()]


def test_small_requests_share_a_segment_of_2_mib() -> None:
    four = [("allocate", name, MIB // 2) for name in range(5)]
    assert reserved_after(*four) == [2, 2, 2, 2, 4]


def test_requests_of_1_to_10_mib_share_a_segment_of_20_mib() -> None:
    assert reserved_after(*[("allocate", name, 9 * MIB) for name in range(3)]) == [20, 20, 40]


def test_a_request_of_10_mib_or_more_gets_its_own_segment_in_multiples_of_2_mib() -> None:
    assert reserved_after(("allocate", 1, 10 * MIB), ("allocate", 2, 15 * MIB)) == [10, 26]


def test_up_to_1_mib_of_a_large_block_is_left_with_the_request() -> None:
    assert replay(Events.of([("allocate", 1, 19 * MIB)])).peak_allocated == 20 * MIB
    assert replay(Events.of([("allocate", 1, 19 * MIB - 512)])).peak_allocated == 19 * MIB - 512


def test_an_attempt_is_served_where_there_is_memory_and_does_not_fail_where_there_is_none() -> None:
    rows = [("allocate", 1, 12 * MIB), ("attempt", 30 * MIB), ("allocate", 2, 20 * MIB)]
    assert reserved_after(*rows) == [12, 42, 42]
    assert reserved_after(*rows, capacity=40 * MIB) == [12, 12, 32]
    done = replay(Events.of(rows), capacity=40 * MIB)
    assert (done.out_of_memory, done.flushes) == (None, 1)


def test_an_attempt_that_is_served_is_an_allocation_that_is_freed() -> None:
    rows = [("allocate", 1, 12 * MIB), ("attempt", 30 * MIB), ("free", 1)]
    pair = [("allocate", 1, 12 * MIB), ("allocate", 2, 30 * MIB), ("free", 2), ("free", 1)]
    served = Events.of(rows).served()
    assert [column.tolist() for column in (served.kinds, served.ids, served.sizes)] == [
        column.tolist() for column in (Events.of(pair).kinds, Events.of(pair).ids, Events.of(pair).sizes)
    ]
    assert replay(Events.of(rows)).peak_allocated == replay(served).peak_allocated == 42 * MIB


def test_a_freed_block_joins_its_neighbours() -> None:
    rows = [("allocate", 1, 6 * MIB), ("allocate", 2, 6 * MIB), ("allocate", 3, 6 * MIB)]
    rows += [("free", 1), ("free", 2), ("allocate", 4, 9 * MIB)]
    assert reserved_after(*rows) == [20] * 6
    apart = [*rows[:3], ("free", 1), ("free", 3), ("allocate", 4, 9 * MIB)]
    assert reserved_after(*apart)[-1] == 40


def test_the_smallest_block_that_fits_is_taken() -> None:
    rows = [("allocate", 1, 30 * MIB), ("allocate", 2, 12 * MIB), ("free", 1), ("free", 2)]
    rows += [("allocate", 3, 11 * MIB), ("allocate", 4, 30 * MIB)]
    assert reserved_after(*rows) == [30, 42, 42, 42, 42, 42]


def test_a_block_serves_its_own_stream_only() -> None:
    rows = [("allocate", 1, 4 * MIB), ("free", 1)]
    assert reserved_after(*rows, ("allocate", 2, 4 * MIB, 0))[-1] == 20
    assert reserved_after(*rows, ("allocate", 2, 4 * MIB, 7))[-1] == 40


def test_what_another_stream_uses_is_free_after_it_was_waited_for() -> None:
    rows = [("allocate", 1, 12 * MIB), ("record_stream", 1, 7), ("free", 1)]
    again = ("allocate", 2, 12 * MIB)
    assert reserved_after(*rows, again)[-1] == 24
    assert reserved_after(*rows, ("synchronise",), again)[-1] == 12
    assert replay(Events.of(rows)).segments[0].in_state("active_awaiting_free") == 12 * MIB


def test_expandable_segments_grow_by_pages() -> None:
    rows = [("allocate", 1, 30 * MIB), ("free", 1), ("allocate", 2, 41 * MIB), ("allocate", 3, 512)]
    assert reserved_after(*rows) == [30, 30, 72, 74]
    assert reserved_after(*rows, text="expandable_segments:True") == [40, 40, 60, 62]


def test_an_oversize_block_is_not_split() -> None:
    rows = [("allocate", 1, 64 * MIB), ("free", 1), ("allocate", 2, 12 * MIB)]
    assert reserved_after(*rows)[-1] == 64
    assert reserved_after(*rows, text="max_split_size_mb:32")[-1] == 76
    assert reserved_after(*rows[:2], ("allocate", 2, 50 * MIB), text="max_split_size_mb:32")[-1] == 64
    assert reserved_after(*rows[:2], ("allocate", 2, 44 * MIB), text="max_split_size_mb:32")[-1] == 108


def test_memory_that_is_cached_is_given_back_before_a_request_fails() -> None:
    rows = [("allocate", 1, 12 * MIB), ("free", 1), ("allocate", 2, 16 * MIB)]
    assert reserved_after(*rows, capacity=28 * MIB)[-1] == 28
    assert reserved_after(*rows, capacity=26 * MIB)[-1] == 16


def test_a_segment_that_is_used_in_part_cannot_be_given_back() -> None:
    rows = [("allocate", 1, 12 * MIB), ("free", 1), ("allocate", 2, 5 * MIB), ("allocate", 3, 16 * MIB)]
    failed = replay(Events.of(rows), capacity=26 * MIB).out_of_memory
    assert failed is not None
    assert (failed.event, failed.requested, failed.reserved) == (3, 16 * MIB, 12 * MIB)
    assert str(failed) == (
        "out of memory at event 3: 16.00 MiB asked for, a segment of 16.00 MiB; "
        "26.00 MiB in all, 12.00 MiB reserved, 5.00 MiB in use"
    )


def test_pages_of_an_expandable_segment_can_be_given_back_where_they_are_free() -> None:
    rows = [("allocate", 1, 40 * MIB), ("free", 1), ("allocate", 2, 5 * MIB), ("allocate", 3, 512)]
    done = reserved_after(*rows, ("empty_cache",), text="expandable_segments:True")
    assert done == [40, 40, 40, 42, 22]


def test_unused_segments_are_collected_before_the_allowed_memory_is_full() -> None:
    text = "garbage_collection_threshold:0.5,per_process_memory_fraction:0.99"
    rows = [("allocate", 1, 60 * MIB), ("free", 1), ("allocate", 2, 70 * MIB)]
    assert reserved_after(*rows, total=1000 * MIB)[-1] == 130
    assert reserved_after(*rows, text=text, total=1000 * MIB)[-1] == 130
    assert reserved_after(*rows, text=text, total=110 * MIB)[-1] == 70


def test_what_has_no_bytes_gets_no_memory() -> None:
    assert reserved_after(("allocate", 1, 0), ("free", 1)) == [0, 0]


def test_blocks_never_overlap_and_everything_is_accounted_for() -> None:
    for seed in range(80):
        draw = random.Random(seed)
        settings = Settings.parse(draw.choice(TEXTS))
        events = Events.of(drawn_rows(draw, 150, streams=2, others=True))
        done = replay(events, settings, capacity=300 * MIB, total=400 * MIB)
        pieces = [piece for segment in done.segments for piece in segment.pieces]
        assert all(a.address + a.size <= b.address for a, b in pairwise(pieces))
        assert all(piece.size >= piece.requested for piece in pieces)
        assert done.reserved[-1] == sum(segment.size for segment in done.segments)
        assert done.allocated[-1] == sum(segment.in_state("active_allocated") for segment in done.segments)
        assert (done.allocated <= done.reserved).all()
        assert done.peak_reserved <= 300 * MIB
        for segment in done.segments:
            states = [piece.state for piece in segment.pieces]
            assert all(states[at : at + 2] != ["inactive"] * 2 for at in range(len(states)))


def test_a_replay_is_the_same_every_time() -> None:
    events = Events.of(drawn_rows(random.Random(3), 200))
    first, second = (replay(events, actions=True) for _ in range(2))
    assert first.actions == second.actions
    assert first.segments == second.segments


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("free", 5)], "event 0: 5 is not allocated"),
        ([("allocate", 1, 5), ("allocate", 1, 5)], "event 1: 1 is allocated already"),
        ([("allocate", 1, -5)], "event 0: -5 bytes; write 0 or more"),
        ([("allocate", 1)], "event 0: ('allocate', 1): write 'allocate' and 2 whole numbers"),
        ([("alocate", 1, 2)], "event 0: 'alocate' is none of allocate, free, record_stream, ..."),
    ],
)
def test_wrong_events_are_refused(rows: list[tuple], message: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        replay(Events.of(rows))
    assert str(raised.value).startswith(message.removesuffix("..."))


def test_arrays_that_are_no_events_are_refused() -> None:
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    with pytest.raises(DeclarationError, match="arrays of one length"):
        Events(one, two, one)
    with pytest.raises(DeclarationError, match="event 0: kind 7; write a value of Kind"):
        Events(one + 7, one, one)


def test_lifetimes_are_put_in_order() -> None:
    events = Events.lifetimes([0, 1, 4], [3, -1, 5], [10, 20, 30])
    assert events.kinds.tolist() == [0, 0, 1, 0, 1]
    assert events.ids.tolist() == [0, 1, 0, 2, 2]
    assert events.sizes.tolist() == [10, 20, 0, 30, 0]


def test_a_replay_says_when_most_is_reserved_and_how_much_of_it_is_not_in_use() -> None:
    done = replay(Events.of([("allocate", 1, 512), ("allocate", 2, 15 * MIB), ("free", 2)]))
    assert (done.peak_event, done.peak_reserved) == (1, 18 * MIB)
    assert done.fragmentation == 1 - (16 * MIB + 512) / (18 * MIB)
    assert replay(Events.of([])).fragmentation == 0


def test_a_fraction_of_unknown_memory_is_refused() -> None:
    with pytest.raises(DeclarationError, match="say `total`"):
        replay(Events.of([]), Settings(per_process_memory_fraction=0.5))
