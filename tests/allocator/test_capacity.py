"""The smallest capacity, against replays with every capacity."""

from __future__ import annotations

import random

import pytest

from fxcost.allocator import Events, Settings, capacity_needed, enough_ranges, replay
from fxcost.errors import DeclarationError
from tests.allocator.programs import TEXTS, drawn_rows, oracle_of, slowly

MIB = 2**20
STEP = 2 * MIB


@pytest.mark.parametrize("text", TEXTS[:6])
def test_ranges_are_what_the_slow_allocator_completes_with(text: str) -> None:
    settings, total = Settings.parse(text), 2**40
    for seed in range(3):
        rows = drawn_rows(random.Random(seed), 25)
        ranges = enough_ranges(Events.of(rows), settings, total=total)
        most = capacity_needed(Events.of(rows), settings, total=total).unlimited
        for capacity in range(STEP, most + 2 * STEP, STEP):
            _, failed = slowly(rows, oracle_of(settings, capacity, total))
            inside = any(low <= capacity and (high is None or capacity <= high) for low, high in ranges)
            assert inside == (failed is None), (seed, capacity)


@pytest.mark.parametrize("text", TEXTS[:6])
def test_a_little_less_than_the_needed_capacity_is_not_enough(text: str) -> None:
    settings = Settings.parse(text)
    for seed in range(30):
        events = Events.of(drawn_rows(random.Random(seed), 60))
        found = capacity_needed(events, settings)
        assert replay(events, settings, capacity=found.enough, total=2**40).completed
        assert not replay(events, settings, capacity=found.enough - found.step, total=2**40).completed
        assert found.enough <= found.unlimited


def test_what_is_cached_is_no_part_of_what_is_needed() -> None:
    rows = [("allocate", 1, 12 * MIB), ("free", 1), ("allocate", 2, 16 * MIB), ("free", 2)]
    found = capacity_needed(Events.of([*rows, ("allocate", 3, 20 * MIB)]))
    assert (found.enough, found.unlimited) == (20 * MIB, 48 * MIB)


def test_more_memory_may_be_too_little() -> None:
    programs = [Events.of(drawn_rows(random.Random(seed), 40)) for seed in range(150)]
    apart = [(events, ranges) for events in programs if len(ranges := enough_ranges(events)) > 1]
    assert apart
    for events, ranges in apart:
        gap = ranges[0][1]
        assert gap is not None
        assert replay(events, capacity=ranges[0][0], total=2**40).completed
        assert not replay(events, capacity=gap + 1, total=2**40).completed


def test_a_program_without_allocations_needs_nothing() -> None:
    assert capacity_needed(Events.of([])).enough == 0
    assert enough_ranges(Events.of([])) == ((0, None),)


def test_an_allowance_that_is_too_small_is_told() -> None:
    settings = Settings(per_process_memory_fraction=0.1)
    events = Events.of([("allocate", 1, 20 * MIB)])
    with pytest.raises(DeclarationError, match="no capacity is enough: out of memory at event 0"):
        capacity_needed(events, settings, total=100 * MIB)
    assert enough_ranges(events, settings, total=100 * MIB) == ()
