"""The replay against PyTorch's own compiled allocator, which runs here over a pretend CUDA."""

from __future__ import annotations

import random

import pytest

from fxcost.allocator import Events, Settings, replay
from tests.allocator.programs import TEXTS, drawn_rows
from tests.oracles import pretend, real_allocator

MIB = 2**20
PROGRAMS = 60
MORE = ["expandable_segments:True,max_split_size_mb:32", "max_split_size_mb:32,max_non_split_rounding_mb:64"]
WITHOUT_FRACTION = [text for text in TEXTS if "fraction" not in text] + MORE
WITH_FRACTION = [
    ("garbage_collection_threshold:0.5", 0.9),
    ("garbage_collection_threshold:0.1,max_split_size_mb:24", 0.6),
    ("expandable_segments:True,garbage_collection_threshold:0.5", 0.8),
]

pytestmark = pytest.mark.skipif(bool(pretend.missing()), reason=pretend.missing())


def drawn(text: str, fraction: float) -> list[dict]:
    """Return random programs, two thirds of which have little memory."""
    programs = []
    for seed in range(PROGRAMS):
        draw = random.Random(seed)
        rows = drawn_rows(draw, draw.choice([10, 60, 200]), draw.choice([1, 3]), others=seed % 2 == 1)
        capacity = draw.randrange(20, 200) * MIB if seed % 3 else None
        programs.append({"settings": text, "fraction": fraction, "capacity": capacity, "rows": rows})
    return programs


def check(programs: list[dict], total: int) -> None:
    for number, (program, real) in enumerate(
        zip(programs, real_allocator.outcomes(programs, total), strict=True)
    ):
        text = program["settings"]
        if program["fraction"] < 1:
            text += f",per_process_memory_fraction:{program['fraction']}"
        events = Events.of(program["rows"])
        done = replay(events, Settings.parse(text), capacity=program["capacity"], total=total)
        seen = [list(pair) for pair in zip(done.allocated.tolist(), done.reserved.tolist(), strict=True)]
        assert seen == real["seen"], (text, number)
        peak = done.peak_reserved, done.flushes
        assert peak == (real["peak_reserved"], real["flushes"]), (text, number)
        assert (done.out_of_memory.event if done.out_of_memory else None) == real["failed"], (text, number)


def test_every_byte_is_as_in_pytorchs_allocator() -> None:
    check([program for text in WITHOUT_FRACTION for program in drawn(text, 1.0)], 2**40)


def test_every_byte_is_as_in_pytorchs_allocator_on_a_small_card() -> None:
    """There, expandable segments run out of addresses, and a fraction of the memory is soon used up."""
    programs = drawn("expandable_segments:True", 1.0)
    programs += [program for text, fraction in WITH_FRACTION for program in drawn(text, fraction)]
    check(programs, 256 * MIB)
