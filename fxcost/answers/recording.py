"""Listens to what a process reads and does while it answers."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from fxcost.answers.footing import Footing

ACTS = frozenset(
    (
        "ftplib.connect",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "pty.spawn",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "winreg.OpenKey",
    )
)
"""Audit events of a process that learns something elsewhere; what it answers is not kept."""

MACHINE = frozenset(("ldconfig", "uname"))
"""Programs that the libraries start, and that tell of the machine what no model depends on."""

DRIVER = "nvidia-ml"
"""The library that tells what the GPU does now."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Recording:
    """What one answer follows from, as audit events tell it.

    Args:
        cache: The folder of the cache, of which answers are independent.

    Attributes:
        text: What the command prints on stdout, once it does.
        warned: The warnings that it shows.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = str(cache.absolute())
        self.text: str | None = None
        self.warned: list[str] = []
        self._started = time.time()
        self._read: set[str] = set()
        self._written: set[str] = set()
        self._acted = False

    def start(self) -> None:
        """Listen, until the process ends."""
        self._shown = warnings.showwarning
        warnings.showwarning = self._warn
        sys.addaudithook(self._heard)

    def footing(self) -> Footing | None:
        """Return what the answer follows from; None where that is more than files."""
        if self._acted or any(Path(path).is_file() for path in self._written):
            return None
        modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        loaded = {os.path.abspath(path) for path in modules if isinstance(path, str)}  # noqa: PTH100 - no links
        footing = Footing.of(path for path in loaded | self._read if not path.startswith(self._cache))
        return None if footing.changed_since(self._started) else footing

    def _warn(self, message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        self.warned.append(f"{category.__name__}: {message}")
        self._shown(message, category, *where, **more)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event; nothing that happens here may disturb what it is about."""
        take = self._TAKEN.get(event)
        if take is not None:
            take(self, arguments)
        elif event in ACTS:
            self._acted = True

    def _opened(self, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        place = _place(path)
        if place is None or _is_compiled(place):
            return
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        writes = writes or (isinstance(flags, int) and bool(flags & WRITING))
        (self._written if writes else self._read).add(place)

    def _renamed(self, arguments: tuple[Any, ...]) -> None:
        place = _place(arguments[1])
        if place is not None and not _is_compiled(place) and not place.startswith(self._cache):
            self._written.add(place)

    def _listed(self, arguments: tuple[Any, ...]) -> None:
        place = _place(arguments[0] if arguments else ".")
        if place is not None and not place.endswith("__pycache__"):
            self._read.add(place)

    def _linked(self, arguments: tuple[Any, ...]) -> None:
        library = str(arguments[0])
        self._acted = self._acted or DRIVER in library
        if os.sep in library:
            self._read.add(library)

    def _ran(self, arguments: tuple[Any, ...]) -> None:
        self._acted = self._acted or Path(os.fsdecode(arguments[0])).name not in MACHINE

    _TAKEN: ClassVar[Mapping[str, Callable[[Recording, tuple[Any, ...]], None]]] = {
        "open": _opened,
        "os.listdir": _listed,
        "os.scandir": _listed,
        "os.rename": _renamed,
        "ctypes.dlopen": _linked,
        "subprocess.Popen": _ran,
    }


def _is_compiled(place: str) -> bool:
    """Tell whether a file is what Python compiled another one to."""
    return place.endswith(".pyc") or f"{os.sep}__pycache__{os.sep}" in place


def _place(path: object) -> str | None:
    """Return the whole path of what is opened; None where it is open already."""
    if path is None:
        return str(Path.cwd())
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else None  # noqa: PTH100
