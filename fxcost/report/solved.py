"""What `fxcost solve` found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost.report.best import Best
from fxcost.report.places import line_of
from fxcost.report.reasons import binding_shown, conflict_shown
from fxcost.report.subject import Subject
from fxcost.solve import Binding, Contradiction, Infeasible, Optimum, Unknown
from fxcost.space.spelling import assignments_text


@dataclass(frozen=True)
class Solved:
    """The answer of `fxcost solve`.

    Attributes:
        subject: The factory and its settings.
        answer: The best setting.
        conflict: Why there is none; None where there is one, or that is unknown.
        binding: Why there is no better one; None where there is none at all.
    """

    subject: Subject
    answer: Best
    conflict: Contradiction | None = None
    binding: Binding | None = None

    def shown(self) -> Group:
        """Return the answer for rich: the setting, and all costs there."""
        parts: list[RenderableType] = [self.subject.heading(), Text(), self._headline()]
        if isinstance(self.answer, Optimum):
            parts += [Text(), self.subject.costs_shown(self.answer.config)]
        if self.binding is not None and self.binding.hyperparameters:
            parts += [Text(), binding_shown(self.binding)]
        if self.conflict is not None:
            parts += [Text(), conflict_shown(self.conflict)]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            **self.subject.as_dict(),
            **self.answer.as_dict(),
            "costs": self.subject.costs_at(self.answer.config) if isinstance(self.answer, Optimum) else {},
            "conflict": self.conflict and self.conflict.as_dict(line_of),
            "binding": self.binding and self.binding.as_dict(),
        }

    def _headline(self) -> Text:
        match self.answer:
            case Optimum(proved=True, config=config, statement=statement, effort=effort):
                shown = Text(f"{statement}: ").append(assignments_text(config), "bold green")
                return shown.append(f", proved ({effort})")
            case Optimum(config=config, statement=statement):
                shown = Text(f"{statement}: ").append(assignments_text(config), "bold yellow")
                return shown.append(f", not proved: {self.answer.reason}")
            case Infeasible():
                return Text(str(self.answer), style="bold red")
            case Unknown():
                return Text(str(self.answer), style="bold yellow")
