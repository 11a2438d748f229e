"""What `fxcost cost` shows: every quantity as a formula, and where the costs come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost.errors import ConfigError
from fxcost.report.breakdown import Breakdown
from fxcost.report.sensitivity import sensitivity_table
from fxcost.report.subject import Subject
from fxcost.solve import Sensitivity
from fxcost.space import Config


@dataclass(frozen=True)
class Costs:
    """All costs of a factory.

    Attributes:
        subject: The factory and its settings.
        breakdown: Where they come from, None where that was not asked.
        sensitivity: How one of them changes with each hyperparameter, None where that was not asked.
    """

    subject: Subject
    breakdown: Breakdown | None = None
    sensitivity: Sensitivity | None = None

    @classmethod
    def of(cls, subject: Subject, key: str | None, sensitive: str | None) -> Costs:
        """Return a factory's costs.

        Args:
            subject: The factory and its settings.
            key: What they are broken down by, if anything.
            sensitive: The quantity whose sensitivity is asked for, if any.

        Raises:
            ConfigError: Either is asked for, and hyperparameters are left open.
        """
        breakdown = None if key is None else Breakdown.of(subject.cost, key, _config(subject, f"--by {key}"))
        if sensitive is None:
            return cls(subject, breakdown)
        config = _config(subject, f"--sensitivity {sensitive}")
        return cls(subject, breakdown, subject.cost.quantities[sensitive].sensitivity(**config))

    def shown(self) -> Group:
        """Return them for rich."""
        parts: list[RenderableType] = [
            *(self.subject.heading(), Text()),
            self.subject.formulas(tuple(self.subject.cost.quantities)),
        ]
        if self.breakdown is not None:
            parts += [Text(), self.breakdown.table()]
        if self.sensitivity is not None:
            parts += [Text(), sensitivity_table(self.sensitivity)]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        formulas = self.subject.formulas_as_dict(tuple(self.subject.cost.quantities))
        return {
            **self.subject.as_dict(),
            **formulas,
            "breakdown": None if self.breakdown is None else self.breakdown.as_dict(),
            "sensitivity": None if self.sensitivity is None else self.sensitivity.as_dict(),
        }


def _config(subject: Subject, option: str) -> Config:
    """Return the one setting that an option is about."""
    if subject.config is None:
        missing = " ".join(f"--set {name}=..." for name in subject.open_names)
        raise ConfigError(f"{option} is about one setting; add {missing}")
    return subject.config
