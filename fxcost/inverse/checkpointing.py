"""The least activation checkpointing with which a configuration fits.

What is tried are chains. A chain takes some modules in the order in which they run, all of which are alike in
being an item of a list, and checkpoints its first one, its first two, and so on: of as many modules the first
ones are best, as they run again last, when what the others keep is already freed. There are two chains: in
one everything in the modules runs again, in the other what is multiplied is kept. The least is what makes
fewest operations run again, FLOPs and element by element, counted exactly as the difference of two steps; of
as many, the fewest modules.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fxcost import units
from fxcost.compilation import Cost
from fxcost.devices import Device
from fxcost.errors import DeclarationError
from fxcost.gpu import Card, Fit, GpuMemory
from fxcost.inverse.setting import Setting
from fxcost.program import Phase
from fxcost.space import Config
from fxcost.trace import Checkpointing
from fxcost.trace.checkpointing import matches

aten = torch.ops.aten

MULTIPLIED = (
    aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default, aten.convolution.default,
    aten._scaled_dot_product_flash_attention.default, aten._scaled_dot_product_efficient_attention.default,
    aten._scaled_dot_product_cudnn_attention.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
)  # fmt: skip
"""The operators whose results are kept where what is multiplied does not run again."""


@dataclass(frozen=True)
class Checkpointed:
    """Some modules checkpointed.

    Attributes:
        checkpoint: What `fc.Training` takes; None for no module.
        modules: Their names.
        recomputed: Operations that run again, element by element ones among them.
        memory: What the configuration takes with them.
    """

    checkpoint: Checkpointing | None
    modules: tuple[str, ...]
    recomputed: int
    memory: GpuMemory

    @property
    def keeps(self) -> bool:
        """Whether what is multiplied is kept."""
        return self.checkpoint is not None and bool(self.checkpoint.save)

    def __str__(self) -> str:
        if not self.modules:
            return "nothing checkpointed"
        first, *more = self.modules
        names = f"{first} to {more[-1]}" if more else first
        kept = ", keeping what is multiplied" if self.keeps else ""
        again = units.format(self.recomputed, units.Unit.FLOP)
        return f"{len(self.modules)} checkpointed ({names}){kept}: {again} run again"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "modules": list(self.modules),
            "keeps_what_is_multiplied": self.keeps,
            "recomputed": self.recomputed,
            "memory": self.memory.as_dict(),
        }


@dataclass(frozen=True)
class LeastCheckpointing:
    """The least checkpointing with which a configuration fits.

    Attributes:
        config: The configuration.
        modules: The names of all that could be checkpointed, in the order in which they run.
        least: The answer; None where all of them are not enough.
        tried: All that was replayed, in turn; the first one checkpoints nothing.
    """

    config: Config
    modules: tuple[str, ...]
    least: Checkpointed | None
    tried: tuple[Checkpointed, ...]

    @property
    def memory(self) -> GpuMemory | None:
        """What the configuration takes with the answer; None where there is none."""
        return None if self.least is None else self.least.memory

    def __str__(self) -> str:
        counted = f"of {len(self.modules)} modules"
        lines = [
            f"no checkpointing {counted} makes it fit" if self.least is None else f"{counted}, {self.least}"
        ]
        for each in self.tried:
            needed = units.format(each.memory.capacity.enough, units.Unit.BYTES)
            lines.append(f"{each}; {each.memory.fit}, {needed} needed")
        return "\n  ".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "modules": list(self.modules),
            "least": None if self.least is None else self.least.as_dict(),
            "tried": [each.as_dict() for each in self.tried],
        }


def least_checkpointing(
    cost: Cost,
    device: str | Device | Card | None = None,
    modules: str | None = None,
    /,
    **config: Any,
) -> LeastCheckpointing:
    """Return the least checkpointing with which a training step fits on a GPU, in place of the recipe's own.

    "Least" is fewest operations that run again, then fewest modules, among the first modules of a list, with
    or without what is multiplied kept. The fewest modules with which what is alive fits are bisected, as each
    one leaves less alive; from there on every count is replayed until one fits, for fragments can make more
    checkpointing need more memory.

    Args:
        cost: Of the factory and its recipe.
        device: The GPU; None is that whose choices were traced.
        modules: A pattern of names such as `"encoder.layers.*"`; None is the outermost modules that are items
            of a list, else the model's own children.
        **config: Every hyperparameter by name.

    Raises:
        ConfigError: A hyperparameter is missing, unknown or outside the space.
        DeclarationError: The recipe is no training, or no module is as the pattern says.
        FactoryError: The modules cannot be checkpointed.

    Example:
        >>> import torch, fxcost as fc
        >>> class Block(torch.nn.Sequential):
        ...     def __init__(self):
        ...         super().__init__(torch.nn.Linear(512, 512), torch.nn.Tanh(), torch.nn.GELU())
        >>> @fc.model(batch=fc.Int(2, 2**20), example=lambda batch: torch.zeros(batch, 512))
        ... def net():
        ...     return torch.nn.Sequential(*(Block() for _ in range(4)))
        >>> cost = fc.cost(net, training=fc.Training(torch.optim.SGD))
        >>> print(fc.least_checkpointing(cost, "rtx-4060", batch=2**19).least)
        3 checkpointed (0 to 2): 826.24 GFLOP run again
    """
    if cost.training is None:
        raise DeclarationError("least_checkpointing: an inference keeps no activations; give training=")
    search = _Search(Setting.of(cost, config), cost.card_of(device))
    names = search.named(modules)
    if search.tried[0].memory.fit is not Fit.FITS:
        for save in ((), MULTIPLIED):
            search.run(names, save)
    fitting = [each for each in search.tried if each.memory.fit is Fit.FITS]
    least = min(fitting, key=lambda each: (each.recomputed, len(each.modules)), default=None)
    return LeastCheckpointing(search.setting.config, names, least, tuple(search.tried))


class _Search:
    """Checkpoints modules of a factory, and remembers what came of it."""

    def __init__(self, setting: Setting, card: Card) -> None:
        self.setting, self.card = setting, card
        self.plain = self._traced(None)
        self.operations = self._operations(self.plain)
        self.tried = [Checkpointed(None, (), 0, self.plain.gpu_memory(card, **setting.config))]

    def named(self, pattern: str | None) -> tuple[str, ...]:
        """Return the modules that a pattern is about, or those that are taken without one, as they run."""
        paths = self._paths()
        if pattern is not None:
            found = [path for path in paths if matches(path, pattern)]
        else:
            found = [path for path in paths if _is_item(path)] or [path for path in paths if "." not in path]
        if not found:
            known = ", ".join(path for path in paths if "." not in path) or "none but the model itself"
            raise DeclarationError(f"no module that runs is named as in {pattern!r}; outermost are {known}")
        return tuple(found)

    def run(self, names: Sequence[str], save: Sequence[Any]) -> None:
        """Find how many of some modules it takes: from the fewest on with which what is alive fits."""
        chain = [names[: count + 1] for count in range(len(names))]
        known: dict[int, Checkpointed] = {}

        def at(place: int) -> Checkpointed:
            if place not in known:
                known[place] = self._with(chain[place], save)
            return known[place]

        def could(place: int) -> bool:
            return at(place).memory.live <= self.card.usable

        first = bisect.bisect_left(range(len(chain)), True, key=could)
        for place in range(first, len(chain)):
            if at(place).memory.fit is Fit.FITS:
                return

    def _with(self, names: Sequence[str], save: Sequence[Any]) -> Checkpointed:
        checkpoint = Checkpointing(tuple(names), save=save)
        cost = self._traced(checkpoint)
        again = self._operations(cost) - self.operations
        memory = cost.gpu_memory(self.card, **self.setting.config)
        self.tried.append(Checkpointed(checkpoint, tuple(names), again, memory))
        return self.tried[-1]

    def _traced(self, checkpoint: Checkpointing | None) -> Cost:
        recipe = dataclasses.replace(self.setting.training, checkpoint=checkpoint)  # type: ignore[type-var]
        return self.setting.traced(self.card, recipe)

    def _operations(self, cost: Cost) -> int:
        return cost.flops(**self.setting.config) + cost.pointwise_flops(**self.setting.config)

    def _paths(self) -> tuple[str, ...]:
        """Return the names of all modules that run in the forward pass, in turn."""
        nodes = self.plain.regions.sizes_at(self.setting.config).operators()
        ran = (node.meta["module"] for node in nodes if node.meta["phase"] is Phase.FORWARD)
        return tuple(dict.fromkeys(path for name in dict.fromkeys(ran) for path in _prefixes(name)))


def _prefixes(name: str) -> Iterator[str]:
    """Yield a module's name, and before it those of the modules that it is in.

    >>> list(_prefixes("blocks.0.mlp"))
    ['blocks', 'blocks.0', 'blocks.0.mlp']
    """
    parts = name.split(".") if name else []
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _is_item(path: str) -> bool:
    """Tell whether a module is an item of a list, and in no other such module."""
    *outer, last = path.split(".")
    return last.isdecimal() and not any(part.isdecimal() for part in outer)
