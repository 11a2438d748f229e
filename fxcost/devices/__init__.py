"""GPUs by name: how much memory they have, how fast they are at best, what is on them besides tensors."""

from __future__ import annotations

from fxcost.devices.catalogue import Device, catalogue, find
from fxcost.devices.overheads import Basis, Overhead, Place, overhead, overheads

__all__ = ["Basis", "Device", "Overhead", "Place", "catalogue", "find", "overhead", "overheads"]
