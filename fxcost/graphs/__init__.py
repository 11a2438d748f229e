"""Graphs from elsewhere as factories: programs of `torch.export`, graph modules of `torch.fx`."""

from __future__ import annotations

from fxcost.graphs.sources import factory_of

__all__ = ["factory_of"]
