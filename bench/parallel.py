"""Many GPUs: peaks against real steps of PyTorch's own wrappers on a fake process group, byte by byte.

Each way of dividing a step is traced once, with the number of GPUs symbolic, a pipeline once for each number
of stages; every number of GPUs and every setting of the hyperparameters is then compared with a real run on
the CPU (`tests/oracles/gpus.py` and `pipelines.py`).
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

import fxcost as fc
from bench.comparison import progress
from tests.oracles import gpus, pipelines
from tests.trace import staged_models as staged
from tests.trace import test_recipes as recipes
from tests.trace.divided_models import Block, biased
from tests.trace.test_tensor_parallel import layers, sequences

WORLDS = (2, 4, 8)
SETTINGS = 2
BLOCKS = recipes.BLOCKS
BF16 = torch.bfloat16
DEEP, LAYERS = staged.decoder.within(depth=4), staged.layers.within(depth=8)
FEW = {"worlds": (2, 4)}
IN_BF16 = {"loop": {"autocast": BF16}, "recipe": {"precision": "bf16-mixed"}}


@dataclass(frozen=True)
class Way:
    """A way to divide a step, and the real step.

    Attributes:
        parallel: Fields of the recipe.
        peak: From how many GPUs there are, a factory and a configuration to the real peak.
        factories: What is trained.
        count: The field that says how many GPUs there are.
        options: The optimizer's.
        recipe: Other fields of the recipe.
        worlds: How many GPUs there are to be.
    """

    parallel: Mapping[str, Any]
    peak: Callable[[int, Any, Any], int]
    factories: tuple[Any, ...] = (recipes.gpt, recipes.vit, recipes.resnet)
    count: str = "dp"
    options: Mapping[str, Any] = field(default_factory=lambda: {"foreach": True})
    recipe: Mapping[str, Any] = field(default_factory=dict)
    worlds: tuple[int, ...] = WORLDS


def _ddp(**loop: Any) -> Callable[[int, Any, Any], int]:
    return lambda world, factory, config: gpus.Ddp(world, **loop).worst(factory, config)


def _fsdp(**loop: Any) -> Callable[[int, Any, Any], int]:
    def peak(world: int, factory: Any, config: Any) -> int:
        units = {"units": lambda module: isinstance(module, (*BLOCKS, Block))}
        return gpus.Fsdp(world * loop.get("tp", 1), **units | loop).peak(factory, config)

    return peak


def _tp(plan: Any, **loop: Any) -> Callable[[int, Any, Any], int]:
    return lambda world, factory, config: gpus.Tp(world, plan=plan, **loop).peak(factory, config)


def _pipeline(schedule: str, split: Any, blocks: Any, factory: Any, **fields: Any) -> Way:
    """Return a way whose stages `split` makes in the real step; `fields` are those of recipe and loop."""
    loop, recipe = fields.get("loop", {}), fields.get("recipe", {})
    worlds = fields.get("worlds", WORLDS)
    way = {"schedule": schedule, "microbatches": max(worlds)}

    def peak(stages: int, factory: Any, config: Any) -> int:
        world = stages * loop.get("dp", 1)
        return pipelines.Pipeline(world, split=split, **way, **loop).worst(factory, config)

    parallel = {**way, "blocks": blocks, "dp": loop.get("dp", 1)}
    return Way(parallel, peak, (factory,), "pp", recipe=recipe, worlds=worlds)


MIXED = {"param_dtype": BF16, "reduce_dtype": torch.float32}
WAYS = {
    "ddp": Way({}, _ddp()),
    "ddp_bucket_views": Way({"gradient_as_bucket_view": True}, _ddp(as_view=True)),
    "zero_1": Way({"zero": 1}, _ddp(zero=1), (recipes.gpt,)),
    "zero_2": Way({"zero": 2, "units": BLOCKS}, _fsdp(reshard=False)),
    "zero_3": Way({"zero": 3, "units": BLOCKS}, _fsdp()),
    "zero_3_two_ahead": Way(
        {"zero": 3, "units": BLOCKS, "prefetch": 2}, _fsdp(prefetch=2), (recipes.vit, recipes.resnet)
    ),
    "zero_3_mixed": Way({"zero": 3, "units": BLOCKS, **MIXED}, _fsdp(**MIXED), (recipes.gpt, recipes.vit)),
    "tensor": Way(
        {"plan": layers()}, _tp(layers, options={"foreach": False}), (biased,), "tp", {"foreach": False}
    ),
    "sequence": Way({"plan": sequences()}, _tp(sequences), (biased,), "tp"),
    "zero_3_and_sequence": Way(
        {"zero": 3, "units": Block, "tp": 2, "plan": sequences()}, _fsdp(plan=sequences, tp=2), (biased,)
    ),
    "gpipe": _pipeline("gpipe", staged.DecoderStage, "blocks.*", DEEP, **FEW),
    "1f1b": _pipeline("1f1b", staged.DecoderStage, "blocks.*", DEEP, **FEW),
    "1f1b_mixed": _pipeline("1f1b", staged.DecoderStage, "blocks.*", DEEP, **FEW, **IN_BF16),
    "1f1b_and_ddp": _pipeline("1f1b", staged.part_of_layers, staged.is_layer, LAYERS, loop={"dp": 2}),
}


def figures(seed: int) -> dict[str, Any]:
    """Return how many comparisons there were, and how many were equal, of each way to divide a step."""
    draw = random.Random(seed)
    found: dict[str, Any] = {"parallel_comparisons": 0, "parallel_equal": 0, "parallel_largest_difference": 0}
    for name, way in WAYS.items():
        differences = [each for factory in way.factories for each in _differences(way, factory, draw)]
        equal = differences.count(0)
        progress(f"  {name}: {equal} of {len(differences)} equal")
        found[f"parallel_{name}"] = f"{equal}/{len(differences)}"
        found["parallel_comparisons"] += len(differences)
        found["parallel_equal"] += equal
        largest = max(map(abs, differences), default=0)
        found["parallel_largest_difference"] = max(found["parallel_largest_difference"], largest)
    return found


def _differences(way: Way, factory: Any, draw: random.Random) -> list[int]:
    parallel = fc.Parallel(**{way.count: fc.Choice(*way.worlds), **way.parallel})
    training = fc.Training(torch.optim.AdamW, options=way.options, parallel=parallel, **way.recipe)
    cost, found = fc.cost(factory, training=training), []
    for config in (factory.space.sample(draw) for _ in range(SETTINGS)):
        for world in way.worlds:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
                real = way.peak(world, factory, config)
            found.append(cost.peak_memory(**config, **{way.count: world}) - real)
    return found
