"""fxcost against real runs over the zoo: parameters, peak memory to the byte, FLOP."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from transformers import PreTrainedModel

from bench.comparison import Row, Subject, Witness, costs, counted, progress, told
from tests.oracles import memory as memory_oracle
from tests.oracles.agreement import RECIPES
from tests.zoo import ZOO

DRAWS = 64
"""So many settings are drawn for one whose depths no trace had."""


def rows(
    count: int, parameter_count: int, seed: int, recipes: Iterable[str] = tuple(RECIPES)
) -> Iterator[Row]:
    """Yield every comparison of the zoo at random configurations, under some recipes."""
    for factory, recipe in itertools.product(ZOO, recipes):
        progress(f"{factory.__name__}, {recipe}")
        yield from factory_rows(factory, recipe, max(count, parameter_count), count, seed)


def factory_rows(factory: Any, recipe: str, drawn: int, count: int, seed: int) -> Iterator[Row]:
    """Yield the comparisons of one factory under one recipe, the last of them at depths that are new."""
    witness = Witness()
    with witness.watching():
        subject = costs(factory, recipe)
        configs = settings(subject, witness, drawn, random.Random(f"{seed} {factory.__name__}"))
        if recipe == "inference":
            yield from (subject.row("parameters", config) for config in configs)
        chosen = configs[-count:]
        yield from (subject.row("peak_memory", config) for config in chosen)
        yield from (subject.row("flops", config) for config in chosen[-1 if recipe == "sgd" else 0 :])


def settings(subject: Subject, witness: Witness, count: int, draw: random.Random) -> list[Mapping[str, Any]]:
    """Draw settings; where depths are counted, the last has some that no trace had, if there are any."""
    space = subject.cost.space
    drawn = [space.sample(draw) for _ in range(count + DRAWS)]
    new = (config for config in drawn[count - 1 :] if is_unseen(subject, witness, config))
    return [*drawn[: count - 1], next(new, drawn[count - 1])]


def is_unseen(subject: Subject, witness: Witness, config: Mapping[str, Any]) -> bool:
    """Tell whether depths are counted at a configuration, and no trace had these."""
    return witness.is_new(config, counted(subject.cost, config))


def figures(count: int, seed: int, recipes: Iterable[str]) -> dict[str, Any]:
    """Return the share of comparisons that are equal, and transformers' architectures that are in all."""
    unequal: dict[str, int] = {factory.__name__: 0 for factory in ZOO}
    total = 0
    for row in told(rows(count, count, seed, recipes)):
        total += 1
        unequal[row.factory] += not row.equal
    exact = [factory for factory in ZOO if not unequal[factory.__name__]]
    architectures = {name for factory in exact if (name := architecture(factory)) is not None}
    progress(f"  transformers' architectures: {', '.join(sorted(architectures))}")
    return {
        "zoo_factories": len(ZOO),
        "zoo_exact_percent": 100 * (total - sum(unequal.values())) / total,
        "zoo_comparisons": total,
        "transformers_architectures": len(architectures),
    }


def architecture(factory: Any) -> str | None:
    """Return transformers' name of what a factory builds, None where it is none of theirs."""
    model = memory_oracle.real_model(factory, factory.space.sample(random.Random(0)))
    return model.config.model_type if isinstance(model, PreTrainedModel) else None
