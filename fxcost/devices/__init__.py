"""GPUs by name: how much memory they have, and how fast they are at best."""

from __future__ import annotations

from fxcost.devices.catalogue import Device, catalogue, find

__all__ = ["Device", "catalogue", "find"]
