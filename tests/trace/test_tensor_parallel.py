"""Layers divided among GPUs: peaks equal those of `parallelize_module` on fake GPUs, to the byte."""

from __future__ import annotations

import pytest
import torch
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
)

import fxcost as fc
from fxcost.errors import DeclarationError, FactoryError, InvalidConfigError
from tests.oracles import gpus
from tests.trace.divided_models import Block, biased, decoder

CONFIGS = ({"width": 128, "batch": 3, "seq": 32}, {"width": 64, "batch": 8, "seq": 64})
FACTORIES = {"decoder": decoder, "biased": biased}
BETWEEN = {f"blocks.*.attention.{name}": ColwiseParallel for name in ("query", "key", "value")}


def layers():
    """Return the plan of tensor parallelism alone."""
    rows = {"blocks.*.attention.out": RowwiseParallel(), "blocks.*.down": RowwiseParallel()}
    return {name: style() for name, style in BETWEEN.items()} | rows | {"blocks.*.up": ColwiseParallel()}


def sequences():
    """Return the plan of tensor and sequence parallelism, in which DTensors go from layer to layer."""
    whole, along = Replicate(), Shard(1)
    return {name: style() for name, style in BETWEEN.items()} | {
        "tokens": RowwiseParallel(input_layouts=whole, output_layouts=along),
        "blocks.*.norm1": SequenceParallel(),
        "blocks.*.norm2": SequenceParallel(),
        "blocks.*.attention": PrepareModuleInput(input_layouts=(along,), desired_input_layouts=(whole,)),
        "blocks.*.attention.out": RowwiseParallel(output_layouts=along),
        "blocks.*.up": ColwiseParallel(input_layouts=along),
        "blocks.*.down": RowwiseParallel(output_layouts=along),
        "norm": SequenceParallel(),
        "head": ColwiseParallel(input_layouts=along, output_layouts=whole),
    }


def columns():
    """Return that plan with an embedding of which each GPU has some columns, and a module that divides."""
    first = PrepareModuleInput(
        input_layouts=(Replicate(),), desired_input_layouts=(Shard(1),), use_local_output=True
    )
    return sequences() | {"tokens": ColwiseParallel(output_layouts=Replicate()), "blocks.0": first}


def outputs():
    """Return a plan in which a module's output is divided."""
    return {
        "blocks.*.up": ColwiseParallel(),
        "blocks.*.down": RowwiseParallel(),
        "norm": PrepareModuleOutput(output_layouts=Replicate(), desired_output_layouts=Shard(1)),
        "head": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
    }


PLANS = {
    "layers": (layers, {"foreach": False}),
    "sequences": (sequences, {"foreach": True}),
    "columns": (columns, {"foreach": True}),
    "outputs": (outputs, {"foreach": False}),
}


def cost_of(factory, plan, options=None, **parallel):
    divided = fc.Parallel(**{"tp": fc.Choice(1, 2, 4, 8), "plan": plan()} | parallel)
    return fc.cost(factory, training=fc.Training(torch.optim.AdamW, options=options or {}, parallel=divided))


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("plan", PLANS)
def test_peak_memory_with_layers_divided_equals_a_real_loop_to_the_byte(name, plan):
    make, options = PLANS[plan]
    cost = cost_of(FACTORIES[name], make, options)
    for config in CONFIGS:
        for size in (2, 4, 8):
            real = gpus.Tp(size, plan=make, options=options).peak(FACTORIES[name], config)
            assert cost.peak_memory(tp=size, **config) == real
    assert len(cost.regions.known) <= 2


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module")
@pytest.mark.parametrize("plan", ["layers", "columns", "sequences"])
def test_peak_memory_divided_both_ways_equals_a_real_loop_to_the_byte(plan):
    make, _ = PLANS[plan]
    cost = cost_of(biased, make, dp=fc.Choice(2, 4), tp=fc.Choice(2, 4), zero=3, units=Block)
    for dp, tp in ((2, 2), (4, 4), (2, 4)):
        real = gpus.Fsdp(dp * tp, units=lambda module: isinstance(module, Block), plan=make, tp=tp)
        assert cost.peak_memory(dp=dp, tp=tp, **CONFIGS[0]) == real.peak(biased, CONFIGS[0])
        assert cost.gpus(dp=dp, tp=tp, **CONFIGS[0]) == dp * tp


def test_peak_memory_clipped_and_accumulated_equals_a_real_loop_to_the_byte():
    parallel = fc.Parallel(tp=4, plan=sequences())
    training = fc.Training(torch.optim.AdamW, clip_norm=1.0, accumulation=2, parallel=parallel)
    real = gpus.Tp(4, plan=sequences, norm=1.0, accumulation=2).peak(biased, CONFIGS[0])
    assert fc.cost(biased, training=training).peak_memory(**CONFIGS[0]) == real


def test_a_gpu_does_its_part_of_the_work():
    cost, whole = cost_of(decoder, layers), fc.cost(decoder, training=fc.Training(torch.optim.AdamW))
    by_layer = whole.flops.by("module", **CONFIGS[0])
    divided = cost.flops.by("module", tp=4, **CONFIGS[0])
    assert divided["blocks.0.up"] * 4 == by_layer["blocks.0.up"]
    assert cost.parameters(tp=4, **CONFIGS[0]) == whole.parameters(**CONFIGS[0])


def test_what_cannot_be_divided_evenly_is_refused():
    cost = cost_of(decoder, layers, tp=fc.Choice(2, 3))
    with pytest.raises(InvalidConfigError, match="cannot be divided among"):
        cost.peak_memory(tp=3, **CONFIGS[0])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"layers.*": ColwiseParallel()}, "chooses no module of Decoder"),
        ({"norm": ColwiseParallel()}, "ColwiseParallel of LayerNorm is not modelled"),
        ({"tokens": RowwiseParallel()}, "is modelled with input_layouts=Replicate"),
        ({"blocks.*.up": ColwiseParallel(use_local_output=False)}, "write use_local_output=True"),
        ({"blocks.*.norm2": SequenceParallel()}, "linear is used on a DTensor"),
        ({"blocks.*.up": ColwiseParallel(output_layouts=Shard(1))}, "is not modelled"),
    ],
)
def test_a_plan_that_is_not_modelled_is_refused(plan, message):
    with pytest.raises(FactoryError, match=message):
        cost_of(decoder, lambda: plan)


def test_dividing_layers_without_a_plan_says_what_to_write():
    with pytest.raises(DeclarationError, match="write plan="):
        fc.Parallel(tp=2)
