"""What a factory raises for the settings of a region."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fxcost.program import Source
from fxcost.solve.quantities import Region
from fxcost.space import Config

_LINE = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<exception>.*)", re.DOTALL)


@dataclass(frozen=True)
class Refusal:
    """An exception.

    Attributes:
        exception: Its type and message.
        source: The line that raised it, None where that is not known.
    """

    exception: str
    source: Source | None

    @classmethod
    def of(cls, region: Region) -> Refusal | None:
        """Return what the factory raises in a region, None where it builds the model."""
        return None if region.refusal is None else cls.read(region.refusal, region.hint)

    @classmethod
    def read(cls, text: str, hint: Config) -> Refusal:
        """Return what a text says, without the setting where it was raised.

        >>> print(Refusal.read("net.py:7: ValueError: odd (at Config(width=3))", Config(width=3)))
        ValueError: odd (net.py:7)
        """
        alike = text.removesuffix(f" (at {hint})")
        found = _LINE.fullmatch(alike)
        if found is None:
            return cls(alike, None)
        return cls(found["exception"], Source(found["file"], int(found["line"])))

    def line(self, place: Callable[[Source], str] = str) -> str:
        """Return the line that raised it, written by `place`; nothing where it is not known."""
        return "" if self.source is None else place(self.source)

    def text(self, place: Callable[[Source], str] = str) -> str:
        """Return it in one line; `place` writes the line of code."""
        line = self.line(place)
        return " ".join(self.exception.split()) + (f" ({line})" if line else "")

    def __str__(self) -> str:
        return self.text()

    def as_dict(self, place: Callable[[Source], str] = str) -> dict[str, str]:
        """Return it for JSON; `place` writes the line of code."""
        return {"exception": self.exception, "line": self.line(place)}
