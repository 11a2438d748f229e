"""An operator's call on a card, as formulas of scratch memory see it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from fxcost.gpu.card import Card

MOST_MULTIPROCESSORS = 256
"""More than any card of the catalogue has."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory that a kernel takes for the time of its call.

    Attributes:
        nbytes: How much.
        needed: Whether the call fails without; where not, it goes on by other means.
        after: Which of the results was allocated last before it, from 0; None is the last of all.
        brief: Whether it is freed once the next one that is not brief is there, not only when the call ends.
    """

    nbytes: int
    needed: bool = True
    after: int | None = None
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's shape, in numbers, and its type."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def count(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes these take."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Kernel:
    """An operator's call at a configuration.

    Attributes:
        operator: Its name, such as "convolution".
        arguments: Every argument of its schema by name, tensors as `Tensor`, sequences as tuples, sizes as
            numbers.
        results: The tensors it returns; None where one is not there.
        card: What it runs on.
        channels_last: Whether images are laid out so.
    """

    operator: str
    arguments: Mapping[str, Any]
    results: tuple[Tensor | None, ...]
    card: Card
    channels_last: bool = False

    @property
    def multiprocessors(self) -> int:
        """How many the card has; where that is not said more than any has, with which kernels take most."""
        return self.card.device.multiprocessors or MOST_MULTIPROCESSORS
