"""What `fxcost calibrate` and `fxcost validate` show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.text import Text

from fxcost.measure import Readings, Validation
from fxcost.report.subject import Subject


@dataclass(frozen=True)
class Calibrated:
    """What is on a GPU besides tensors, and the file that says so."""

    readings: Readings
    file: str

    def shown(self) -> Group:
        """Return it for rich."""
        return Group(Text(str(self.readings)), Text(), Text(f"written to {self.file}", "dim"))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**self.readings.as_dict(), "file": self.file}


@dataclass(frozen=True)
class Validated:
    """A setting's memory, predicted and measured."""

    subject: Subject
    validation: Validation

    def shown(self) -> Group:
        """Return it for rich."""
        return Group(self.subject.heading(), Text(), Text(str(self.validation)))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**self.subject.as_dict(), "validation": self.validation.as_dict()}
