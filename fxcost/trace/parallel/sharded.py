"""`fully_shard`, as far as memory goes: a model whose weights, gradients and optimizer states are sharded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import nn

from fxcost.errors import FactoryError
from fxcost.trace.checkpointing import Checkpointing
from fxcost.trace.parallel.arrangement import Arrangement
from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.parallel.shards import Shard
from fxcost.trace.parallel.units import Policy, Shared, Unit
from fxcost.trace.recorder import Recorder


class Sharded(Arrangement):
    """A model with `fully_shard` called on some of its modules, and then on itself.

    Args:
        model: The model.
        parallel: The recipe.
        recorder: What records the step.

    Raises:
        FactoryError: `fully_shard` refuses the model.
    """

    def __init__(self, model: nn.Module, parallel: Parallel, recorder: Recorder) -> None:
        super().__init__(model)
        reduced = None if parallel.reduce_dtype == parallel.param_dtype else parallel.reduce_dtype
        self.shared = Shared(Policy(parallel.dp, parallel.param_dtype, reduced), recorder)
        units = dict.fromkeys([*_modules(model, parallel), model])
        taken: dict[nn.Parameter, nn.Module] = {}
        made: dict[nn.Module, Unit] = {}
        for module in units:
            shards = self._shards(_managed(module, units), taken)
            reshards = parallel.zero == 3 and module is not model
            made[module] = Unit(self.shared, module, shards, reshards=reshards)
        self.shared.units = [made[module] for module in model.modules() if module in made]
        _prefetch([unit for unit in self.shared.units if unit is not made[model]], parallel.prefetch)
        recorder.name_modules(model)

    def _shards(self, modules: Iterable[nn.Module], taken: dict[nn.Parameter, nn.Module]) -> list[Shard]:
        """Shard the weights of modules, each once, and let the modules have their parts."""
        policy, recorder = self.shared.policy, self.shared.recorder
        found: dict[nn.Parameter, Shard] = {}
        for module in modules:
            for name, weight in list(module._parameters.items()):
                if weight is None:
                    continue
                if weight in taken:
                    raise FactoryError(
                        f"fully_shard: the parameter {name} is shared by modules of several units; "
                        "choose units that have all of them"
                    )
                if weight not in found:
                    found[weight] = Shard.of(weight, policy.world_size, policy.gathered)
                    found[weight].free(recorder)
                found[weight].owners.append((module, name))
        taken.update(dict.fromkeys(found, self.model))
        shards = list(found.values())
        if len({shard.flat.dtype for shard in shards}) > 1 or len({shard.part.dtype for shard in shards}) > 1:
            raise FactoryError("fully_shard: a unit's parameters are of several types, which is not modelled")
        for shard in shards:
            shard.use(shard.parameter)
        return shards


def _prefetch(units: Sequence[Unit], count: Any) -> None:
    """Let each unit gather so many others, the nearest first; where no number is given, as it does anyway."""
    if count is None:
        return
    for at, unit in enumerate(units):
        unit.later = units[at + 1 : at + 1 + count]
        unit.earlier = units[max(at - count, 0) : at][::-1]


def _modules(model: nn.Module, parallel: Parallel) -> list[nn.Module]:
    """Return the modules that are units, those inside of others before them."""
    units: Any = parallel.units
    if units is None:
        return []
    try:
        found = Checkpointing(units).chosen(model)
    except FactoryError:
        raise FactoryError(
            f"Parallel(units={units!r}) chooses no module of {type(model).__name__}; "
            "its names are those of model.named_modules()"
        ) from None
    return [module for _, module in reversed(found)]


def _managed(root: nn.Module, units: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Yield the modules of a unit that are in no unit inside of it, as `_get_managed_modules` does."""
    others, seen = {module for module in units if module is not root}, set[nn.Module]()

    def visited(module: nn.Module) -> Iterator[nn.Module]:
        if module in others or module in seen:
            return
        seen.add(module)
        for child in module.children():
            yield from visited(child)
        yield module

    return visited(root)
