"""Replaying on the caching allocator, timed by pytest-benchmark.

    pytest bench/test_allocator_speed.py --numprocesses=0 --benchmark-enable

One group holds a replay and the same by the tests' slow allocator, so that their ratio comes from one run on
one machine; the other holds replays of 100,000 events, by settings.
"""

from __future__ import annotations

import random

import pytest

from bench.allocator import EVENTS, SETTINGS, drawn
from fxcost.allocator import Events, Settings, replay
from tests.allocator.programs import drawn_rows, oracle_of, slowly

ROWS = drawn_rows(random.Random(0), 1000)


def test_replay_of_a_thousand_events(benchmark):
    benchmark.group = "a thousand events"
    done = benchmark(replay, Events.of(ROWS))
    assert done.completed


def test_slow_allocator_on_a_thousand_events(benchmark):
    benchmark.group = "a thousand events"
    seen, failed = benchmark.pedantic(lambda: slowly(ROWS, oracle_of(Settings())), rounds=3)
    assert len(seen) == len(ROWS)
    assert failed is None


@pytest.mark.parametrize("text", SETTINGS)
def test_replay_of_a_hundred_thousand_events(benchmark, text):
    benchmark.group = "a hundred thousand events"
    events = drawn(random.Random(0), EVENTS, 1000)
    done = benchmark.pedantic(replay, (events, Settings.parse(text)), rounds=5, warmup_rounds=1)
    assert done.completed
