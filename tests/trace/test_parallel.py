"""Training on several GPUs: peaks equal those of PyTorch's wrappers on a fake process group, to the byte."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError, FactoryError
from tests.oracles import gpus
from tests.trace.test_recipes import gpt, resnet, vit

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
    ],
)
def test_a_wrong_way_to_divide_says_what_to_write(fields, message):
    with pytest.raises(DeclarationError, match=message):
        fc.Parallel(**fields)


def test_a_wrong_option_of_a_recipe_is_refused_where_it_is_declared():
    with pytest.raises(DeclarationError, match="write one of"):
        fc.Training(torch.optim.SGD, precision=fc.Choice("fp32", "fp17"))
