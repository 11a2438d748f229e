"""The smallest card on which a configuration fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fxcost import units
from fxcost.compilation import Cost
from fxcost.devices import Device, catalogue
from fxcost.errors import DeclarationError, FactoryError, UnknownOperatorError
from fxcost.gpu import Card, Fit, GpuMemory, described
from fxcost.inverse.setting import Setting
from fxcost.space import Config

REFUSALS = (DeclarationError, FactoryError, UnknownOperatorError)
"""What tracing raises where a card cannot run the operators that are asked for."""


@dataclass(frozen=True)
class TriedCard:
    """A card that was looked at.

    Attributes:
        card: The card.
        memory: The configuration's on it; None where it was not replayed.
        why: Why it was not.
    """

    card: Card
    memory: GpuMemory | None
    why: str = ""

    def __str__(self) -> str:
        name = f"{self.card.device.name} ({_bytes(self.card.device.memory)})"
        if self.memory is None:
            return f"{name}: {self.why}"
        needed, usable = _bytes(self.memory.capacity.enough), _bytes(self.memory.usable)
        return f"{name}: {described(self.memory)}, {needed} needed, {usable} usable"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "device": self.card.device.name,
            "why": self.why,
            "memory": None if self.memory is None else self.memory.as_dict(),
        }


@dataclass(frozen=True)
class SmallestCard:
    """The smallest of some cards on which a configuration fits.

    Attributes:
        config: The configuration.
        tried: The cards that were looked at, from small to large; the last is the answer, if any.
    """

    config: Config
    tried: tuple[TriedCard, ...]

    @property
    def memory(self) -> GpuMemory | None:
        """The configuration's on that card; None where it fits on none."""
        last = self.tried[-1].memory
        return last if last is not None and last.fit is Fit.FITS else None

    @property
    def device(self) -> Device | None:
        """The card; None where the configuration fits on none."""
        return None if self.memory is None else self.memory.card.device

    def __str__(self) -> str:
        found = "it fits on none" if self.device is None else f"{self.device.name} is the smallest that fits"
        return "\n  ".join([found, *map(str, self.tried)])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "smallest": None if self.device is None else self.device.name,
            "tried": [each.as_dict() for each in self.tried],
        }


def smallest_card(
    cost: Cost, cards: Sequence[str | Device | Card] | None = None, /, **config: Any
) -> SmallestCard:
    """Return the smallest card on which a configuration fits: of those with the least memory, the first.

    Every card is asked with its own operators and types; those of one compute capability share a trace. A
    card is not replayed where weights and optimizer states alone, which are the same on all, are too much.

    Args:
        cost: Of the factory and its recipe; whatever device it was traced for.
        cards: Those to choose from; None is the catalogue.
        **config: Every hyperparameter by name.

    Raises:
        ConfigError: A hyperparameter is missing, unknown or outside the space.
        InvalidConfigError: The factory itself refuses the configuration.
        UnknownDeviceError: No GPU has one of the names.
        DeclarationError: There is no card to choose from, or none can run what is asked for.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 65536), example=lambda width: torch.zeros(512, width))
        ... def net(width):
        ...     return torch.nn.Linear(width, width)
        >>> print(fc.smallest_card(fc.cost(net), ["a40", "rtx-4060", "rtx-4090"], width=50_000))
        rtx-4090 is the smallest that fits
          rtx-4060 (8.00 GiB): does not fit, 9.53 GiB needed, 7.58 GiB usable
          rtx-4090 (23.99 GiB): fits, 9.53 GiB needed, 23.57 GiB usable
    """
    setting = Setting.of(cost, config)
    chosen = sorted(
        map(Card.of, catalogue() if cards is None else cards), key=lambda card: card.device.memory
    )
    if not chosen:
        raise DeclarationError("smallest_card: there is no card to choose from")
    costs: dict[object, Cost] = {}
    tried: list[TriedCard] = []
    resident, refusal = 0, None
    for card in chosen:
        if resident > card.usable:
            tried.append(TriedCard(card, None, f"weights and states alone take {_bytes(resident)}"))
            continue
        runs = (card.device.compute_capability, card.release)
        try:
            if runs not in costs:
                costs[runs] = setting.traced(card)
            memory = costs[runs].gpu_memory(card, **setting.config)
        except REFUSALS as error:
            refusal = error
            tried.append(TriedCard(card, None, str(error)))
            continue
        tried.append(TriedCard(card, memory))
        resident = memory.resident
        if memory.fit is Fit.FITS:
            break
    if refusal is not None and not resident:
        raise refusal
    return SmallestCard(setting.config, tuple(tried))


def _bytes(number: int) -> str:
    return units.format(number, units.Unit.BYTES)
