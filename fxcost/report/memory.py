"""What `fxcost memory` shows: a setting's bytes on a GPU, term by term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.text import Text

from fxcost import units
from fxcost.gpu import Card, Fit, GpuMemory
from fxcost.report.inverse import settings_of
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
        return cls(subject, subject.cost.gpu_memory(card, **settings_of(subject, "fxcost memory")))

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
        remark = f"{_bytes(gpu.usable)} usable, a forecast; margin {card.margin:.0%}"
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


def _bytes(number: int) -> str:
    return units.format(number, units.Unit.BYTES)
