"""What `fxcost solve` found out about all settings that keep limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fxcost.report.places import line_of
from fxcost.report.reasons import conflict_shown
from fxcost.report.subject import Subject
from fxcost.report.text import columns, indented
from fxcost.solve import Contradiction, Count, Effort, Found, Infeasible, Unknown
from fxcost.space import Config
from fxcost.space.spelling import assignments_text, spelled


@dataclass(frozen=True)
class Counted:
    """How many there are, and some of them.

    Attributes:
        subject: The factory and its settings.
        answer: The number.
        drawn: Some of them; None where none were asked for, or could not be drawn.
        conflict: Why there is none; None where there is one, or that is unknown.
    """

    subject: Subject
    answer: Count
    drawn: Sequence[Config] | None = None
    conflict: Contradiction | None = None

    def shown(self) -> Group:
        """Return it for rich."""
        style = "bold yellow" if not self.answer.exact else "bold green" if self.answer.lower else "bold red"
        shown = Text(str(self.answer), style=style)
        parts: list[RenderableType] = [self.subject.heading(), Text(), shown]
        if self.drawn:
            parts += [Text(), indented(_table(self.drawn))]
        return Group(*parts, *_why(self.conflict))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            **self.subject.as_dict(),
            **self.answer.as_dict(),
            "sample": None if self.drawn is None else [dict(config) for config in self.drawn],
            "conflict": self.conflict and self.conflict.as_dict(line_of),
        }


@dataclass(frozen=True)
class Near:
    """The nearest to a setting.

    Attributes:
        subject: The factory and its settings.
        start: The setting.
        answer: The nearest.
        conflict: Why there is none; None where there is one, or that is unknown.
    """

    subject: Subject
    start: Config
    answer: Found | Infeasible | Unknown
    conflict: Contradiction | None = None

    def shown(self) -> Group:
        """Return it for rich: the setting, what it changes, and all costs there."""
        parts: list[RenderableType] = [self.subject.heading(), Text(), self._headline()]
        if isinstance(self.answer, Found):
            changes = [(name, spelled(was), "->", spelled(now)) for name, was, now in self._changes()]
            styles = ("", "", "", "bold")
            parts.append(indented(columns(changes, styles) if changes else Text("nothing is changed")))
            parts += [Text(), self.subject.costs_shown(self.answer.config)]
        return Group(*parts, *_why(self.conflict))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            **self.subject.as_dict(),
            **self.answer.as_dict(),
            "start": dict(self.start),
            "changed": [name for name, _, _ in self._changes()],
            "costs": self.subject.costs_at(self.answer.config) if isinstance(self.answer, Found) else {},
            "conflict": self.conflict and self.conflict.as_dict(line_of),
        }

    def _headline(self) -> Text:
        if not isinstance(self.answer, Found):
            return _none(self.answer)
        shown = Text(f"nearest with {self.answer.statement}: ")
        shown.append(assignments_text(self.answer.config), "bold green")
        return shown.append(f", proved ({self.answer.effort})")

    def _changes(self) -> list[tuple[str, Any, Any]]:
        """Return the hyperparameters that differ, each as it was and as it is."""
        if not isinstance(self.answer, Found):
            return []
        both = [(name, was, self.answer.config[name]) for name, was in self.start.items()]
        return [(name, was, now) for name, was, now in both if was != now]


@dataclass(frozen=True)
class Ranged:
    """The first and the last value of each hyperparameter among them.

    Attributes:
        subject: The factory and its settings.
        answer: The values; or that there are none, or that they are unknown.
        statement: What was asked.
        effort: What it took.
        conflict: Why there is none; None where there is one, or that is unknown.
    """

    subject: Subject
    answer: dict[str, tuple[Any, Any]] | Infeasible | Unknown
    statement: str
    effort: Effort
    conflict: Contradiction | None = None

    def shown(self) -> Group:
        """Return it for rich."""
        parts: list[RenderableType] = [self.subject.heading(), Text()]
        if isinstance(self.answer, Infeasible | Unknown):
            return Group(*parts, _none(self.answer), *_why(self.conflict))
        rows = [(name, spelled(low), "to", spelled(high)) for name, (low, high) in self.answer.items()]
        headline = Text(f"with {self.statement}, from the first value to the last: proved ({self.effort})")
        styles = ("", "bold green", "", "bold green")
        return Group(*parts, headline, indented(columns(rows, styles, right=(1,))))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        found = self.answer.as_dict() if isinstance(self.answer, Infeasible | Unknown) else self._found()
        conflict = self.conflict and self.conflict.as_dict(line_of)
        return {**self.subject.as_dict(), **found, "conflict": conflict}

    def _found(self) -> dict[str, Any]:
        return {
            "verdict": "ranges",
            "statement": self.statement,
            "ranges": self.answer,
            "regions": self.effort.regions,
            "seconds": round(self.effort.seconds, 3),
            "basis": list(self.effort.basis),
        }


def _none(answer: Infeasible | Unknown) -> Text:
    return Text(str(answer), style="bold red" if isinstance(answer, Infeasible) else "bold yellow")


def _why(conflict: Contradiction | None) -> list[RenderableType]:
    return [] if conflict is None else [Text(), conflict_shown(conflict)]


def _table(settings: Sequence[Config]) -> Table:
    """Return settings, one a row, below the names of the hyperparameters."""
    names = [Text(name, style="bold") for name in settings[0]]
    rows = [[spelled(value) for value in config.values()] for config in settings]
    return columns([names, *rows], [""] * len(names), right=range(len(names)))
