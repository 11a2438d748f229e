"""What `fxcost check` found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost.devices import Device
from fxcost.report.best import Best, best_of
from fxcost.report.explanation import Explanation
from fxcost.report.places import line_of
from fxcost.report.reasons import conflict_shown
from fxcost.report.subject import Subject
from fxcost.report.text import columns, indented
from fxcost.solve import Binding, Contradiction, Optimum, Proved, Refuted, Unknown
from fxcost.space.spelling import assignments_text, spelled
from fxcost.units import Unit
from fxcost.units import format as amount

HEADLINES = ("parameters", "flops", "peak_memory")
ROWS = 4
"""So many rows of a maximum are shown."""
SCOPE = (
    "peak_memory counts tensors, with the operators PyTorch picks on {}. A CUDA context, fragmentation "
    "and scratch memory come on top: what fits may be too tight, what does not fit needs at least this."
)


@dataclass(frozen=True)
class Checked:
    """The answer of `fxcost check`.

    Attributes:
        subject: The factory and its settings.
        device: The device that is to hold the peak, None where only limits were given.
        limits: The other limits, as the user wrote them.
        verdict: Whether all hold for every setting left open.
        explanation: Why they do not.
        nearest: By hyperparameter the largest value, at most the counterexample's, with which the limits hold
            when the others stay as they are; None where they were not looked for.
        most: The setting that needs most of the device, where all fit.
        largest: The most parameters for which the limits hold.
        fullest: The most FLOPs with that many parameters.
        conflict: Why the limits hold for no setting at all; None where they hold for some.
        binding: Why no more parameters are possible; None where there is no setting.
    """

    subject: Subject
    device: Device | None
    limits: tuple[str, ...]
    verdict: Proved | Refuted | Unknown
    explanation: Explanation | None = None
    nearest: Mapping[str, object] = field(default_factory=dict)
    most: Best | None = None
    largest: Best | None = None
    fullest: Best | None = None
    conflict: Contradiction | None = None
    binding: Binding | None = None

    def shown(self) -> Group:
        """Return the answer for rich."""
        parts: list[RenderableType] = [
            *(self.subject.heading(), Text()),
            *(self.subject.formulas(HEADLINES, ROWS), Text()),
            self._headline(),
        ]
        if self.explanation is not None:
            parts.append(indented(self.explanation.shown()))
        rows = self._advice()
        if rows:
            parts += [Text(), columns(rows, ("bold", "", "dim"))]
        if self.conflict is not None:
            parts += [Text(), conflict_shown(self.conflict)]
        return Group(*parts, Text(), Text(self._scope(), style="dim"))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        violations = self.explanation.violations if self.explanation else ()
        best = {"most": self.most, "largest": self.largest, "fullest": self.fullest}
        return {
            **self.subject.as_dict(),
            **self.subject.formulas_as_dict(HEADLINES),
            "device": self.device and {"name": self.device.name, "memory": self.device.memory},
            "limits": list(self.limits),
            **self.verdict.as_dict(),
            "violations": [violation.as_dict() for violation in violations],
            "nearest": dict(self.nearest),
            **{name: answer and answer.as_dict() for name, answer in best.items()},
            "conflict": self.conflict and self.conflict.as_dict(line_of),
            "binding": self.binding and self.binding.as_dict(),
            "scope": self._scope(),
        }

    def _scope(self) -> str:
        return SCOPE.format("a CPU" if self.device is None else self.device.name)

    def _headline(self) -> Text:
        words = "fit" if self.device and not self.limits else "hold"
        always = "" if self.subject.config else "always "
        asked = Text(f"{self._asked()}: ", style="bold")
        match self.verdict:
            case Proved(statement=statement):
                proof = str(self.verdict).removeprefix(f"{statement}: ")
                return asked.append(f"{words}s", "bold green").append(f", {proof}")
            case Refuted(counterexample=config):
                asked.append(f"does not {always}{words}", "bold red")
                return asked.append(f": not at {assignments_text(config)}" if always else "")
            case Unknown(reason=reason):
                return asked.append(f"unknown whether it {words}s", "bold yellow").append(f": {reason}")

    def _asked(self) -> str:
        device = [f"{self.device.name} ({amount(self.device.memory, Unit.BYTES)})"] if self.device else []
        return " and ".join([*device, *self.limits])

    def _advice(self) -> list[tuple[str, str, str]]:
        rows = []
        if isinstance(self.verdict, Refuted):
            changes = " or ".join(f"{name}={spelled(value)}" for name, value in self.nearest.items())
            rows.append(("one change that fits", changes or "there is none", ""))
        if self.most is not None:
            rows.append(("needs at most", *best_of(self.most)))
        if isinstance(self.largest, Optimum) and isinstance(self.fullest, Optimum):
            rows.append(("largest that fits", *best_of(self.largest, self.fullest)))
        elif self.largest is not None:
            rows.append(("largest that fits", *best_of(self.largest)))
        if self.binding is not None and self.binding.limits:
            rows.append(("a larger one breaks", ", ".join(self.binding.limits), ""))
        return rows
