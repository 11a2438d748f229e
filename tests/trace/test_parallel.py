"""Training on several GPUs: peaks equal those of PyTorch's wrappers on a fake process group, to the byte."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError, FactoryError
from tests.oracles import gpus
from tests.trace.test_recipes import BLOCKS, gpt, resnet, vit

FACTORIES = {"gpt": gpt, "resnet": resnet, "vit": vit}
CONFIGS = {
    "gpt": {"width": 48, "batch": 3, "seq": 16},
    "resnet": {"classes": 10, "batch": 2, "resolution": 64},
    "vit": {"width": 36, "batch": 5},
}
SIZES = (2, 4, 8)


def costs_of(factory, *, optimizer=torch.optim.AdamW, recipe=None, **parallel):
    divided = fc.Parallel(dp=fc.Choice(1, *SIZES), **parallel)
    return fc.cost(factory, training=fc.Training(optimizer, parallel=divided, **(recipe or {})))


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("as_view", [False, True])
def test_peak_memory_in_ddp_equals_a_real_loop_to_the_byte(name, as_view):
    cost = costs_of(FACTORIES[name], gradient_as_bucket_view=as_view)
    for size in SIZES:
        real = gpus.Ddp(size, as_view=as_view).worst(FACTORIES[name], CONFIGS[name])
        assert cost.peak_memory(dp=size, **CONFIGS[name]) == real
    assert len(cost.regions.known) == 1


@pytest.mark.parametrize("as_view", [False, True])
def test_peak_memory_in_ddp_does_not_depend_on_how_gradients_are_divided_among_buckets(as_view):
    tiny, default = (
        gpus.Ddp(2, as_view=as_view, buckets_of=cap).worst(gpt, CONFIGS["gpt"]) for cap in (0.01, None)
    )
    assert tiny == default


@pytest.mark.parametrize("name", FACTORIES)
def test_peak_memory_with_a_redundancy_optimizer_equals_that_of_the_worst_gpu_to_the_byte(name):
    cost = costs_of(FACTORIES[name], zero=1)
    for size in SIZES if name == "gpt" else SIZES[:2]:
        real = gpus.Ddp(size, zero=1).worst(FACTORIES[name], CONFIGS[name])
        assert cost.peak_memory(dp=size, **CONFIGS[name]) == real


@pytest.mark.parametrize("zero", [0, 1])
@pytest.mark.parametrize("kept", [False, True])
def test_peak_memory_in_ddp_with_accumulation_and_clipping_equals_a_real_loop_to_the_byte(zero, kept):
    recipe = {"accumulation": 3, "set_to_none": not kept, "clip_norm": 1.0}
    cost = costs_of(gpt, zero=zero, recipe=recipe)
    real = gpus.Ddp(4, zero=zero, accumulation=3, set_to_none=not kept, norm=1.0)
    assert cost.peak_memory(dp=4, **CONFIGS["gpt"]) == real.worst(gpt, CONFIGS["gpt"])


@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 16), example=lambda batch: torch.zeros(batch, 4))
def unused(width):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(4, width), nn.Linear(4, 4)

        def forward(self, rows):
            return self.used(rows)

    return Net()


def test_ddp_refuses_a_parameter_that_gets_no_gradient():
    with pytest.raises(FactoryError, match="requires_grad_"):
        costs_of(unused)


def is_block(module):
    return isinstance(module, BLOCKS)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("zero", [2, 3])
def test_peak_memory_fully_sharded_equals_a_real_loop_to_the_byte(name, zero):
    cost = costs_of(FACTORIES[name], zero=zero, units=BLOCKS)
    for size in (1, 2, 8):
        real = gpus.Fsdp(size, units=is_block, reshard=False if zero == 2 else None)
        assert cost.peak_memory(dp=size, **CONFIGS[name]) == real.peak(FACTORIES[name], CONFIGS[name])


@pytest.mark.parametrize("name", FACTORIES)
def test_sharded_states_equal_real_ones_to_the_byte(name):
    cost = costs_of(FACTORIES[name], zero=3, units=BLOCKS)
    for size in SIZES:
        parts = cost.peak_memory.by("kind", dp=size, **CONFIGS[name])
        real = gpus.Fsdp(size, units=is_block).states(FACTORIES[name], CONFIGS[name])
        assert (parts["parameter"], parts["optimizer state"]) == real


@pytest.mark.parametrize("zero", [2, 3])
def test_peak_memory_of_weights_with_few_tokens_equals_a_real_loop_to_the_byte(zero):
    cost = costs_of(gpt, optimizer=torch.optim.SGD, zero=zero, units=BLOCKS)
    for width in (16, 128):
        config = {"width": width, "batch": 2, "seq": 8}
        for size in SIZES:
            real = gpus.Fsdp(
                size, optimizer=torch.optim.SGD, units=is_block, reshard=False if zero == 2 else None
            )
            assert cost.peak_memory(dp=size, **config) == real.peak(gpt, config)


BF16 = torch.bfloat16
TOGETHER = {
    "all of the model at once": ({}, {"units": None}, {"units": None}),
    "gathered in bf16": ({}, {"param_dtype": BF16}, {"param_dtype": BF16}),
    "reduced in fp32": (
        {"accumulation": 2},
        {"param_dtype": BF16, "reduce_dtype": torch.float32},
        {"param_dtype": BF16, "reduce_dtype": torch.float32, "accumulation": 2},
    ),
    "checkpointed and gathered ahead": (
        {"checkpoint": BLOCKS},
        {"prefetch": 2},
        {"prefetch": 2, "checkpointed": lambda _, module: is_block(module)},
    ),
    "checkpointed": ({"checkpoint": BLOCKS}, {}, {"checkpointed": lambda _, module: is_block(module)}),
    "in autocast": ({"precision": "bf16-mixed"}, {}, {"autocast": BF16}),
    "accumulated and clipped": (
        {"accumulation": 3, "clip_norm": 1.0},
        {},
        {"accumulation": 3, "norm": 1.0},
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_peak_memory_of_a_sharded_recipe_equals_a_real_loop_to_the_byte(name):
    recipe, parallel, real = TOGETHER[name]
    cost = costs_of(gpt, recipe=recipe, **{"zero": 3, "units": BLOCKS} | parallel)
    for size in (2, 8):
        loop = gpus.Fsdp(size, **{"units": is_block} | real)
        assert cost.peak_memory(dp=size, **CONFIGS["gpt"]) == loop.peak(gpt, CONFIGS["gpt"])


@pytest.mark.parametrize("zero", [2, 3])
def test_peak_memory_of_weights_gathered_ahead_equals_a_real_loop_to_the_byte(zero):
    cost = costs_of(
        resnet, optimizer=torch.optim.SGD, zero=zero, units=BLOCKS, prefetch=fc.Choice(None, 1, 2, 9)
    )
    config, peaks = {"classes": 10, "batch": 2, "resolution": 32}, {}
    for ahead in (None, 1, 2, 9):
        real = gpus.Fsdp(
            4,
            optimizer=torch.optim.SGD,
            units=is_block,
            prefetch=ahead,
            reshard=False if zero == 2 else None,
        )
        peaks[ahead] = cost.peak_memory(dp=4, prefetch=ahead, **config)
        assert peaks[ahead] == real.peak(resnet, config)
    assert (peaks[1] < peaks[2]) is (zero == 3)  # otherwise weights stay gathered


def test_what_the_model_has_does_not_depend_on_how_it_is_divided():
    whole, divided = fc.cost(gpt), costs_of(gpt, zero=3, units=BLOCKS)
    config = CONFIGS["gpt"]
    for quantity in ("parameters", "weight_bytes"):
        assert getattr(divided, quantity)(dp=4, **config) == getattr(whole, quantity)(**config)


def test_the_solver_finds_the_fewest_gpus_and_how_to_divide():
    training = fc.Training(
        torch.optim.AdamW,
        parallel=fc.Parallel(dp=fc.Choice(2, 4, 8), zero=fc.Choice(0, 3), units=BLOCKS),
    )
    cost = fc.cost(gpt, training=training)
    config = {"width": 128, "batch": 2, "seq": 8}
    at = {(dp, zero): cost.peak_memory(dp=dp, zero=zero, **config) for dp in (2, 4, 8) for zero in (0, 3)}
    best = fc.minimize(cost.gpus, cost.peak_memory <= at[4, 3], **config)
    assert at[2, 3] > at[4, 3] < at[2, 0]
    assert (best.config["dp"], best.config["zero"]) == (4, 3)


def test_units_that_choose_nothing_are_refused():
    with pytest.raises(FactoryError, match="chooses no module of Gpt"):
        costs_of(gpt, zero=3, units="layers.*")


@pytest.mark.parametrize(
    "fields", [{"set_to_none": False}, {"ema": 0.9}, {"scaler": True}, {"offload": True}]
)
def test_what_is_not_modelled_with_fully_shard_is_refused(fields):
    with pytest.raises(DeclarationError, match="not modelled with fully_shard"):
        costs_of(gpt, zero=3, recipe=fields)


def test_a_field_of_a_recipe_may_be_a_hyperparameter():
    training = fc.Training(
        torch.optim.AdamW,
        precision=fc.Choice("fp32", "bf16-mixed"),
        accumulation=fc.Int(1, 64),
        checkpoint=fc.Choice("blocks.*", None),
    )
    cost = fc.cost(gpt, training=training)
    assert cost.space.names == ("width", "batch", "seq", "precision", "accumulation", "checkpoint")
    config = CONFIGS["gpt"]
    for fields in (
        {"precision": "fp32", "accumulation": 1, "checkpoint": None},
        {"precision": "bf16-mixed", "accumulation": 7, "checkpoint": "blocks.*"},
    ):
        alone = fc.cost(gpt, training=fc.Training(torch.optim.AdamW, **fields))
        for quantity in ("peak_memory", "flops", "traffic"):
            assert getattr(cost, quantity)(**config, **fields) == getattr(alone, quantity)(**config)


def test_a_number_of_micro_batches_is_one_closed_form():
    cost = fc.cost(gpt, training=fc.Training(torch.optim.SGD, accumulation=fc.Int(2, 1000)))
    one, many = (cost.flops(**CONFIGS["gpt"], accumulation=number) for number in (2, 1000))
    assert many == 500 * one
    assert len(cost.regions.known) == 1


def test_an_inference_may_have_hyperparameters_of_its_own():
    cost = fc.cost(gpt, inference=fc.Inference(precision=fc.Choice("fp32", "bf16-true")))
    wide, narrow = (cost.peak_memory(**CONFIGS["gpt"], precision=name) for name in ("fp32", "bf16-true"))
    assert narrow < wide


def test_the_solver_chooses_what_a_recipe_leaves_open():
    training = fc.Training(
        torch.optim.AdamW, precision=fc.Choice("fp32", "bf16-true"), accumulation=fc.Choice(1, 2)
    )
    cost = fc.cost(gpt, training=training)
    best = fc.minimize(cost.peak_memory, width=64, batch=4, seq=32)
    assert best.config["precision"] == "bf16-true"


def test_the_gpus_are_a_quantity():
    cost = costs_of(gpt)
    assert cost.gpus(dp=4, **CONFIGS["gpt"]) == 4
    assert fc.maximize(cost.gpus, cost.peak_memory <= "64 MiB", **CONFIGS["gpt"]).config["dp"] == 8
    assert fc.cost(gpt, training=fc.Training(torch.optim.SGD)).gpus(**CONFIGS["gpt"]) == 1


def test_a_name_is_declared_once():
    @fc.model(accumulation=fc.Int(1, 4), batch=fc.Int(2, 3), example=lambda batch: torch.zeros(batch, 4))
    def net(accumulation):
        return nn.Linear(4, accumulation)

    with pytest.raises(DeclarationError, match="accumulation is a hyperparameter of the factory and of"):
        fc.cost(net, training=fc.Training(torch.optim.SGD, accumulation=fc.Int(1, 4)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dp": 0}, "at least one"),
        ({"dp": 2.0}, "as an int"),
        ({"dp": fc.Choice(0, 1)}, "at least one"),
        ({"zero": 4}, "write one of"),
        ({"zero": fc.Choice(0, 7)}, "write one of"),
        ({"param_dtype": torch.bfloat16}, "write zero=2"),
        ({"zero": 3, "units": 5}, "write a pattern"),
        ({"prefetch": 1}, "write zero=2"),
        ({"zero": 3, "prefetch": 0}, "at least one"),
    ],
)
def test_a_wrong_way_to_divide_says_what_to_write(fields, message):
    with pytest.raises(DeclarationError, match=message):
        fc.Parallel(**fields)


def test_a_wrong_option_of_a_recipe_is_refused_where_it_is_declared():
    with pytest.raises(DeclarationError, match="write one of"):
        fc.Training(torch.optim.SGD, precision=fc.Choice("fp32", "fp17"))
