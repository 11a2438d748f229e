"""The bounds contain every replay: all small programs, and random ones."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxcost.allocator import Events, Settings, bounds, replay
from tests.allocator.programs import TEXTS, drawn_rows

MIB = 2**20
SIZES = (MIB, MIB + 512, 11 * MIB, 23 * MIB)


def hold(events: Events, choice: Settings) -> bool:
    """Tell whether a replay lies within the bounds."""
    known, done = bounds(events, choice), replay(events, choice, total=2**40)
    low, high = known.allocated
    least, most = known.reserved
    return low <= done.peak_allocated <= high and least <= done.peak_reserved <= most


def all_programs(length: int, rows: tuple = (), live: tuple = ()) -> Iterator[tuple]:
    """Yield every program of so many events, in which ids are given in order."""
    if len(rows) == length:
        yield rows
        return
    for size in SIZES:
        yield from all_programs(length, (*rows, ("allocate", len(rows), size)), (*live, len(rows)))
    for name in live:
        yield from all_programs(length, (*rows, ("free", name)), tuple(x for x in live if x != name))


@pytest.mark.parametrize("text", ["", "expandable_segments:True", "max_split_size_mb:22"])
def test_the_bounds_contain_the_replay_of_every_program_of_5_events(text: str) -> None:
    choice = Settings.parse(text)
    programs = [Events.of(rows) for rows in all_programs(5)]
    assert len(programs) == 4_544
    assert all(hold(events, choice) for events in programs)


@pytest.mark.parametrize("text", TEXTS)
def test_the_bounds_contain_the_replays_of_random_programs(text: str) -> None:
    choice = Settings.parse(text)
    for seed in range(150):
        draw = random.Random(seed)
        rows = drawn_rows(draw, draw.choice([8, 40, 120]), draw.choice([1, 2]), others=seed % 3 == 0)
        assert hold(Events.of(rows), choice), seed


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.integers(1, 70 * MIB), st.integers(0, 12), st.integers(0, 1)), max_size=40),
)
def test_the_bounds_contain_the_replay_of_whatever_is_asked_for(text: str, wishes: list[tuple]) -> None:
    rows: list[tuple] = []
    live: list[int] = []
    for at, (size, choice, stream) in enumerate(wishes):
        rows.append(("allocate", at, size, stream))
        live.append(at)
        if choice < len(live):
            rows.append(("free", live.pop(choice)))
    assert hold(Events.of(rows), Settings.parse(text))


def test_allocated_is_known_exactly_where_every_block_is_split_off() -> None:
    events = Events.of(drawn_rows(random.Random(1), 100))
    low, high = bounds(events, Settings.parse("expandable_segments:True")).allocated
    assert low == high


def test_bounds_of_one_request_are_its_segment() -> None:
    assert bounds(Events.of([("allocate", 1, 64 * MIB)])).reserved == (64 * MIB, 64 * MIB)
    assert bounds(Events.of([("allocate", 1, 1)])).reserved == (2 * MIB, 2 * MIB)
    assert bounds(Events.of([])).reserved == (0, 0)
