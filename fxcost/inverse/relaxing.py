"""What each single change would buy for a configuration that does not fit on a GPU.

Every change is traced and replayed, none is estimated. Each is alone: two that do not suffice may together.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fxcost import units
from fxcost.compilation import Cost
from fxcost.devices import Device, catalogue
from fxcost.errors import FxcostError
from fxcost.gpu import Card, Fit, GpuMemory, described, largest
from fxcost.inverse.cards import smallest_card
from fxcost.inverse.checkpointing import least_checkpointing
from fxcost.inverse.setting import Setting
from fxcost.solve.budget import Progress
from fxcost.space import Int
from fxcost.trace import Training

HALF = (8, 0)
"""From this compute capability on, tensor cores multiply bf16."""


@dataclass(frozen=True)
class Relaxation:
    """One change.

    Attributes:
        change: What is written instead.
        memory: What the configuration takes with it; None where it could not be had.
        why: Why not.
    """

    change: str
    memory: GpuMemory | None
    why: str = ""

    @property
    def fits(self) -> bool:
        """Whether the configuration fits with this change alone."""
        return self.memory is not None and self.memory.fit is Fit.FITS

    def __str__(self) -> str:
        if self.memory is None:
            return f"{self.change}: {self.why}"
        room = self.memory.room
        left = f"{_bytes(room)} of room" if room >= 0 else f"{_bytes(-room)} too much"
        return f"{self.change}: {described(self.memory)}, {left}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "change": self.change,
            "fits": self.fits,
            "why": self.why,
            "room": None if self.memory is None else self.memory.room,
            "memory": None if self.memory is None else self.memory.as_dict(),
        }


@dataclass(frozen=True)
class Relaxations:
    """What single changes would buy.

    Attributes:
        memory: What the configuration takes as it is.
        changes: The changes; none where it fits as it is.
    """

    memory: GpuMemory
    changes: tuple[Relaxation, ...]

    @property
    def fitting(self) -> tuple[Relaxation, ...]:
        """The changes with which it fits."""
        return tuple(change for change in self.changes if change.fits)

    def __str__(self) -> str:
        return "\n  ".join([str(Relaxation("as it is", self.memory)), *map(str, self.changes)])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "as_it_is": self.memory.as_dict(),
            "changes": [change.as_dict() for change in self.changes],
        }


def relaxations(
    cost: Cost,
    device: str | Device | Card | None = None,
    batch: str = "batch",
    progress: Progress | None = None,
    /,
    **config: Any,
) -> Relaxations:
    """Return what single changes would buy for a configuration that does not fit on a GPU.

    The changes are, as far as they apply: of every integer hyperparameter the largest smaller value that
    fits; the same batch in as few micro-batches as fit; the least checkpointing; mixed precision and bf16;
    the optimizer's one-by-one and fused kernels; gradients set to None; its states on the host; segments
    that grow; the next card on which it fits.

    Args:
        cost: Of the factory and its recipe.
        device: The GPU; None is that whose choices were traced.
        batch: The hyperparameter that counts the samples of a batch.
        progress: Is told of each change when it is known.
        **config: Every hyperparameter by name.

    Raises:
        ConfigError: A hyperparameter is missing, unknown or outside the space.
        InvalidConfigError: The factory itself refuses the configuration.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(batch=fc.Int(2, 4096), example=lambda batch: torch.zeros(batch, 2**20))
        ... def net():
        ...     return torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Flatten())
        >>> print(fc.relaxations(fc.cost(net), "rtx-4060", batch=1500))
        as it is: does not fit, 4.14 GiB too much
          batch=924: fits, 370.00 MiB of room
          expandable_segments:True: does not fit, 4.14 GiB too much
          device=t4: fits, 3.03 GiB of room
    """
    card, setting = cost.card_of(device), Setting.of(cost, config)
    memory = setting.memory(card)
    if memory.fit is Fit.FITS:
        return Relaxations(memory, ())
    question = _Question(cost, card, setting, config)
    changes = []
    for change in question.answers(batch):
        changes.append(change)
        if progress is not None:
            progress(str(change))
    return Relaxations(memory, tuple(changes))


@dataclass(frozen=True)
class _Question:
    """A setting that does not fit.

    Attributes:
        cost: The factory's costs.
        card: The GPU.
        setting: The setting.
        config: The same, with the recipe's hyperparameters.
    """

    cost: Cost
    card: Card
    setting: Setting
    config: Mapping[str, Any]

    def answers(self, batch: str) -> Iterator[Relaxation]:
        """Yield every change that applies."""
        for name in self.setting.config:
            if isinstance(self.cost.space[name], Int):
                yield from self._smaller(name)
        recipe = self.setting.training
        if recipe is not None:
            if batch in self.setting.config:
                yield from self._in_parts(recipe, batch)
            yield from self._checkpointed()
            for change, other in _recipes(recipe, self.card):
                yield self._tried(change, self.card, other)
        if not self.card.settings.expandable_segments:
            growing = dataclasses.replace(self.card.settings, expandable_segments=True)
            card = dataclasses.replace(self.card, settings=growing)
            yield self._tried("expandable_segments:True", card)
        yield from self._larger_card()

    def _smaller(self, name: str) -> Iterator[Relaxation]:
        """Yield the largest smaller value that fits, or the smallest one, where there are smaller ones."""
        if self.card.runs_as(self.cost.card):  # it is traced already
            open_cost, config = self.cost, self.config
        else:
            config = self.setting.config
            within = {other: value for other, value in config.items() if other != name}
            open_cost = self.setting.traced(self.card, within=within)
        others = {other: value for other, value in config.items() if other != name}
        now: Any = self.setting.config[name]
        below = [value for value in open_cost.values_of(name, **others) if value < now]
        if not below:
            return

        def at(value: int) -> GpuMemory:
            return open_cost.gpu_memory(self.card, **others, **{name: value})

        found = largest(name, below, [0] * len(below), self.card.usable, at)
        memory = found.memory or found.next
        if memory is not None:
            yield Relaxation(f"{name}={memory.config[name]}", memory)

    def _in_parts(self, recipe: Training, batch: str) -> Iterator[Relaxation]:
        """Yield the same batch in as few micro-batches as fit, or in as many as there can be."""
        whole: Any = self.setting.config[batch]
        possible = self.cost.space[batch].values
        counts = [count for count in range(2, whole + 1) if not whole % count and whole // count in possible]
        relaxation = None
        for count in counts:
            training = dataclasses.replace(recipe, accumulation=recipe.accumulation * count)
            change = f"accumulation={training.accumulation} with {batch}={whole // count}"
            relaxation = self._tried(change, self.card, training, **{batch: whole // count})
            if relaxation.fits:
                break
        if relaxation is not None:
            yield relaxation

    def _checkpointed(self) -> Iterator[Relaxation]:
        """Yield the least checkpointing, or as much as there can be."""
        try:
            found = least_checkpointing(self.cost, self.card, **self.config)
        except FxcostError as error:
            yield Relaxation("checkpointing", None, str(error))
            return
        best = found.least or min(found.tried[1:], key=lambda each: each.memory.capacity.enough)
        yield Relaxation(str(best), best.memory)

    def _larger_card(self) -> Iterator[Relaxation]:
        """Yield the next card that has more memory and on which it fits."""
        larger = [each for each in catalogue() if each.memory > self.card.device.memory]
        if not larger:
            return
        cards = [dataclasses.replace(self.card, device=device) for device in larger]
        found = smallest_card(self.cost, cards, **self.config)
        if found.memory is None:
            yield Relaxation("a larger card", None, "it fits on none")
        else:
            yield Relaxation(f"device={found.memory.card.device.name}", found.memory)

    def _tried(self, change: str, card: Card, training: Training | None = None, **other: Any) -> Relaxation:
        """Return a change, or why it could not be made."""
        try:
            return Relaxation(change, self.setting.memory(card, training, **other))
        except FxcostError as error:
            return Relaxation(change, None, str(error))


def _recipes(recipe: Training, card: Card) -> Iterator[tuple[str, Training]]:
    """Yield what may be changed of a recipe for less memory, as it is written."""
    replace = dataclasses.replace
    if recipe.precision in ("fp32", "tf32"):
        mixed = "bf16-mixed" if card.device.compute_capability >= HALF else "fp16-mixed"
        yield f'precision="{mixed}"', replace(recipe, precision=mixed)
    if recipe.precision != "bf16-true" and card.device.compute_capability >= HALF:
        plain = replace(recipe, precision="bf16-true", backward_in_autocast=False, scaler=None)
        yield 'precision="bf16-true"', plain
    taken = inspect.signature(recipe.optimizer).parameters
    for name, value in (("foreach", False), ("fused", True)):
        if name in taken and not recipe.options.get("fused") and recipe.options.get(name) is not value:
            options = {
                each: said for each, said in recipe.options.items() if each not in ("foreach", "fused")
            }
            yield f"{name}={value}", replace(recipe, options=options | {name: value})
    if not recipe.set_to_none:
        yield "set_to_none=True", replace(recipe, set_to_none=True)
    if not recipe.offload and not recipe.scales:
        yield "offload=True", replace(recipe, offload=True)


def _bytes(number: int) -> str:
    return units.format(number, units.Unit.BYTES)
