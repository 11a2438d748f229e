"""How many settings are feasible, as a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fxcost.errors import UnknownVerdictError
from fxcost.solve.effort import Effort
from fxcost.solve.spelling import count


@dataclass(frozen=True)
class Count:
    """How many settings a statement holds for.

    Attributes:
        statement: What was asked.
        lower: There are no fewer: proved.
        upper: There are no more: proved.
        settings: The number of settings before conditions and refusals.
        reason: Why the two numbers differ, None where they do not.
        effort: What it took.

    >>> print(Count("parameters <= 1 B", 30, 30, 1200, None, Effort(1, 0.2)))
    parameters <= 1 B: 30 of 1,200 settings (2.5 %), exact (1 region, 0.2 s)
    """

    statement: str
    lower: int
    upper: int
    settings: int
    reason: str | None
    effort: Effort

    @property
    def exact(self) -> bool:
        """Whether the number is known."""
        return self.lower == self.upper

    @property
    def fraction(self) -> Fraction:
        """The share of all settings.

        Raises:
            UnknownVerdictError: The number is not known.
        """
        return Fraction(int(self), self.settings)

    def __int__(self) -> int:
        if not self.exact:
            raise UnknownVerdictError(f"{self}; give it a longer time_limit, or restrict the hyperparameters")
        return self.lower

    def __bool__(self) -> bool:
        if not self.exact and not self.lower:
            raise UnknownVerdictError(f"{self}; give it a longer time_limit, or restrict the hyperparameters")
        return self.lower > 0

    def __str__(self) -> str:
        if self.exact:
            share = f"{float(Fraction(100 * self.lower, self.settings)):.3g} %"
            number = f"{self.lower:,} of {count(self.settings)} ({share}), exact"
        else:
            number = f"between {self.lower:,} and {self.upper:,} of {count(self.settings)}: {self.reason}"
        return f"{self.statement}: {number} ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "verdict": "count",
            "statement": self.statement,
            "exact": self.exact,
            "lower": self.lower,
            "upper": self.upper,
            "settings": self.settings,
            "reason": self.reason,
            "regions": self.effort.regions,
            "seconds": round(self.effort.seconds, 3),
            "basis": list(self.effort.basis),
        }
