"""What `fxcost memory` shows: a setting's bytes on a GPU, term by term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost import units
from fxcost.errors import ConfigError
from fxcost.gpu import Card, Fit, GpuMemory, Largest
from fxcost.report.subject import Subject
from fxcost.report.text import columns, remarked

STYLES = {Fit.FITS: "bold green", Fit.DOES_NOT_FIT: "bold red", Fit.TOO_CLOSE: "bold yellow"}


@dataclass(frozen=True)
class Memory:
    """One setting of a factory on one GPU."""

    subject: Subject
    gpu: GpuMemory

    @classmethod
    def of(cls, subject: Subject, card: Card) -> Memory:
        """Return a setting's memory.

        Raises:
            ConfigError: Hyperparameters are left open.
        """
        return cls(subject, subject.cost.gpu_memory(card, **_settings(subject, "fxcost memory")))

    @property
    def fit(self) -> Fit:
        """Whether it fits."""
        return self.gpu.fit

    def shown(self) -> Group:
        """Return it for rich."""
        gpu, card = self.gpu, self.gpu.card
        terms = [(_bytes(term.nbytes), term.name, term.basis) for term in gpu.terms]
        answers = [
            (
                "alive",
                _bytes(gpu.live),
                f"exact with the operators of {gpu.operators}: tensors alive at once",
            ),
            ("enough", _bytes(gpu.capacity.enough), "replayed: the smallest memory that completes two steps"),
            ("reserved", _bytes(gpu.reserved), "replayed: where there is room"),
            (
                "nvidia-smi",
                _bytes(gpu.shown),
                f"forecast: all of the above; few runs exceed {_bytes(gpu.at_most)}",
            ),
        ]
        verdict = Text.assemble((str(gpu.fit), STYLES[gpu.fit]), f" on {card.device.full_name}")
        remark = f"{_bytes(card.usable)} usable, a forecast; margin {card.margin:.0%}"
        return Group(
            self.subject.heading(),
            Text(),
            columns(terms, ("", "", "dim"), right=[0]),
            Text(),
            columns(
                [(name, size, Text(what, "dim")) for name, size, what in answers], ("", "", ""), right=[1]
            ),
            Text(),
            verdict.append_text(remarked("", remark)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**self.subject.as_dict(), "gpu_memory": self.gpu.as_dict()}


@dataclass(frozen=True)
class LargestThatFits:
    """The largest value of a hyperparameter that fits on a GPU."""

    subject: Subject
    largest: Largest

    @classmethod
    def of(cls, subject: Subject, card: Card, name: str) -> LargestThatFits:
        """Return it.

        Raises:
            ConfigError: Other hyperparameters are left open, or this one's values are no integers.
        """
        settings = _settings(subject, f"--largest {name}", but=name)
        return cls(subject, subject.cost.largest_on(card, name, **settings))

    @property
    def gpu(self) -> GpuMemory | None:
        """The memory with that value."""
        return self.largest.memory

    @property
    def fit(self) -> Fit:
        """Whether any value fits."""
        return Fit.DOES_NOT_FIT if self.largest.value is None else Fit.FITS

    def shown(self) -> Group:
        """Return it for rich."""
        parts: list[RenderableType] = [self.subject.heading(), Text(), Text(str(self.largest))]
        if self.gpu is not None:
            parts += [Text(), Text(str(self.gpu))]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**self.subject.as_dict(), "largest": self.largest.as_dict()}


def _settings(subject: Subject, asked: str, but: str = "") -> dict[str, Any]:
    """Return the one value of every hyperparameter but one.

    Raises:
        ConfigError: Others are left open.
    """
    missing = " ".join(f"--set {name}=..." for name in subject.open_names if name != but)
    if missing:
        raise ConfigError(f"{asked} is about one setting; add {missing}")
    return {name: domain.values[0] for name, domain in subject.space.domains.items() if name != but}


def _bytes(number: int) -> str:
    return units.format(number, units.Unit.BYTES)
