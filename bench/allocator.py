"""The caching allocator's figures: real traces, PyTorch's own allocator, bounds against replays, seconds."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from bench.comparison import progress
from bench.timing import timed
from fxcost.allocator import Events, Kind, Settings, bounds, replay
from tests.allocator.programs import drawn_rows
from tests.oracles import pretend, real_allocator

MIB = 2**20
FOLDER = "cuda_allocator"
EVENTS = 100_000
SETTINGS = ("", "expandable_segments:True", "max_split_size_mb:32", "roundup_power2_divisions:8")
"""What random programs are replayed with."""


class Trace(NamedTuple):
    """A real run's memory history from a cold start, and what `torch.cuda` had reserved in it.

    Attributes:
        name: Of the trace.
        events: What the program asked for.
        segments: The sizes of the segments that the real allocator asked for, in order.
        peak_reserved: Bytes.
        requests: How many segments it asked for.
        addresses: Where the driver put them.
    """

    name: str
    events: Events
    segments: tuple[int, ...]
    peak_reserved: int
    requests: int
    addresses: tuple[int, ...]


def figures(data: Path | None, programs: int, seed: int) -> dict[str, Any]:
    """Return how many traces replay exactly, how many programs lie within their bounds, and the speed."""
    return traced(data) | compiled(programs // 4, seed) | bounded(programs, seed) | speed(seed)


def traced(data: Path | None) -> dict[str, Any]:
    """Return how many of the real traces a replay equals, or why there are none."""
    if data is None or not (data / FOLDER).is_dir():
        where = "--data is not given" if data is None else f"there is no {data / FOLDER}"
        return {"allocator_traces": 0, "allocator_skipped": f"{where}; see bench/gpu_memory.py"}
    known = list(traces(data / FOLDER))
    exact = in_order = 0
    widths = []
    for trace in known:
        done = replay(trace.events, actions=True)
        asked = tuple(action.size for action in done.actions if action.name == "segment_alloc")
        equal = (done.peak_reserved, done.requests) == (trace.peak_reserved, trace.requests)
        exact += equal
        in_order += asked == trace.segments
        low, high = bounds(trace.events).reserved
        widths.append((low / done.peak_reserved, high / done.peak_reserved))
        progress(
            f"  {trace.name}: {len(trace.events)} events, {done.peak_reserved / MIB:g} MiB, "
            f"{done.requests} segments, bounds {low / MIB:.0f} to {high / MIB:.0f} MiB"
            f"{'' if equal else ': DIFFERS'}"
        )
    return {
        "allocator_traces": len(known),
        "allocator_exact": exact,
        "allocator_exact_segment_by_segment": in_order,
        "allocator_traces_lower_bound_ratio": [round(low, 3) for low, _ in widths],
        "allocator_traces_upper_bound_ratio": [round(high, 2) for _, high in widths],
    }


def compiled(programs: int, seed: int) -> dict[str, Any]:
    """Return how many random programs end as in PyTorch's own allocator, which runs over a pretend CUDA.

    Two thirds have so little memory that what is cached must be given back, or that they run out of it.
    """
    if reason := pretend.missing():
        return {"allocator_real_programs": 0, "allocator_real_skipped": reason}
    asked = []
    for number in range(programs):
        draw = random.Random(f"{seed} {number}")
        rows = drawn_rows(draw, draw.choice([10, 60, 200]), draw.choice([1, 3]), others=number % 2 == 1)
        capacity = draw.randrange(20, 200) * MIB if number % 3 else None
        text = SETTINGS[number % len(SETTINGS)]
        asked.append({"settings": text, "fraction": 1.0, "capacity": capacity, "rows": rows})
    real = real_allocator.outcomes(asked)
    equal = [_outcome(program) == outcome for program, outcome in zip(asked, real, strict=True)]
    return {
        "allocator_real_programs": programs,
        "allocator_real_equal": sum(equal),
        "allocator_real_out_of_memory": sum(outcome["failed"] is not None for outcome in real),
        "allocator_real_cache_flushes": sum(outcome["flushes"] for outcome in real),
    }


def _outcome(program: dict[str, Any]) -> dict[str, Any]:
    """Return what a replay says of a program, as the real allocator's outcomes are written."""
    settings = Settings.parse(program["settings"])
    done = replay(Events.of(program["rows"]), settings, capacity=program["capacity"], total=2**40)
    return {
        "seen": [list(pair) for pair in zip(done.allocated.tolist(), done.reserved.tolist(), strict=True)],
        "failed": done.out_of_memory.event if done.out_of_memory else None,
        "peak_reserved": done.peak_reserved,
        "flushes": done.flushes,
    }


def bounded(programs: int, seed: int) -> dict[str, Any]:
    """Return how many random programs' replays lie within the closed-form bounds."""
    draw = random.Random(seed)
    inside, above, below = 0, [], []
    for number in range(programs):
        settings = Settings.parse(SETTINGS[number % len(SETTINGS)])
        events = drawn(draw, draw.randrange(4, 120), draw.choice([2, 8, 30]))
        known, done = bounds(events, settings), replay(events, settings)
        allocated, reserved = (done.peak_allocated, known.allocated), (done.peak_reserved, known.reserved)
        inside += all(low <= value <= high for value, (low, high) in (allocated, reserved))
        below.append(known.reserved[0] / done.peak_reserved)
        above.append(known.reserved[1] / done.peak_reserved)
    if not programs:
        return {}
    return {
        "allocator_bounds_programs": programs,
        "allocator_bounds_contain": inside,
        "allocator_lower_bound_median_ratio": round(median(below), 3),
        "allocator_upper_bound_median_ratio": round(median(above), 3),
    }


def speed(seed: int) -> dict[str, Any]:
    """Return the CPU seconds of replays of many events, by settings."""
    events = drawn(random.Random(seed), EVENTS, 1000)
    taken = {
        text or "default": timed(lambda text=text: replay(events, Settings.parse(text))) for text in SETTINGS
    }
    return {
        "allocator_events": EVENTS,
        "allocator_replay_cpu_s": {name: each.cpu_seconds for name, each in taken.items()},
    }


def drawn(draw: random.Random, length: int, alive: int) -> Events:
    """Return a random program of so many events that has about so many allocations alive."""
    sizes = [int(2 ** draw.uniform(0, 26)) for _ in range(1 + length // 10)]
    rows: list[tuple[object, ...]] = []
    live: list[int] = []
    for at in range(length):
        if live and draw.random() < len(live) / (2 * alive):
            place = draw.randrange(len(live))
            live[place], live[-1] = live[-1], live[place]
            rows.append(("free", live.pop()))
        else:
            rows.append(("allocate", at, draw.choice(sizes)))
            live.append(at)
    return Events.of(rows)


def traces(folder: Path) -> Iterator[Trace]:
    """Yield the traces of a folder: `index.csv` has a row for each, `NAME.csv.gz` its events."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as index:
        for row in csv.DictReader(index):
            with gzip.open(folder / f"{row['name']}.csv.gz", "rt", newline="", encoding="utf-8") as lines:
                events, segments, addresses = read(csv.DictReader(lines))
            peak = round(float(row["peak_reserved_MiB"]) * MIB)
            yield Trace(row["name"], events, segments, peak, int(row["segment_alloc"]), addresses)


def read(rows: Iterable[Mapping[str, str]]) -> tuple[Events, tuple[int, ...], tuple[int, ...]]:
    """Return a history's requests, each allocation an id of its own; its segments' sizes; their addresses."""
    found: list[tuple[int, int, int, int]] = []
    live: dict[str, int] = {}
    segments, addresses = [], []
    for row in rows:
        if row["action"] == "alloc":
            live[row["addr"]] = len(found)
            found.append((Kind.ALLOCATE, len(found), int(row["size"]), int(row["stream"])))
        elif row["action"] == "free_completed":
            found.append((Kind.FREE, live.pop(row["addr"]), 0, 0))
        elif row["action"] == "segment_alloc":
            segments.append(int(row["size"]))
            addresses.append(int(row["addr"]))
    return Events(*np.array(found, np.int64).T), tuple(segments), tuple(addresses)
