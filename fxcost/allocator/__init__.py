"""PyTorch's CUDA caching allocator, replayed on a CPU: what a program's requests reserve."""

from __future__ import annotations

from fxcost.allocator.device import Action
from fxcost.allocator.events import Events, Kind
from fxcost.allocator.outcome import OutOfMemory, Piece, Replay, Segment
from fxcost.allocator.replay import replay
from fxcost.allocator.settings import Settings

__all__ = ["Action", "Events", "Kind", "OutOfMemory", "Piece", "Replay", "Segment", "Settings", "replay"]
