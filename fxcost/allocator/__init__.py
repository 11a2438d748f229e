"""PyTorch's CUDA caching allocator, replayed on a CPU: what a program's requests reserve."""

from __future__ import annotations

from fxcost.allocator.bounds import Bounds, bounds
from fxcost.allocator.capacity import Capacity, capacity_needed, enough_ranges
from fxcost.allocator.device import Action
from fxcost.allocator.events import Events, Kind
from fxcost.allocator.outcome import OutOfMemory, Piece, Replay, Segment
from fxcost.allocator.replay import replay
from fxcost.allocator.settings import Settings
from fxcost.allocator.snapshot import Frame, Span, counters, snapshot, write_snapshot

__all__ = [
    "Action",
    "Bounds",
    "Capacity",
    "Events",
    "Frame",
    "Kind",
    "OutOfMemory",
    "Piece",
    "Replay",
    "Segment",
    "Settings",
    "Span",
    "bounds",
    "capacity_needed",
    "counters",
    "enough_ranges",
    "replay",
    "snapshot",
    "write_snapshot",
]
