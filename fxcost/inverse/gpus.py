"""The fewest GPUs on which a training step fits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fxcost import units
from fxcost.compilation import Cost
from fxcost.devices import Device
from fxcost.errors import ConfigError, DeclarationError, FactoryError, FxcostError
from fxcost.gpu import Card, Fit, GpuMemory, described
from fxcost.inverse.setting import Setting
from fxcost.space import Config
from fxcost.space.spelling import assignments_text
from fxcost.trace.declared import chosen, domains_of


@dataclass(frozen=True)
class Divided:
    """A step divided among GPUs in one way.

    Attributes:
        gpus: How many there are.
        values: The hyperparameters that say how, and that of a batch that is divided, too.
        memory: What it takes on each GPU, at most.
    """

    gpus: int
    values: Mapping[str, Any]
    memory: GpuMemory

    def __str__(self) -> str:
        count = f"{self.gpus} GPU{'s' if self.gpus > 1 else ''}"
        needed = units.format(self.memory.capacity.enough, units.Unit.BYTES)
        usable = units.format(self.memory.usable, units.Unit.BYTES)
        ways = assignments_text(self.values)
        return f"{count} ({ways}): {described(self.memory)}, {needed} needed, {usable} usable"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"gpus": self.gpus, **self.values, "memory": self.memory.as_dict()}


@dataclass(frozen=True)
class FewestGpus:
    """The fewest GPUs on which a step fits.

    Attributes:
        config: The configuration.
        tried: The ways in which it was divided, by the number of GPUs; the last is the answer, if any is.
    """

    config: Config
    tried: tuple[Divided, ...]

    @property
    def memory(self) -> GpuMemory | None:
        """What the answer takes; None where there is none."""
        last = self.tried[-1].memory
        return last if last.fit is Fit.FITS else None

    @property
    def count(self) -> int | None:
        """How many GPUs; None where it fits on none of those that may be taken."""
        return None if self.memory is None else self.tried[-1].gpus

    def __str__(self) -> str:
        found = (
            "it fits in none of these ways" if self.count is None else f"fewest that fit: {self.tried[-1]}"
        )
        return "\n  ".join([found, *map(str, self.tried)])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"fewest": self.count, "tried": [each.as_dict() for each in self.tried]}


def fewest_gpus(
    cost: Cost, device: str | Device | Card | None = None, batch: str | None = None, /, **config: Any
) -> FewestGpus:
    """Return the fewest GPUs on which a training step fits, among the ways that its recipe leaves open.

    They are tried from the fewest GPUs on, and of as many in the order in which the hyperparameters of
    `fc.Parallel` have their values; each is traced and replayed, but for those that divide nothing evenly.

    Args:
        cost: Of the factory and its recipe, whose `parallel` has domains.
        device: The GPU, of which there are several; None is that whose choices were traced.
        batch: The hyperparameter whose value is of the whole step, and divided among GPUs with other data;
            None leaves each GPU the same batch.
        **config: Every hyperparameter by name, but those of `parallel` that are open.

    Raises:
        ConfigError: A hyperparameter is missing, unknown or outside the space.
        DeclarationError: The recipe has no `parallel` with a domain that is left open; or the batch cannot be
            divided in any of the ways.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 65536), example=lambda width: torch.zeros(64, width))
        ... def net(width):
        ...     return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(4)))
        >>> parallel = fc.Parallel(dp=fc.Choice(1, 2, 4, 8), zero=3, units="*")
        >>> cost = fc.cost(net, training=fc.Training(torch.optim.AdamW, parallel=parallel))
        >>> print(fc.fewest_gpus(cost, "rtx-4090", width=24576))
        fewest that fit: 4 GPUs (dp=4): fits, 20.30 GiB needed, 22.90 GiB usable
          1 GPU (dp=1): does not fit, 45.07 GiB needed, 23.57 GiB usable
          2 GPUs (dp=2): does not fit, 27.05 GiB needed, 23.04 GiB usable
          4 GPUs (dp=4): fits, 20.30 GiB needed, 22.90 GiB usable
    """
    card = cost.card_of(device)
    tried: list[Divided] = []
    refused: FxcostError | None = None
    for gpus, values in _ways(cost, batch, config):
        try:
            memory = Setting.of(cost, {**config, **values}).memory(card)
        except (ConfigError, FactoryError) as refusal:  # a pipeline's stages would not be alike
            refused = refusal
            continue
        tried.append(Divided(gpus, values, memory))
        if memory.fit is Fit.FITS:
            break
    if not tried:
        none = DeclarationError(f"{batch}={config.get(batch or '')} can be divided in none of the ways")
        raise refused or none
    return FewestGpus(Config(config), tuple(tried))


def _ways(cost: Cost, batch: str | None, config: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield how many GPUs there may be and what is set then, from the fewest on."""
    parallel = None if cost.training is None else cost.training.parallel
    domains = domains_of(parallel)
    open_ones = {name: domain for name, domain in domains.items() if name not in config}
    if parallel is None or not open_ones:
        raise DeclarationError(
            "fewest_gpus: nothing is left open; write "
            "Training(parallel=fc.Parallel(dp=fc.Choice(1, 2, 4, 8)))"
        )
    if batch is not None and batch not in config:
        raise ConfigError(f"fewest_gpus: {batch} is missing; write that of the whole step")
    values = itertools.product(*(domain.values for domain in open_ones.values()))
    ways = [dict(zip(open_ones, each, strict=True)) for each in values]
    counted: list[tuple[Any, dict[str, Any]]] = [(chosen(parallel, {**config, **way}), way) for way in ways]
    for divided, way in sorted(counted, key=lambda each: math.prod(each[0].factors)):
        gpus = math.prod(divided.factors)
        if batch is None:
            yield gpus, way
        elif not config[batch] % divided.dp and config[batch] // divided.dp in cost.space[batch]:
            yield gpus, {**way, batch: config[batch] // divided.dp}
