"""Answers `fxcost check`: fits or not, why not, and what would fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from fxcost.cli.limits import LimitText
from fxcost.cli.nearest import nearest
from fxcost.cli.progress import Tell
from fxcost.quantity import Quantity
from fxcost.report.best import Best
from fxcost.report.checked import Checked
from fxcost.report.explanation import explained
from fxcost.report.subject import Subject
from fxcost.solve import Infeasible, Limit, Optimum, Proved, Refuted, maximize, prove
from fxcost.solve.limits import every


def checked(
    subject: Subject,
    texts: Sequence[LimitText],
    seconds: float,
    tell: Tell,
    engine: str | None = None,
) -> Checked:
    """Return whether its device holds a model, and limits hold, for every setting left open; else what does.

    Args:
        subject: The factory's costs and settings.
        texts: Limits.
        seconds: The time limit of each question.
        tell: Is told what is being done.
        engine: What is to tell whether they hold, and which are the largest settings.
    """
    quantities, device = subject.cost.quantities, subject.cost.gpu
    limits = [text.of(quantities) for text in texts]
    if device is not None:
        limits.insert(0, quantities["peak_memory"] <= device.memory)
    limit = every(*limits)
    verdict = prove(limit, time_limit=seconds, progress=tell, engine=engine, **subject.restriction)
    answer = Checked(subject, device, tuple(text.text for text in texts), verdict)
    asked = _Asked(subject, limit, seconds, tell, engine)
    if isinstance(verdict, Refuted):
        answer = replace(answer, explanation=explained(limit, verdict), nearest=asked.nearest(verdict))
    if isinstance(verdict, Proved) and device is not None:
        answer = replace(answer, most=asked.largest(quantities["peak_memory"]))
    if subject.config is not None:
        return answer
    return asked.with_largest(answer)


@dataclass(frozen=True)
class _Asked:
    """What was asked, for further questions about it."""

    subject: Subject
    limit: Limit
    seconds: float
    tell: Tell
    engine: str | None

    def nearest(self, verdict: Refuted) -> dict[str, object]:
        self.tell("looking for the nearest settings that fit")
        find = partial(self.limit.find, time_limit=self.seconds)
        return nearest(self.subject.cost.space, verdict.counterexample, find)

    def with_largest(self, answer: Checked) -> Checked:
        """Add the most parameters, and the most FLOPs with as many; or why there is no setting."""
        quantities = self.subject.cost.quantities
        largest = self.largest(quantities["parameters"])
        if isinstance(largest, Infeasible):
            conflict = largest.explain(time_limit=self.seconds, progress=self.tell)
            return replace(answer, largest=largest, conflict=conflict)
        if not isinstance(largest, Optimum):
            return replace(answer, largest=largest)
        answer = replace(answer, binding=largest.explain())
        fullest = self.largest(quantities["flops"], quantities["parameters"] >= largest.value)
        return replace(answer, largest=largest, fullest=fullest)

    def largest(self, quantity: Quantity, *more: Limit) -> Best:
        answer: Best = maximize(
            quantity,
            self.limit,
            *more,
            time_limit=self.seconds,
            progress=self.tell,
            engine=self.engine,
            **self.subject.restriction,
        )
        return answer
