"""The files and folders that an answer follows from, and whether they are as they were."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSING = ("/proc/", "/sys/", "/dev/")
"""What lies here is made when it is read; it tells of the machine, not of the model."""

PACKAGES = frozenset(("site-packages", "dist-packages"))
"""Folders of what is installed, of this Python's or of a user's own."""

STANDARD = Path(sysconfig.get_path("stdlib")).parts
"""The folder of Python's own modules."""

ABSENT = ""
"""What is said of a file that is not there."""


@dataclass(frozen=True)
class Footing:
    """What was read: the user's files by content, installed ones by size and time of their last change.

    Attributes:
        read: The digest of each of the user's files, and of the names in each folder of theirs.
        installed: The names of installed files by folder; "." is the folder itself.
        stated: A digest of their sizes and times.
    """

    read: Mapping[str, str]
    installed: Mapping[str, Sequence[str]]
    stated: str

    @classmethod
    def of(cls, paths: Iterable[str]) -> Footing:
        """Return the footing of files and folders, those that are not there among them."""
        read: dict[str, str] = {}
        installed: dict[str, list[str]] = {}
        for path in sorted(set(paths)):
            if path.startswith(PASSING):
                continue
            if not _is_installed(path):
                read[path] = _content(path)
                continue
            folder, name = (path, ".") if Path(path).is_dir() else os.path.split(path)
            installed.setdefault(folder, []).append(name)
        return cls(read, installed, _stated(installed))

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Footing:
        """Return what `as_record` told."""
        read = {str(path): str(digest) for path, digest in record["read"].items()}
        installed = {str(path): list(map(str, names)) for path, names in record["installed"].items()}
        return cls(read, installed, str(record["stated"]))

    def as_record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"read": dict(self.read), "installed": dict(self.installed), "stated": self.stated}

    def holds(self) -> bool:
        """Tell whether all is as it was."""
        own = all(_content(path) == digest for path, digest in self.read.items())
        return own and _stated(self.installed) == self.stated

    def changed_since(self, moment: float) -> bool:
        """Tell whether one of the user's files was changed at or after a moment, in seconds of the epoch."""
        files = (Path(path) for path, digest in self.read.items() if digest != ABSENT)
        return any(path.is_file() and path.stat().st_mtime >= moment for path in files)

    def __len__(self) -> int:
        return len(self.read) + sum(map(len, self.installed.values()))


def _is_installed(path: str) -> bool:
    """Tell whether a file came with Python, or with a package, wherever these are."""
    parts = Path(path).parts
    return not PACKAGES.isdisjoint(parts) or parts[: len(STANDARD)] == STANDARD


def _content(path: str) -> str:
    """Return a digest of a file's bytes, or of the names in a folder."""
    place = Path(path)
    try:
        if place.is_dir():
            names = sorted(each for each in os.listdir(place) if each != "__pycache__")  # noqa: PTH208 - names
            return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return ABSENT


def _stated(installed: Mapping[str, Sequence[str]]) -> str:
    """Return a digest of the sizes and times of installed files and folders."""
    told = []
    for folder, names in installed.items():
        for name in names:
            try:
                state = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - thousands of them
                told.append(f"{state.st_size} {state.st_mtime_ns}")
            except OSError:
                told.append(ABSENT)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
