"""Predicted against measured, for one configuration that really runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fxcost import units
from fxcost.compilation import Cost
from fxcost.measure.alive import most_alive
from fxcost.measure.cold import ColdStart
from fxcost.measure.driver import Driver
from fxcost.measure.running import Run
from fxcost.space import Config
from fxcost.trace import Inference, Training
from fxcost.trace.declared import chosen


@dataclass(frozen=True)
class Compared:
    """A number of bytes, predicted and measured.

    Attributes:
        name: What it is.
        predicted: Before anything ran.
        measured: While it ran.
    """

    name: str
    predicted: int
    measured: int

    @property
    def error(self) -> float:
        """By which part of what was measured the prediction is too large; below 0 where it is too small."""
        return (self.predicted - self.measured) / self.measured

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "name": self.name,
            "predicted": self.predicted,
            "measured": self.measured,
            "error": self.error,
        }


@dataclass(frozen=True)
class Validation:
    """What was predicted of a configuration, and what it really took.

    Attributes:
        config: The configuration.
        device: What it ran on.
        rows: The comparisons.
        margin: By which part a prediction may be wrong; on a CPU by nothing.
    """

    config: Config
    device: str
    rows: tuple[Compared, ...]
    margin: float

    @property
    def holds(self) -> bool:
        """Whether every prediction is right within the margin."""
        return all(abs(row.error) <= self.margin for row in self.rows)

    def __str__(self) -> str:
        def shown(number: int) -> str:
            return units.format(number, units.Unit.BYTES)

        cells = [("", "predicted", "measured", "difference")] + [
            (row.name, shown(row.predicted), shown(row.measured), f"{row.error:+.2%}") for row in self.rows
        ]
        wide = [max(len(row[column]) for row in cells) for column in range(4)]
        lines = [
            "  ".join([f"{row[0]:<{wide[0]}}", *(f"{row[at]:>{wide[at]}}" for at in (1, 2, 3))])
            for row in cells
        ]
        return "\n".join([f"on {self.device}", *lines])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "config": dict(self.config),
            "device": self.device,
            "rows": [row.as_dict() for row in self.rows],
            "margin": self.margin,
            "holds": self.holds,
        }


def validate(cost: Cost, /, **config: Any) -> Validation:
    """Run a configuration by its recipe, and return what was predicted of it and what it really took.

    On a CPU that is the most bytes of tensors alive in the second of two steps. For costs of a GPU's
    operators it is, in two steps from a cold start, what PyTorch's allocator was asked for, has given and has
    reserved, and what the driver says of the process, which must be a new one; then the least memory with
    which the two steps complete, found by letting the allocator have less and less.

    Args:
        cost: Of the factory and its recipe; of a GPU's operators where it is to run on one.
        **config: Every hyperparameter by name.

    Raises:
        ConfigError: A hyperparameter is missing, unknown or outside the space.
        MeasurementError: There is no GPU, or one process cannot run the recipe.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 512), example=lambda width: torch.zeros(64, width))
        ... def net(width):
        ...     return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.GELU())
        >>> print(validate(fc.cost(net, training=fc.Training(torch.optim.AdamW)), width=256))
        on the CPU
                       predicted  measured  difference
        tensors alive   1.32 MiB  1.32 MiB      +0.00%
    """
    asked = cost.space.config(**config)
    recipe = chosen(cost.training or cost.inference or Inference(), asked)
    return _on_gpu(cost, recipe, asked) if cost.card else _on_cpu(cost, recipe, asked)


def _on_cpu(cost: Cost, recipe: Training | Inference, config: Config) -> Validation:
    run = Run(cost, recipe, config, "cpu")
    if isinstance(recipe, Training):
        run.step()
    measured = most_alive(run.step, run.tensors())
    row = Compared("tensors alive", cost.peak_memory(**config), measured)
    return Validation(config, "the CPU", (row,), 0.0)


def _on_gpu(cost: Cost, recipe: Training | Inference, config: Config) -> Validation:
    memory = cost.gpu_memory(None, **config)
    start = ColdStart(lambda: Run(cost, recipe, config, "cuda"))
    with Driver() as driver:
        taken = start.taken()
        used, _ = driver.of_this_process()
    capacity = memory.capacity
    rows = (
        Compared("asked of the allocator", memory.requests.asked, taken.asked),
        Compared("given by it", memory.replay.peak_allocated, taken.given),
        Compared("reserved by it", memory.reserved, taken.reserved),
        Compared("shown by nvidia-smi", memory.shown, used),
        Compared("enough for it", capacity.enough, start.enough(capacity.enough, capacity.step)),
    )
    return Validation(config, str(driver.properties.name), rows, memory.card.margin)
