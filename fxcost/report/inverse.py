"""What `fxcost memory` shows of inverse questions: a card, checkpoints, changes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost.errors import ConfigError
from fxcost.gpu import Fit, GpuMemory, Largest
from fxcost.inverse import FewestGpus, LeastCheckpointing, Relaxations, SmallestCard
from fxcost.report.subject import Subject


@dataclass(frozen=True)
class Inverse:
    """The answer to an inverse question about a setting.

    Attributes:
        subject: The factory and its settings.
        name: What `--json` calls the answer.
        answer: The answer.
    """

    subject: Subject
    name: str
    answer: Largest | SmallestCard | LeastCheckpointing | FewestGpus | Relaxations

    @property
    def gpu(self) -> GpuMemory | None:
        """What the answer takes on its GPU; None where nothing fits."""
        return self.answer.memory

    @property
    def fit(self) -> Fit:
        """Whether there is an answer; of changes, whether the setting fits as it is."""
        return Fit.DOES_NOT_FIT if self.gpu is None else self.gpu.fit

    def shown(self) -> Group:
        """Return it for rich."""
        parts: list[RenderableType] = [self.subject.heading(), Text(), Text(str(self.answer))]
        if self.gpu is not None and not isinstance(self.answer, Relaxations):
            parts += [Text(), Text(str(self.gpu))]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**self.subject.as_dict(), self.name: self.answer.as_dict()}


def settings_of(subject: Subject, asked: str, but: Collection[str] = ()) -> dict[str, Any]:
    """Return the one value of every hyperparameter but some.

    Args:
        subject: The factory and its settings.
        asked: What was asked, for the error.
        but: Those that are left out.

    Raises:
        ConfigError: Others are left open.
    """
    missing = " ".join(f"--set {name}=..." for name in subject.open_names if name not in but)
    if missing:
        raise ConfigError(f"{asked} is about one setting; add {missing}")
    return {name: domain.values[0] for name, domain in subject.space.domains.items() if name not in but}
