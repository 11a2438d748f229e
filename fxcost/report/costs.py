"""What `fxcost cost` shows: every quantity as a formula, and where the costs come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost.errors import ConfigError
from fxcost.report.breakdown import Breakdown
from fxcost.report.subject import Subject


@dataclass(frozen=True)
class Costs:
    """All costs of a factory.

    Attributes:
        subject: The factory and its settings.
        breakdown: Where they come from, None where that was not asked.
    """

    subject: Subject
    breakdown: Breakdown | None

    @classmethod
    def of(cls, subject: Subject, key: str | None) -> Costs:
        """Return a factory's costs, broken down by a key.

        Raises:
            ConfigError: A breakdown is asked for, and hyperparameters are left open.
        """
        if key is None:
            return cls(subject, None)
        config = subject.config
        if config is None:
            missing = " ".join(f"--set {name}=..." for name in subject.open_names)
            raise ConfigError(f"--by {key} is about one setting; add {missing}")
        return cls(subject, Breakdown.of(subject.cost, key, config))

    def shown(self) -> Group:
        """Return them for rich."""
        parts: list[RenderableType] = [
            *(self.subject.heading(), Text()),
            self.subject.formulas(tuple(self.subject.cost.quantities)),
        ]
        if self.breakdown is not None:
            parts += [Text(), self.breakdown.table()]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        formulas = self.subject.formulas_as_dict(tuple(self.subject.cost.quantities))
        return {
            **self.subject.as_dict(),
            **formulas,
            "breakdown": None if self.breakdown is None else self.breakdown.as_dict(),
        }
