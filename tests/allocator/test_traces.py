"""The replay against what `torch.cuda.memory` recorded on real GPUs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import allocator
from fxcost.allocator import replay

MEASUREMENTS = os.environ.get("FXCOST_MEASUREMENTS", "")
FOLDER = Path(MEASUREMENTS) / allocator.FOLDER


@pytest.mark.skipif(
    not (MEASUREMENTS and FOLDER.is_dir()),
    reason=f"FXCOST_MEASUREMENTS names no folder with {allocator.FOLDER}: see bench/gpu_memory.py",
)
def test_every_real_trace_is_replayed_segment_by_segment() -> None:
    for trace in allocator.traces(FOLDER):
        done = replay(trace.events, actions=True)
        asked = tuple(action.size for action in done.actions if action.name == "segment_alloc")
        assert asked == trace.segments, trace.name
        assert (done.peak_reserved, done.requests) == (trace.peak_reserved, trace.requests), trace.name
