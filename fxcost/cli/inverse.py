"""Answers the questions of `fxcost memory`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fxcost.cli.progress import Tell
from fxcost.devices import catalogue
from fxcost.gpu import Card
from fxcost.inverse import fewest_gpus, least_checkpointing, relaxations, smallest_card
from fxcost.report.inverse import Inverse, settings_of
from fxcost.report.memory import Memory
from fxcost.report.subject import Subject
from fxcost.trace.declared import domains_of


@dataclass(frozen=True)
class OnGpu:
    """A factory's setting on a GPU.

    Attributes:
        subject: The factory's costs and settings.
        card: The GPU; of the smallest card, that with whose software the others are asked.
        tell: Is told what is being done.
    """

    subject: Subject
    card: Card
    tell: Tell

    def answered(self, question: str | None, detail: str) -> Memory | Inverse:
        """Return what a setting takes, or the answer to an inverse question.

        Args:
            question: Its option's name; None asks for the setting as it is.
            detail: What its option says.

        Raises:
            FxcostError: The question is wrong, or the factory cannot be traced.
        """
        if question is None:
            return Memory.of(self.subject, self.card)
        option = f"--{question.replace('_', '-')}"
        setting = settings_of(self.subject, f"{option} {detail}".strip(), self._left_open(question, detail))
        return Inverse(self.subject, question, self._answer(question, detail, setting))

    def _left_open(self, question: str, detail: str) -> tuple[str, ...]:
        """Return the hyperparameters that a question is about."""
        if question == "largest":
            return (detail,)
        training = self.subject.cost.training
        if question != "fewest_gpus" or training is None:
            return ()
        return tuple(name for name in domains_of(training.parallel) if name in self.subject.open_names)

    def _answer(self, question: str, detail: str, setting: dict[str, Any]) -> Any:
        cost, card = self.subject.cost, self.card
        match question:
            case "largest":
                return cost.largest_on(card, detail, **setting)
            case "smallest_card":
                cards = [dataclasses.replace(card, device=device) for device in catalogue()]
                return smallest_card(cost, cards, **setting)
            case "fewest_gpus":
                return fewest_gpus(cost, card, detail or None, **setting)
            case "least_checkpointing":
                return least_checkpointing(cost, card, detail or None, **setting)
        return relaxations(cost, card, detail or "batch", self.tell, **setting)
