"""Where the cache lies, and the files in it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "FXCOST_CACHE"
OFF = "off"
OURS = re.compile(r"[0-9a-f]{64}\.(json|\w+\.part)")
"""The names of our files, and of those that were being written when their process ended."""


@dataclass(frozen=True)
class Folder:
    """The folder of the cache; it need not exist."""

    path: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Folder | None:
        """Return the folder of an environment, None where the cache is off.

        `$FXCOST_CACHE` names it, or says "off"; otherwise it is in the platform's folder for caches.

        Example:
            >>> Folder.of({"FXCOST_CACHE": "/tmp/costs"}).path.as_posix(), Folder.of({"FXCOST_CACHE": "off"})
            ('/tmp/costs', None)
            >>> Folder.of({"XDG_CACHE_HOME": "/var/cache"}, "linux").path.as_posix()
            '/var/cache/fxcost'
        """
        said = environment.get(VARIABLE, "")
        if said.lower() == OFF:
            return None
        if said:
            return cls(Path(said).expanduser())
        try:
            return cls(_users(environment, platform))
        except RuntimeError:  # there is no home folder
            return None

    def file(self, key: str) -> Path:
        """Return the file of a key."""
        return self.path / f"{key}.json"

    def files(self) -> Iterator[Path]:
        """Yield our files; others in the folder are none of ours."""
        if not self.path.is_dir():
            return
        yield from sorted(path for path in self.path.iterdir() if OURS.fullmatch(path.name))

    @property
    def size(self) -> int:
        """The bytes of all our files."""
        return sum(path.stat().st_size for path in self.files())

    def clear(self) -> None:
        """Delete our files."""
        for path in self.files():
            path.unlink(missing_ok=True)


def _users(environment: Mapping[str, str], platform: str) -> Path:
    """Return our folder among the user's caches."""
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "fxcost" / "Cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fxcost"
    caches = Path(environment.get("XDG_CACHE_HOME", ""))
    return (caches if caches.is_absolute() else Path.home() / ".cache") / "fxcost"
