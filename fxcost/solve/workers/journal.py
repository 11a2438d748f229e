"""A search for the best setting as a JSON file: the best so far, and what is left of each path."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.solve.lattice import Boxes, Point
from fxcost.solve.workers.plain import boxes_of, boxes_record
from fxcost.solve.workers.saved import save, saved

WRITTEN_EVERY = 5.0
"""Seconds between two times that the file is written."""


@dataclass
class Journal:
    """What is known of a search, as a file says it and as it goes on.

    Attributes:
        path: The file.
        statement: What is searched.
        best: The score and the place of the best setting; None for none.
        left: By a path's name, the boxes where a better one may be.
    """

    path: Path
    statement: str
    best: tuple[int, Point] | None = None
    left: dict[str, Any] = field(default_factory=dict)
    _written: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, path: Path, statement: str) -> Journal:
        """Return what a file says of a search, or an empty one.

        Raises:
            DeclarationError: It is about something else, or cannot be read or written.
        """
        content, journal = saved(path), cls(path, statement)
        if content is None:
            journal.write()
            return journal
        if content.get("statement") != statement or "left" not in content:
            raise DeclarationError(
                f"resume={str(path)!r}: it is about another question ({content.get('statement')}); name "
                "another file, or delete this one"
            )
        best = content["best"]
        journal.best = None if best is None else (best["score"], tuple(best["point"]))
        journal.left = content["left"]
        return journal

    def boxes(self, name: str) -> Boxes | None:
        """Return what is left of a path; None where it was not begun."""
        return boxes_of(self.left[name]) if name in self.left else None

    def note(self, name: str, left: Boxes, best: tuple[int, Point] | None) -> None:
        """Take what is left of a path and what is best there; write it from time to time, and at its end."""
        self.left[name] = boxes_record(left)
        if best is not None and (self.best is None or best[0] > self.best[0]):
            self.best = best
        if time.monotonic() - self._written > WRITTEN_EVERY or not len(left):
            self.write()

    def write(self) -> None:
        """Write the file.

        Raises:
            DeclarationError: It cannot be written.
        """
        best = self.best and {"score": self.best[0], "point": list(self.best[1])}
        save(self.path, {"statement": self.statement, "best": best, "left": self.left})
        self._written = time.monotonic()
