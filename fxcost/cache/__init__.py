"""The cache on disk: what compiling found out, as JSON files under the user's cache folder.

A file is named by a digest of all that its content follows from. Reading one builds expressions through the
one table of functions; nothing in it is ever run or imported.
"""

from __future__ import annotations

from fxcost.cache.folder import Folder

__all__ = ["Folder"]
