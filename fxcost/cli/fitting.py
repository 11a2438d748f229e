"""Answers `fxcost solve` about all settings that keep limits: how many, some, the nearest, their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fxcost.cli.limits import LimitText
from fxcost.cli.progress import Tell
from fxcost.cli.settings import setting_of
from fxcost.cli.workers import processes
from fxcost.errors import EmptySpaceError, UnknownVerdictError
from fxcost.report.fitting import Counted, Near, Ranged
from fxcost.report.subject import Subject
from fxcost.solve import Contradiction, Feasible, Infeasible, Limit, Unknown, feasible
from fxcost.solve.limits import every


@dataclass(frozen=True)
class Fitting:
    """Settings of a factory that keep limits.

    Attributes:
        subject: The factory's costs and settings.
        texts: Limits.
        seconds: The time limit of each question.
        tell: Is told what is being done.
    """

    subject: Subject
    texts: Sequence[LimitText]
    seconds: float
    tell: Tell

    def counted(self, workers: int = 1, resume: Path | None = None) -> Counted:
        """Return how many there are, counted by some processes, or from a file on."""
        with processes(workers) as executor:
            count = self._settings.count(executor=executor, resume=resume)
        empty = count.exact and not count.lower
        return Counted(self.subject, count, conflict=self._conflict() if empty else None)

    def sampled(self, size: int, seed: int) -> Counted:
        """Return some of them, drawn evenly, where they can be counted."""
        counted = self.counted()
        if not counted.answer.exact or not counted.answer.lower:
            return counted
        return Counted(self.subject, counted.answer, self._settings.sample(size, seed))

    def near(self, texts: Sequence[str]) -> Near:
        """Return the nearest to a setting."""
        start = setting_of(texts, self.subject.cost.space, self.subject.space)
        answer = self._settings.nearest(**start)
        return Near(self.subject, start, answer, self._explained(answer))

    def ranged(self) -> Ranged:
        """Return the first and the last value of each hyperparameter."""
        settings, statement = self._settings, str(self._limit)
        conflict: Contradiction | None = None
        answer: dict[str, tuple[Any, Any]] | Infeasible | Unknown
        try:
            answer = settings.ranges()
        except UnknownVerdictError as error:
            answer = Unknown(statement, str(error.__cause__), settings.effort)
        except EmptySpaceError:
            answer = Infeasible(statement, settings.effort)
            conflict = self._conflict()
        return Ranged(self.subject, answer, statement, settings.effort, conflict)

    @cached_property
    def _limit(self) -> Limit:
        quantities = self.subject.cost.quantities
        return every(*(text.of(quantities) for text in self.texts))

    @cached_property
    def _settings(self) -> Feasible:
        restriction = self.subject.restriction
        return feasible(self._limit, time_limit=self.seconds, progress=self.tell, **restriction)

    def _conflict(self) -> Contradiction | None:
        """Return why there is none, where that is proved once more."""
        bounds = self.subject.restriction
        return self._explained(self._limit.find(time_limit=self.seconds, progress=self.tell, **bounds))

    def _explained(self, answer: object) -> Contradiction | None:
        if not isinstance(answer, Infeasible):
            return None
        return answer.explain(time_limit=self.seconds, progress=self.tell)
