"""Snapshots, read by PyTorch's own functions, and traces of counters."""

from __future__ import annotations

import json
import pickletools
import random
from pathlib import Path

import pytest
from torch.cuda import _memory_viz as viewer

from fxcost.allocator import Events, Frame, Settings, Span, counters, replay, snapshot, write_snapshot
from fxcost.errors import DeclarationError
from tests.allocator.programs import TEXTS, drawn_rows

MIB = 2**20
KNOWN_TO_THE_PAGE = {
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "NONE"),
    *("NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
    *("SHORT_BINUNICODE", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "DICT"),
    *("LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
}
"""What `unpickle` in torch/utils/viz/MemoryViz.js of github.com/pytorch/pytorch has a case for."""


def drawn(text: str = "", seed: int = 5, **limits: int):
    """Return a replay of a random program, with what it did."""
    events = Events.of(drawn_rows(random.Random(seed), 120, 2, others=True))
    return replay(events, Settings.parse(text), actions=True, **limits)


@pytest.mark.parametrize("text", TEXTS[:4])
def test_pytorch_sums_up_a_snapshots_segments(text: str) -> None:
    done = drawn(text)
    summary = viewer.segsum(snapshot(done))
    assert f"segments: {len(done.segments)}" in summary
    assert f"total_reserved: {viewer.Bytes(int(done.reserved[-1]))}" in summary


def test_pytorch_tells_a_snapshots_history() -> None:
    rows = [("allocate", 1, 12 * MIB), ("free", 1), ("allocate", 2, 30 * MIB)]
    told = viewer.trace(snapshot(replay(Events.of(rows), capacity=20 * MIB, actions=True)))
    assert "cudaMalloc(34359738368, 12.0MiB)" in told
    assert "cudaFree" in told
    assert "raise OutOfMemoryError # 30.0MiB requested, 20.0MiB free in CUDA" in told


def test_a_snapshot_is_consistent_with_its_history() -> None:
    for text in TEXTS[:4]:
        done = drawn(text, capacity=200 * MIB)
        taken = snapshot(done)
        sums = {"alloc": 0, "free_requested": 0, "free_completed": 0}
        reserved = 0
        for entry in taken["device_traces"][0]:
            if entry["action"] in sums:
                sums[entry["action"]] += 1
            grows = {"segment_alloc": 1, "segment_map": 1, "segment_free": -1, "segment_unmap": -1}
            reserved += grows.get(entry["action"], 0) * entry["size"]
        states = [block["state"] for segment in taken["segments"] for block in segment["blocks"]]
        assert reserved == sum(segment["total_size"] for segment in taken["segments"]) == done.reserved[-1]
        assert sums["alloc"] - sums["free_requested"] == states.count("active_allocated")
        assert sums["free_requested"] - sums["free_completed"] == states.count("active_awaiting_free")


def test_the_page_can_read_what_is_written_for_it(tmp_path: Path) -> None:
    file = tmp_path / "step.pickle"
    write_snapshot(drawn("expandable_segments:True"), file)
    used = {opcode.name for opcode, _, _ in pickletools.genops(file.read_bytes())}
    assert used <= KNOWN_TO_THE_PAGE
    assert "GLOBAL" not in used


def test_a_snapshot_is_written_as_json_too(tmp_path: Path) -> None:
    file = tmp_path / "step.json"
    done = drawn()
    write_snapshot(done, file)
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(json.dumps(snapshot(done)))
    with pytest.raises(DeclarationError, match=r"ends in \.pickle or \.json"):
        write_snapshot(done, tmp_path / "step.txt")


def test_a_block_names_the_line_that_asked_for_it() -> None:
    done = replay(Events.of([("allocate", 1, 512), ("free", 1), ("allocate", 2, 512)]), actions=True)
    taken = snapshot(done, {0: [Frame("first.py", 1, "f")], 2: [Frame("second.py", 2, "g")]})
    line = {"filename": "second.py", "line": 2, "name": "g"}
    assert taken["segments"][0]["blocks"][0]["frames"] == [line]
    assert [entry["frames"] for entry in taken["device_traces"][0] if entry["action"] == "alloc"][1] == [line]


def test_a_replay_without_its_actions_has_no_snapshot() -> None:
    with pytest.raises(DeclarationError, match="actions=True"):
        snapshot(replay(Events.of([("allocate", 1, 1)])))


def test_counters_change_where_the_timeline_does() -> None:
    done = drawn()
    entries = counters(done, [Span("forward", 0, 59), Span("backward", 60, 119)])["traceEvents"]
    assert [(each["ts"], each["dur"]) for each in entries if each["ph"] == "X"] == [(0, 60), (60, 60)]
    for name, values in (("allocated", done.allocated), ("reserved", done.reserved)):
        level, rebuilt = 0, []
        changes = {each["ts"]: each["args"]["bytes"] for each in entries if each["name"] == name}
        for at in range(len(values)):
            level = changes.get(at, level)
            rebuilt.append(level)
        assert rebuilt == values.tolist()
    assert json.dumps(entries)
