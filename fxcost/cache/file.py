"""One file of the cache."""

from __future__ import annotations

from fxcost.sealed import Seal

SEAL = Seal("cache", 2)
"""What such a file says it is."""


class CacheWarning(UserWarning):
    """A file of the cache cannot be used or written; the costs are the same without it."""
