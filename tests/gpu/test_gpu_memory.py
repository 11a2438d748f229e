"""A configuration's memory on a GPU."""

from __future__ import annotations

import dataclasses
import functools
import json

import pytest
import torch
import torchvision
from torch import nn

import fxcost as fc
from examples.gpt import gpt
from fxcost.allocator import Kind, Settings
from fxcost.devices import find
from fxcost.errors import ConfigError, DeclarationError, UnknownDeviceError
from fxcost.gpu.scratch import largest_convolution
from tests.oracles import agreement

cost_of = functools.cache(agreement.cost_of)


@fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 3, 64, 64))
def resnet():
    return torchvision.models.resnet18(num_classes=10)


@fc.model(width=fc.Int(8, 4096), batch=fc.Int(2, 64), example=lambda batch, width: torch.zeros(batch, width))
def layer(width):
    return nn.Linear(width, width, bias=False)


SMALL = {"width": 256, "heads": 4, "depth": 3, "batch": 3, "seq": 256}
CASES = [(gpt, SMALL, "adamw"), (gpt, SMALL, "inference"), (resnet, {"batch": 5}, "sgd"),
         (layer, {"width": 512, "batch": 3}, "sgd")]  # fmt: skip


@pytest.mark.parametrize(("factory", "config", "recipe"), CASES)
def test_what_is_alive_over_two_steps_from_a_cold_start_is_the_peak_of_a_step(factory, config, recipe):
    cost = cost_of(factory, recipe)
    assert cost.gpu_memory("rtx-4090", **config).live == cost.peak_memory(**config)


@pytest.mark.parametrize(("factory", "config", "recipe"), CASES)
def test_the_answers_are_in_order_and_the_terms_add_up(factory, config, recipe):
    memory = cost_of(factory, recipe).gpu_memory("rtx-4090", **config)
    assert memory.live <= memory.capacity.enough <= memory.reserved <= memory.shown <= memory.at_most
    assert sum(term.nbytes for term in memory.terms) == memory.shown
    assert all(term.nbytes > 0 for term in memory.terms)
    assert json.loads(json.dumps(memory.as_dict()))["shown"] == memory.shown


def test_a_linear_layer_asks_for_what_it_does_by_hand():
    cost = cost_of(layer, "sgd")
    asked = cost.gpu_memory("rtx-4090", width=512, batch=4).requests
    weight, rows, workspace = 512 * 512 * 4, 4 * 512 * 4, 8519680
    sizes = asked.events.sizes[asked.events.kinds == Kind.ALLOCATE].tolist()
    assert sizes[:4] == [weight, rows, rows, workspace]
    assert asked.spans[0] == ("start", 0, 1)
    assert [span.name for span in asked.spans[1:]] == [
        f"step {step}: {phase}" for step in (1, 2) for phase in ("forward", "backward", "step")
    ]
    assert sizes.count(workspace) == 2


def test_the_optimizers_state_comes_with_its_first_step():
    memory = cost_of(gpt, "adamw").gpu_memory("rtx-4090", **SMALL)
    asked = memory.requests
    states = [
        event
        for event, storage in enumerate(asked.storages)
        if storage >= 0 and asked.program.storages[storage].role == "optimizer state"
    ]
    (step,) = (span for span in asked.spans if span.name == "step 1: step")
    assert states
    assert all(step.first <= event <= step.last for event in states)


def test_what_was_traced_for_another_device_says_so_and_proves_nothing():
    cost = cost_of(layer, "sgd")
    memory = cost.gpu_memory("rtx-3060", width=4096, batch=2)
    assert {term.basis for term in memory.terms if term.name == "parameter"} == {"exact, on cpu"}
    assert "operators are those of cpu" in str(memory)
    assert cost.largest_on("rtx-3060", "width", batch=2).certain is None


def test_whether_it_fits_is_left_open_where_it_is_close():
    cost = fc.cost(layer, training=fc.Training(torch.optim.SGD), device="rtx-3060")
    memory = cost.gpu_memory("rtx-3060", width=4096, batch=2)
    context = find("rtx-3060").memory - memory.card.usable

    def fit(usable):
        device = dataclasses.replace(find("rtx-3060"), memory=context + usable)
        return str(cost.gpu_memory(device, width=4096, batch=2).fit)

    needed = memory.capacity.enough
    assert fit(2 * needed) == fit(int(1.06 * needed)) == "fits"
    assert fit(needed) == fit(int(1.04 * needed)) == "too close to call"
    assert fit(memory.live - 1) == fit(int(0.94 * needed)) == "does not fit"


def test_the_largest_convolution_is_the_stem_of_a_resnet():
    cost = cost_of(resnet)
    config = cost.space.config(batch=4)
    values = cost.regions.domain.encode(config)
    image, result = 4 * 3 * 64 * 64 * 4, 4 * 64 * 32 * 32 * 4
    assert (
        largest_convolution(cost.regions.sizes_at(config), values, fc.Card.of("rtx-4090")) == image + result
    )


def test_depthwise_convolutions_want_no_workspace():
    @fc.model(batch=fc.Int(2, 8), example=lambda batch: torch.zeros(batch, 8, 16, 16))
    def depthwise():
        return nn.Conv2d(8, 8, 3, groups=8)

    memory = cost_of(depthwise).gpu_memory("rtx-4090", batch=2)
    assert memory.shown == memory.at_most
    assert memory.requests.asked == memory.live


def test_a_convolution_tries_for_a_workspace_unless_channels_are_last():
    @fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 16, 64, 64))
    def widening():
        return nn.Sequential(nn.Conv2d(16, 64, 3, bias=False), nn.Conv2d(64, 8, 3, bias=False))

    def memory(last):
        inference = fc.Inference(precision="fp16-mixed", channels_last=last)
        return fc.cost(widening, inference=inference, device="rtx-3090").gpu_memory(batch=64)

    first, last = memory(False), memory(True)
    image, wide, kernel = 64 * 16 * 64**2 * 2, 64 * 64 * 62**2 * 2, 64 * 16 * 9 * 2
    assert first.live == last.live
    assert last.reserved < first.reserved < last.reserved + 2 * (image + wide + kernel)
    assert last.capacity.enough <= first.capacity.enough < last.live + image + wide


def test_gpus_that_train_together_have_a_communicator_which_leaves_less_for_the_allocator():
    cost = fc.cost(
        layer,
        training=fc.Training(torch.optim.SGD, parallel=fc.Parallel(dp=fc.Choice(1, 2, 8))),
        device="h200",
    )
    one, two, eight = (cost.gpu_memory(width=512, batch=4, dp=dp) for dp in (1, 2, 8))
    names = [{term.name for term in each.terms if "NCCL" in term.name} for each in (one, two, eight)]
    assert names == [set(), {"NCCL communicator of two"}, {"NCCL communicator"}]
    (communicator,) = (term.nbytes for term in eight.terms if "NCCL" in term.name)
    assert one.usable - eight.usable == communicator


def test_attention_that_is_fused_does_not_keep_its_weights():
    recipe = fc.Training(torch.optim.AdamW, precision="bf16-mixed")
    config = SMALL | {"seq": 1024}
    math, flash = (
        fc.cost(gpt, training=dataclasses.replace(recipe, attention=attention), device="rtx-4090")
        for attention in ("math", None)
    )
    weights_of_attention = 3 * 3 * 4 * 1024**2 * 2
    assert math.gpu_memory(**config).live - flash.gpu_memory(**config).live > weights_of_attention


def test_other_software_reserves_something_else():
    cost = cost_of(gpt, "adamw")
    usual = cost.gpu_memory("rtx-4090", **SMALL)
    growing = fc.Card(find("rtx-4090"), settings=Settings.parse("expandable_segments:True"))
    assert cost.gpu_memory(growing, **SMALL).reserved < usual.reserved
    old = fc.Card(find("rtx-4090"), release="1.12.0")
    assert "cuBLAS workspace" not in {term.name for term in cost.gpu_memory(old, **SMALL).terms}


def test_a_replay_can_be_opened_by_pytorchs_viewer(tmp_path):
    memory = cost_of(layer, "sgd").gpu_memory("rtx-4090", width=512, batch=4)
    file = tmp_path / "snapshot.json"
    memory.write_snapshot(file)
    lines = [entry for entry in json.loads(file.read_text())["device_traces"][0] if entry["frames"]]
    assert any(frame["filename"] == __file__ for entry in lines for frame in entry["frames"])


def test_a_trace_has_the_phases_and_what_is_reserved(tmp_path):
    memory = cost_of(layer, "sgd").gpu_memory("rtx-4090", width=512, batch=4)
    memory.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert "step 2: backward" in {event["name"] for event in events}
    counted = [number for event in events for number in event.get("args", {}).values()]
    assert max(number for number in counted if isinstance(number, int)) == memory.reserved


def test_wrong_questions_are_refused():
    cost = cost_of(layer, "inference")
    with pytest.raises(UnknownDeviceError, match="rtx-4091"):
        cost.gpu_memory("rtx-4091", width=512, batch=4)
    with pytest.raises(UnknownDeviceError, match="cpu"):
        cost.gpu_memory(width=512, batch=4)
    with pytest.raises(ConfigError, match="batch"):
        cost.gpu_memory("rtx-4090", width=512)
    with pytest.raises(DeclarationError, match=r"margin=1\.5"):
        fc.Card(find("rtx-4090"), margin=1.5)
