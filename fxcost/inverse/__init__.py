"""Inverse questions on a GPU's memory: which card, how little checkpointing, what each change would buy."""

from __future__ import annotations

from fxcost.inverse.cards import SmallestCard, TriedCard, smallest_card
from fxcost.inverse.checkpointing import Checkpointed, LeastCheckpointing, least_checkpointing
from fxcost.inverse.gpus import Divided, FewestGpus, fewest_gpus
from fxcost.inverse.relaxing import Relaxation, Relaxations, relaxations

__all__ = [
    "Checkpointed",
    "Divided",
    "FewestGpus",
    "LeastCheckpointing",
    "Relaxation",
    "Relaxations",
    "SmallestCard",
    "TriedCard",
    "fewest_gpus",
    "least_checkpointing",
    "relaxations",
    "smallest_card",
]
