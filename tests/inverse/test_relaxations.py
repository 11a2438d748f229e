"""What single changes buy for a configuration that does not fit."""

from __future__ import annotations

import dataclasses
import functools

import pytest
import torch

import fxcost as fc
from fxcost.allocator import Settings
from fxcost.inverse import Relaxations
from tests.inverse.models import SETTINGS, card_with, cost_of

MIB = 2**20


@functools.cache
def needed(name: str, **recipe: object) -> int:
    return cost_of(name, "AdamW", **recipe).gpu_memory(**SETTINGS[name]).capacity.enough


@functools.cache
def without(missing: int, name: str, **recipe: object) -> Relaxations:
    """Return what is bought on a card that lacks so many bytes."""
    card = card_with(needed(name, **recipe) - missing)
    found = fc.relaxations(cost_of(name, "AdamW", **recipe), card, **SETTINGS[name])
    assert str(found.memory.fit) == "does not fit"
    return found


def change_of(found: Relaxations, start: str):
    (change,) = (each for each in found.changes if each.change.startswith(start))
    return change


@pytest.mark.parametrize(
    ("start", "fields"),
    [
        ("foreach=False", {"options": {"foreach": False}}),
        ("fused=True", {"options": {"fused": True}}),
        ("offload=True", {"offload": True}),
        ('precision="bf16-mixed"', {"precision": "bf16-mixed"}),
        ('precision="bf16-true"', {"precision": "bf16-true"}),
    ],
)
def test_a_change_of_the_recipe_buys_what_the_changed_recipe_takes_less(start, fields):
    found, cost = without(8 * MIB, "vit"), cost_of("vit", "AdamW")
    recipe = dataclasses.replace(cost.training, **fields)
    memory = fc.cost(cost.factory, training=recipe, device="rtx-4090").gpu_memory(batch=32)
    change = change_of(found, start)
    assert change.memory.capacity.enough == memory.capacity.enough
    assert change.memory.room == needed("vit") - 8 * MIB - memory.capacity.enough
    assert change.fits is (change.memory.room >= 0)


def test_the_largest_smaller_value_is_the_largest_that_fits():
    space = fc.Space(width=fc.Int(64, 4096, step=64), batch=fc.Int(2, 4096))

    @fc.model(space=space, example=lambda batch, width: torch.zeros(batch, width))
    def net(width):
        return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.Dropout(), torch.nn.Tanh())

    cost, setting = fc.cost(net, device="rtx-4090"), {"width": 4096, "batch": 4096}
    card = card_with(cost.gpu_memory(**setting).capacity.enough - 100 * MIB)
    found = fc.relaxations(cost, card, **setting)
    for name in setting:
        change = change_of(found, f"{name}=")
        value = change.memory.config[name]
        fitting = {
            other: cost.gpu_memory(card, **setting | {name: other}).capacity.enough <= card.usable
            for other in (value, value + space[name].step)
        }
        assert list(fitting.values()) == [True, False]


def test_the_same_batch_in_parts_is_one_step_with_accumulation():
    found, cost = without(8 * MIB, "vit"), cost_of("vit", "AdamW")
    change = change_of(found, "accumulation=")
    count, part = (int(word.partition("=")[2]) for word in change.change.split(" with "))
    assert count * part == 32
    recipe = dataclasses.replace(cost.training, accumulation=count)
    memory = fc.cost(cost.factory, training=recipe, device="rtx-4090").gpu_memory(batch=part)
    assert (change.fits, change.memory.capacity.enough) == (True, memory.capacity.enough)


def test_checkpointing_segments_that_grow_and_the_next_card_are_tried():
    found, cost = without(8 * MIB, "vit"), cost_of("vit", "AdamW")
    card = found.memory.card
    least = fc.least_checkpointing(cost, card, **SETTINGS["vit"])
    best = least.least or min(least.tried[1:], key=lambda each: each.memory.capacity.enough)
    assert change_of(found, str(best)).memory.capacity == best.memory.capacity
    growing = dataclasses.replace(card, settings=Settings.parse("expandable_segments:True"))
    memory = cost.gpu_memory(growing, **SETTINGS["vit"])
    assert change_of(found, "expandable_segments:True").memory.capacity == memory.capacity
    larger = change_of(found, "device=")
    assert larger.memory.card.device == fc.smallest_card(cost, **SETTINGS["vit"]).device
    assert larger.fits


def test_gradients_that_are_kept_can_be_set_to_none():
    found = without(MIB, "layers", set_to_none=False)
    assert change_of(found, "set_to_none=True").memory.live <= found.memory.live
    assert not [each for each in without(MIB, "layers").changes if each.change.startswith("set_to_none")]


def test_what_a_card_cannot_multiply_is_not_offered():
    found = fc.relaxations(cost_of("layers"), card_with(20 * MIB, "t4"), **SETTINGS["layers"])
    precise = [each.change for each in found.changes if each.change.startswith("precision")]
    assert precise == ['precision="fp16-mixed"']


def test_an_inference_has_fewer_changes():
    cost = fc.cost(cost_of("vit").factory, device="rtx-4090")
    found = fc.relaxations(cost, card_with(MIB), **SETTINGS["vit"])
    assert [each.change.partition("=")[0] for each in found.changes] == [
        "batch", "expandable_segments:True", "device"
    ]  # fmt: skip
    assert [each.fits for each in found.fitting] == [True]
    assert "as it is: does not fit" in str(found)
    assert found.as_dict()["changes"][0]["room"] == found.changes[0].memory.room


def test_what_fits_needs_no_change():
    found = fc.relaxations(cost_of("vit"), None, **SETTINGS["vit"])
    assert (str(found.memory.fit), found.changes) == ("fits", ())


def test_a_change_that_cannot_be_made_says_why():
    @fc.model(batch=fc.Int(2, 4096), example=lambda batch: torch.zeros(batch, 64))
    def net():
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(64))

            def forward(self, rows):
                return rows * self.weight

        return Net()

    cost = fc.cost(net, training=fc.Training(torch.optim.SGD))
    found = fc.relaxations(cost, card_with(MIB), batch=4096)
    change = change_of(found, "checkpointing")
    assert (change.fits, change.memory) == (False, None)
    assert "outermost are none but the model itself" in change.why
