"""The cache on disk, for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table

from fxcost import units
from fxcost.cache import Folder


@dataclass(frozen=True)
class Cached:
    """What the cache holds, or held before it was cleared.

    Attributes:
        folder: Where it lies, None where it is off.
        files: How many costs are stored.
        size: Their bytes.
        cleared: Whether they have been deleted.
    """

    folder: Folder | None
    files: int
    size: int
    cleared: bool = False

    @classmethod
    def of(cls, folder: Folder | None, *, clear: bool = False) -> Cached:
        """Return what a folder holds, and delete it if that is wanted.

        Example:
            >>> from pathlib import Path
            >>> Cached.of(Folder(Path("nowhere"))).as_dict()
            {'folder': 'nowhere', 'files': 0, 'bytes': 0, 'cleared': False}
        """
        if folder is None:
            return cls(None, 0, 0)
        found = cls(folder, len(list(folder.files())), folder.size, clear)
        if clear:
            folder.clear()
        return found

    def shown(self) -> Table:
        """Return a table of where it is and what it holds."""
        table = Table.grid(padding=(0, 2))
        table.add_row("folder", "none: FXCOST_CACHE is off" if self.folder is None else str(self.folder.path))
        done = ", deleted" if self.cleared else ""
        table.add_row("files", f"{self.files}{done}")
        table.add_row("size", units.format(self.size, units.Unit.BYTES))
        return table

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        folder = None if self.folder is None else str(self.folder.path)
        return {"folder": folder, "files": self.files, "bytes": self.size, "cleared": self.cleared}
