"""Pipelines: the peak of every stage equals that of PyTorch's PipelineStage and schedules, to the byte."""

from __future__ import annotations

import pytest
import torch

import fxcost as fc
from fxcost.costs.timeline import Timeline, highest
from fxcost.errors import DeclarationError, FactoryError, InvalidConfigError
from tests.oracles import pipelines
from tests.trace import staged_models as models
from tests.trace.divided_models import Block

CONFIGS = {
    "decoder": {"width": 64, "depth": 2, "batch": 8, "seq": 16},
    "layers": {"width": 64, "depth": 4, "batch": 16},
}
SPLITS = {"decoder": models.DecoderStage, "layers": models.part_of_layers}
BLOCKS = {"decoder": "blocks.*", "layers": models.is_layer}


def costs_of(name, recipe=None, **parallel):
    """Return the costs of a model with only its batch left open."""
    fixed = {key: value for key, value in CONFIGS[name].items() if key != "batch"}
    fields = {"optimizer": torch.optim.AdamW, **(recipe or {})}
    divided = fc.Parallel(**{"blocks": BLOCKS[name], "microbatches": 4} | parallel)
    return fc.cost(getattr(models, name).within(**fixed), training=fc.Training(**fields, parallel=divided))


def peaks_of(name, cost, **values):
    """Return the peak of each stage."""
    config = cost.space.config(**CONFIGS[name], **values)
    at = cost.regions.domain.encode(config)
    peaks = []
    for stage in cost.regions.sizes_at(config).stages():
        timeline = Timeline.of(stage)
        rows, _ = highest(timeline.alive, timeline.steps, timeline.labels)
        peaks.append(max(row.evaluate(at) for row in (timeline.alive, *(each.polynomial for each in rows))))
    return peaks


def real_peaks(name, pp, **loop):
    pipeline = pipelines.Pipeline(pp * loop.get("dp", 1), split=SPLITS[name], **loop)
    return pipeline.peaks(getattr(models, name), CONFIGS[name])


@pytest.mark.parametrize(
    ("name", "schedule", "pp", "microbatches"),
    [
        ("decoder", "gpipe", 2, 2),
        ("layers", "gpipe", 4, 2),
        ("layers", "1f1b", 4, 4),
    ],
)
def test_peak_memory_of_each_stage_equals_a_real_step_to_the_byte(name, schedule, pp, microbatches):
    way = {"schedule": schedule, "microbatches": microbatches}
    cost, real = costs_of(name, pp=pp, **way), real_peaks(name, pp, **way)
    assert peaks_of(name, cost) == real
    assert cost.peak_memory(**CONFIGS[name]) == max(real)


BF16 = torch.bfloat16
SGD = torch.optim.SGD
TOGETHER = {
    "SGD": ({"optimizer": SGD}, {}, {"optimizer": SGD}),
    "cast in the stages": ({"precision": "bf16-mixed"}, {}, {"autocast": BF16}),
    "cast around the schedule": (
        {"precision": "bf16-mixed", "backward_in_autocast": True},
        {},
        {"autocast": BF16, "backward_inside": True},
    ),
    "outputs returned": ({"keep_output": True}, {}, {"keep_output": True}),
    "clipped": ({"clip_norm": 1.0}, {}, {"norm": 1.0}),
    "gradients kept": ({"set_to_none": False}, {}, {"set_to_none": False}),
    "checkpointed": (
        {"checkpoint": "blocks.*"},
        {},
        {"checkpointed": lambda _, module: isinstance(module, Block)},
    ),
    "with DDP": ({}, {"dp": 2}, {"dp": 2}),
    "with DDP and views": ({}, {"dp": 2, "gradient_as_bucket_view": True}, {"dp": 2, "as_view": True}),
    "with a redundancy optimizer": ({}, {"dp": 2, "zero": 1}, {"dp": 2, "zero": 1}),
}


@pytest.mark.parametrize("together", TOGETHER)
def test_peak_memory_of_each_stage_of_a_recipe_equals_a_real_step_to_the_byte(together):
    recipe, parallel, loop = TOGETHER[together]
    at = {"schedule": "1f1b", "microbatches": 2}
    cost = costs_of("decoder", recipe, pp=2, **at, **parallel)
    assert peaks_of("decoder", cost) == real_peaks("decoder", 2, **at, **loop)


def test_how_a_step_is_divided_changes_no_operation_and_no_weight():
    factory = models.layers.within(width=64, depth=4)
    whole = fc.cost(factory, training=fc.Training(torch.optim.AdamW))
    divided = costs_of("layers", pp=4)
    for quantity in ("parameters", "flops", "weight_bytes"):
        assert getattr(divided, quantity)(**CONFIGS["layers"]) == getattr(whole, quantity)(
            **CONFIGS["layers"]
        )


def test_stages_and_microbatches_are_hyperparameters_and_their_divisibility_is_asked():
    cost = costs_of("layers", pp=fc.Choice(1, 2, 3), microbatches=fc.Choice(1, 2), schedule="gpipe")
    at = {**CONFIGS["layers"], "microbatches": 2}
    assert cost.gpus(pp=2, **at) == 2
    assert cost.peak_memory(pp=2, **at) < cost.peak_memory(pp=1, **at)
    with pytest.raises(InvalidConfigError, match="4 blocks cannot be divided among 3 stages"):
        cost.peak_memory(pp=3, **at)


def test_the_schedule_is_a_hyperparameter():
    cost = costs_of("decoder", pp=2, schedule=fc.Choice("gpipe", "1f1b"))
    best = fc.minimize(cost.peak_memory, batch=8)
    assert best.config["schedule"] == "1f1b"


def test_one_forward_one_backward_needs_as_many_microbatches_as_stages():
    with pytest.raises(FactoryError, match="not 2 for 4"):
        costs_of("layers", pp=4, microbatches=2)


def test_the_solver_finds_the_fewest_gpus_in_copies_and_stages():
    cost = costs_of("layers", dp=fc.Choice(1, 2), pp=fc.Choice(1, 2, 4), microbatches=2, schedule="gpipe")
    at = {pp: cost.peak_memory(dp=1, pp=pp, **CONFIGS["layers"]) for pp in (1, 2, 4)}
    best = fc.minimize(cost.gpus, cost.peak_memory <= at[2], **CONFIGS["layers"])
    assert at[1] > at[2] > at[4]
    assert (best.config["dp"], best.config["pp"]) == (1, 2)


def test_a_gpu_s_memory_is_that_of_the_stage_that_needs_most():
    cost = costs_of("layers", pp=2)
    memory = cost.gpu_memory("rtx-4090", **CONFIGS["layers"])
    assert memory.live == cost.peak_memory(**CONFIGS["layers"])


class Tied(models.Decoder):
    def __init__(self, width):
        super().__init__(width, 2)
        self.head.weight = self.tokens.weight


class Skipping(models.Decoder):
    """Adds the first block's input to the last one's output."""

    def __init__(self, width):
        super().__init__(width, 2)

    def forward(self, ids):
        first = states = self.tokens(ids)
        for block in self.blocks:
            states = block(states)
        return self.head(self.norm(states + first + self.positions.weight[0]))


class Scaling(models.Decoder):
    """Does something between its blocks."""

    def __init__(self, width):
        super().__init__(width, 2)

    def forward(self, ids):
        states = self.tokens(ids) + self.positions.weight[0]
        for block in self.blocks:
            states = block(states) * 2
        return self.head(self.norm(states))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Tied, "tokens.weight is used in stages 0, 1"),
        (Skipping, "uses a tensor that the model makes before"),
        (Scaling, "what block 1 gets is not what the block before hands on"),
    ],
)
def test_a_model_that_is_no_chain_of_blocks_is_refused(model, message):
    @fc.model(
        width=fc.Choice(16, 32),
        batch=fc.Int(2, 8),
        example=lambda batch: torch.zeros(batch, 8, dtype=torch.long),
    )
    def factory(width):
        return model(width)

    parallel = fc.Parallel(pp=2, blocks="blocks.*", microbatches=2)
    with pytest.raises(FactoryError, match=message):
        fc.cost(factory, training=fc.Training(torch.optim.AdamW, parallel=parallel))


def test_blocks_that_choose_nothing_are_refused():
    with pytest.raises(FactoryError, match="chooses no module of Layers"):
        costs_of("layers", pp=2, blocks="blocks.*")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pp": 2}, "write blocks= and microbatches="),
        ({"pp": 2, "blocks": "*"}, "write blocks= and microbatches="),
        ({"pp": 0, "blocks": "*", "microbatches": 2}, "at least one"),
        ({"pp": 2, "blocks": "*", "microbatches": 0}, "at least one"),
        ({"pp": 2, "blocks": "*", "microbatches": 2, "schedule": "2f1b"}, "write one of"),
        ({"pp": 2, "blocks": "*", "microbatches": 2, "zero": 3}, "modelled with zero=0 or zero=1"),
    ],
)
def test_a_wrong_pipeline_says_what_to_write(fields, message):
    with pytest.raises(DeclarationError, match=message):
        fc.Parallel(**fields)


@pytest.mark.parametrize("fields", [{"accumulation": 2}, {"ema": 0.9}, {"scaler": True}, {"offload": True}])
def test_what_is_not_modelled_with_a_pipeline_is_refused(fields):
    with pytest.raises(DeclarationError, match="not modelled with a pipeline"):
        costs_of("layers", fields, pp=2)
