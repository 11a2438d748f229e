"""Why nothing satisfies all that was asked: what is in conflict, and what each of it would have to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fxcost.program import Source
from fxcost.solve.effort import Effort
from fxcost.solve.refusals import Refusal
from fxcost.space import Config


@dataclass(frozen=True)
class Relaxation:
    """A demand changed as little as lets a setting satisfy everything.

    Attributes:
        text: The demand as it would have to be; its number is rounded so that it still suffices.
        exact: The same with its exact number.
        value: The number, or the option, exactly.
        config: A setting that satisfies everything then.
        doubt: Why a smaller change may suffice too; None where it is proved that none does.

    >>> print(Relaxation("flops <= 2.01 kFLOP", "flops <= 2,004 FLOP", 2004, Config(width=1), None))
    flops <= 2.01 kFLOP (flops <= 2,004 FLOP)
    """

    text: str
    exact: str
    value: object
    config: Config
    doubt: str | None

    @property
    def proved(self) -> bool:
        """Whether no smaller change suffices."""
        return self.doubt is None

    def __str__(self) -> str:
        exact = "" if self.exact == self.text else f" ({self.exact})"
        doubt = "" if self.proved else f", not proved to be the smallest change: {self.doubt}"
        return f"{self.text}{exact}{doubt}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        written = {"text": self.text, "exact": self.exact, "value": self.value}
        return {**written, "config": dict(self.config), "proved": self.proved, "doubt": self.doubt}


@dataclass(frozen=True)
class Demand:
    """Something that was asked for.

    Attributes:
        kind: "limit", "restriction" or "condition".
        text: It in the user's words; of a pair that bounds a hyperparameter, the one end that matters.
        relaxations: What it would have to be, each alone sufficient: the nearest on either side, or one for
            each alternative of a limit with `|`.
        reason: Why there is none, or why others are not known; None where that are all.
    """

    kind: str
    text: str
    relaxations: tuple[Relaxation, ...] = ()
    reason: str | None = None

    @property
    def advice(self) -> str:
        """What it would have to be, or why that is not known."""
        if not self.relaxations:
            return self.reason or ""
        rest = f", or not known: {self.reason}" if self.reason else ""
        return f"would have to be {' or '.join(map(str, self.relaxations))}{rest}"

    def __str__(self) -> str:
        return f"{self.text}: {self.advice}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        relaxations = [relaxation.as_dict() for relaxation in self.relaxations]
        return {"kind": self.kind, "text": self.text, "relaxations": relaxations, "reason": self.reason}


@dataclass(frozen=True)
class Contradiction:
    """Demands that no setting satisfies together.

    A condition of the space is among them where the conflict is not proved without it.

    Attributes:
        demands: They.
        doubt: Why fewer may be in conflict; None where any one left out leaves a setting for the others.
        refusals: What the factory raises for settings that hence do not count.
        effort: What it took to find out.
    """

    demands: tuple[Demand, ...]
    doubt: str | None
    refusals: tuple[Refusal, ...]
    effort: Effort

    @property
    def minimal(self) -> bool:
        """Whether no fewer of the demands are in conflict."""
        return self.doubt is None

    @property
    def headline(self) -> str:
        """What is known of the demands."""
        few = "and no fewer" if self.minimal else f"not proved that no fewer are: {self.doubt}"
        return f"in conflict, {few} ({self.effort})"

    def refused(self, place: Callable[[Source], str] = str) -> list[str]:
        """Return a line for each refusal; `place` writes lines of code."""
        raised = [refusal.text(place) for refusal in self.refusals]
        return [f"settings for which the factory raises {each} do not count" for each in raised]

    def __str__(self) -> str:
        return "\n".join([f"{self.headline}:", *(f"  {each}" for each in (*self.demands, *self.refused()))])

    def as_dict(self, place: Callable[[Source], str] = str) -> dict[str, Any]:
        """Return what `--json` prints; `place` writes lines of code."""
        return {
            "minimal": self.minimal,
            "doubt": self.doubt,
            "demands": [demand.as_dict() for demand in self.demands],
            "refusals": [refusal.as_dict(place) for refusal in self.refusals],
            "seconds": round(self.effort.seconds, 3),
        }
