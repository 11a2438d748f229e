"""What a GPU will hold: storages, replayed on the caching allocator, and all that is no tensor."""

from __future__ import annotations

from fxcost.gpu.card import Card, Workspace
from fxcost.gpu.fit import Fit
from fxcost.gpu.largest import Largest, described, largest
from fxcost.gpu.memory import GpuMemory, Term, gpu_memory
from fxcost.gpu.requests import Requests, requests

__all__ = [
    "Card",
    "Fit",
    "GpuMemory",
    "Largest",
    "Requests",
    "Term",
    "Workspace",
    "described",
    "gpu_memory",
    "largest",
    "requests",
]
