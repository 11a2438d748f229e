"""fxcost against real runs over the zoo: parameters, peak memory to the byte, FLOP."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch

import fxcost as fc
from tests.oracles import flops as flop_oracle
from tests.oracles import memory as memory_oracle
from tests.zoo import ZOO

RECIPES: dict[str, tuple[fc.Training | None, Any]] = {
    "inference": (None, None),
    "sgd": (
        fc.Training(torch.optim.SGD, options={"lr": 1e-3, "momentum": 0.9}),
        memory_oracle.SGD,
    ),
    "adamw": (fc.Training(torch.optim.AdamW), memory_oracle.ADAMW),
}


@dataclass(frozen=True)
class Row:
    """One number of one factory at one configuration: what fxcost says, and what a real run has."""

    factory: str
    recipe: str
    quantity: str
    config: dict[str, Any]
    predicted: int
    real: int

    @property
    def equal(self) -> bool:
        return self.predicted == self.real

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"equal": self.equal}


def rows(count: int, parameter_count: int, seed: int, progress: Callable[[str], None]) -> Iterator[Row]:
    """Yield every comparison of the zoo at random configurations."""
    for factory in ZOO:
        draw = random.Random(f"{seed} {factory.__name__}")
        configs = [factory.space.sample(draw) for _ in range(max(count, parameter_count))]
        for recipe, (training, real_training) in RECIPES.items():
            progress(f"{factory.__name__}, {recipe}")
            cost = fc.cost(factory, training=training)
            if training is None:
                for config in configs[:parameter_count]:
                    real = memory_oracle.real_parameters(factory, config)
                    yield Row(
                        factory.__name__, recipe, "parameters", dict(config), cost.parameters(**config), real
                    )
            for config in configs[:count]:
                peak = memory_oracle.real_peak(factory, config, real_training)
                yield Row(
                    factory.__name__, recipe, "peak_memory", dict(config), cost.peak_memory(**config), peak
                )
            for config in configs[: 1 if recipe == "sgd" else count]:
                real = real_flops(factory, config, trained=training is not None)
                yield Row(factory.__name__, recipe, "flops", dict(config), cost.flops(**config), real)


def real_flops(factory: Any, config: Any, *, trained: bool) -> int:
    """Return the FLOP that the oracle counts in a real run."""
    model = memory_oracle.real_model(factory, config)
    batch = memory_oracle.real_batch(factory, config)
    if not trained:
        model.eval()
        with torch.no_grad():
            return flop_oracle.oracle_flops(lambda: memory_oracle.called(model, batch))
    loss_of = factory.loss or memory_oracle.sum_of_output
    return flop_oracle.oracle_flops(lambda: loss_of(memory_oracle.called(model, batch)).backward())
