"""A replay in the forms that others' viewers open: PyTorch's memory snapshot, and a trace of counters.

The snapshot has the structure that `torch.cuda.memory._snapshot()` returns and documents, so that what reads
one (torch/cuda/_memory_viz.py) reads it. The page at pytorch.org/memory_viz opens it as a pickle file: its
reader, torch/utils/viz/MemoryViz.js, knows no other form. Such a file is only ever written here, never read.
The trace has the Trace Event Format's JSON, which ui.perfetto.dev and chrome://tracing open.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from fxcost.allocator.device import Action
from fxcost.allocator.outcome import Replay, Segment
from fxcost.errors import DeclarationError

_PROTOCOL = 4
"""The newest that the viewer reads."""


class Frame(NamedTuple):
    """A line of code, as a snapshot names it."""

    filename: str
    line: int
    name: str


class Span(NamedTuple):
    """A phase of the program: its name, and its first and last event."""

    name: str
    first: int
    last: int


Frames = Mapping[int, Sequence[Frame]]
"""By the index of an event: the lines that caused it, innermost first."""


def snapshot(replay: Replay, frames: Frames | None = None) -> dict[str, Any]:
    """Return a replay as `torch.cuda.memory._snapshot()` would: segments, blocks, and all that was done.

    Times are indices of events, in microseconds.

    Args:
        replay: One that kept its `actions`.
        frames: Where the program's allocations come from.

    Raises:
        DeclarationError: The replay did not keep what was done.

    >>> from fxcost.allocator import Events, replay
    >>> done = replay(Events.of([("allocate", 1, 1000)]), actions=True)
    >>> [entry["action"] for entry in snapshot(done)["device_traces"][0]]
    ['segment_alloc', 'alloc']
    """
    if len(replay.allocated) and not replay.actions and replay.requests:
        raise DeclarationError("the replay kept no actions: call replay(..., actions=True)")
    frames = frames or {}
    latest = {action.address: action.event for action in replay.actions if action.name == "alloc"}
    return {
        "segments": [_segment(segment, frames, latest) for segment in replay.segments],
        "device_traces": [[_entry(action, frames) for action in replay.actions]],
        "external_annotations": [],
        "allocator_settings": {
            "max_split_size": -1 if (size := replay.settings.max_split_size) is None else size,
            "garbage_collection_threshold": replay.settings.garbage_collection_threshold,
            "expandable_segments": replay.settings.expandable_segments,
        },
    }


def write_snapshot(replay: Replay, file: str | PathLike[str], frames: Frames | None = None) -> None:
    """Write a snapshot to a file: a pickle for PyTorch's viewer, or JSON, by the file's ending.

    Raises:
        DeclarationError: The file ends neither in `.pickle` nor in `.json`.
    """
    path = Path(file)
    if path.suffix == ".pickle":
        path.write_bytes(pickle.dumps(snapshot(replay, frames), _PROTOCOL))
    elif path.suffix == ".json":
        path.write_text(json.dumps(snapshot(replay, frames)), encoding="utf-8")
    else:
        raise DeclarationError(f"{path}: write a file that ends in .pickle or .json")


def counters(replay: Replay, phases: Sequence[Span] = ()) -> dict[str, Any]:
    """Return what is allocated and reserved over a replay, as a trace of counters.

    An event takes a microsecond.

    Args:
        replay: Any.
        phases: Parts of the program to be named above the counters.

    >>> from fxcost.allocator import Events, replay
    >>> trace = counters(replay(Events.of([("allocate", 1, 1000)])), [Span("forward", 0, 0)])
    >>> [(each["name"], each["ph"], each.get("args")) for each in trace["traceEvents"]]
    [('forward', 'X', None), ('allocated', 'C', {'bytes': 1024}), ('reserved', 'C', {'bytes': 2097152})]
    """
    entries: list[dict[str, Any]] = [
        {"name": name, "ph": "X", "ts": first, "dur": last - first + 1, "pid": 0, "tid": 0}
        for name, first, last in phases
    ]
    for name, values in (("allocated", replay.allocated), ("reserved", replay.reserved)):
        before = None
        for at, value in enumerate(values.tolist()):
            if value != before:
                entries.append({"name": name, "ph": "C", "ts": at, "pid": 0, "args": {"bytes": value}})
            before = value
    return {"traceEvents": entries, "displayTimeUnit": "ms"}


def _segment(segment: Segment, frames: Frames, latest: Mapping[int, int]) -> dict[str, Any]:
    active = [piece for piece in segment.pieces if piece.state != "inactive"]
    return {
        "device": 0,
        "address": segment.address,
        "total_size": segment.size,
        "allocated_size": segment.in_state("active_allocated"),
        "active_size": sum(piece.size for piece in active),
        "requested_size": sum(piece.requested for piece in active),
        "stream": segment.stream,
        "segment_type": "small" if segment.small else "large",
        "segment_pool_id": (0, 0),
        "is_expandable": segment.expandable,
        "frames": [],
        "blocks": [
            {
                "address": piece.address,
                "size": piece.size,
                "requested_size": piece.requested,
                "state": piece.state,
                "frames": [] if piece.state == "inactive" else _lines(frames, latest.get(piece.address)),
            }
            for piece in segment.pieces
        ],
    }


def _entry(action: Action, frames: Frames) -> dict[str, Any]:
    entry = {
        "action": action.name,
        "addr": action.address,
        "size": action.size,
        "stream": action.stream,
        "time_us": action.event,
        "frames": _lines(frames, action.event),
    }
    return entry | {"device_free": action.address} if action.name == "oom" else entry


def _lines(frames: Frames, event: int | None) -> list[dict[str, Any]]:
    return [] if event is None else [frame._asdict() for frame in frames.get(event, ())]
