"""PyTorch's CUDA caching allocator, replayed on a CPU: what a program's requests reserve."""

from __future__ import annotations

from fxcost.allocator.bounds import Bounds, bounds
from fxcost.allocator.capacity import Capacity, capacity_needed, enough_ranges
from fxcost.allocator.device import Action
from fxcost.allocator.events import Events, Kind
from fxcost.allocator.outcome import OutOfMemory, Piece, Replay, Segment
from fxcost.allocator.replay import replay
from fxcost.allocator.settings import Settings

__all__ = [
    "Action",
    "Bounds",
    "Capacity",
    "Events",
    "Kind",
    "OutOfMemory",
    "Piece",
    "Replay",
    "Segment",
    "Settings",
    "bounds",
    "capacity_needed",
    "enough_ranges",
    "replay",
]
