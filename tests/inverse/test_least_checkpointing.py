"""The least activation checkpointing with which a training step fits."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import fxcost as fc
from fxcost.errors import DeclarationError
from fxcost.gpu import Fit
from fxcost.trace import Checkpointing
from tests.inverse.models import SETTINGS, card_with, cost_of

PATTERNS = {"resnet": "layer?", "vit": None, "gpt": None}
BLOCKS = {"resnet": 4, "vit": 3, "gpt": 3}


def needed_with(name: str, modules: tuple[str, ...]) -> int:
    """Return what a setting needs with some modules checkpointed, asked as a user would."""
    cost, setting = cost_of(name), SETTINGS[name]
    recipe = dataclasses.replace(cost.training, checkpoint=Checkpointing(modules) if modules else None)
    alone = fc.cost(cost.factory.within(**setting), training=recipe, device="rtx-4090")
    return alone.gpu_memory(**setting).capacity.enough


@pytest.mark.parametrize("name", ["resnet", "vit", "gpt"])
def test_what_is_found_is_what_trying_all_counts_finds(name):
    cost, setting = cost_of(name), SETTINGS[name]
    roomy = fc.least_checkpointing(cost, None, PATTERNS[name], **setting)
    assert (roomy.least.modules, roomy.least.recomputed, len(roomy.tried)) == ((), 0, 1)
    assert len(roomy.modules) == BLOCKS[name]
    needed = [needed_with(name, roomy.modules[:count]) for count in range(BLOCKS[name] + 1)]
    usable = (needed[0] + min(needed)) // 2
    found = fc.least_checkpointing(cost, card_with(usable), PATTERNS[name], **setting)
    whole = min((each for each in found.tried if each.memory.fit is Fit.FITS and not each.keeps),
                key=lambda each: len(each.modules))  # fmt: skip
    assert len(whole.modules) == min(count for count, nbytes in enumerate(needed) if nbytes <= usable)
    assert whole.memory.capacity.enough == needed[len(whole.modules)]
    fitting = [each for each in found.tried if each.memory.fit is Fit.FITS]
    assert found.least.recomputed == min(each.recomputed for each in fitting)


def test_what_is_kept_is_cheaper_to_run_again():
    cost, setting = cost_of("gpt"), SETTINGS["gpt"]
    usable = cost.gpu_memory(**setting).capacity.enough - 2**22
    found = fc.least_checkpointing(cost, card_with(usable), **setting)
    assert found.least.keeps
    assert found.least.recomputed < min(
        each.recomputed for each in found.tried if each.modules and not each.keeps
    )
    assert "keeping what is multiplied" in str(found.least)


def test_what_runs_again_is_counted_as_torch_counts_it():
    @fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 64))
    def net():
        return torch.nn.Sequential(*(torch.nn.Linear(64, 64, bias=False) for _ in range(5)))

    recipe = fc.Training(torch.optim.SGD)
    found = fc.least_checkpointing(
        fc.cost(net, training=recipe), dataclasses.replace(card_with(2**10)), batch=32
    )
    assert found.least is None
    (all_of_them,) = (each for each in found.tried if len(each.modules) == 5 and not each.keeps)

    def counted(run_block):
        model, value = net(), torch.zeros(32, 64, requires_grad=False)
        with FlopCounterMode(display=False) as counter:
            for block in model:
                value = run_block(block, value)
            value.sum().backward()
        return counter.get_total_flops()

    again = counted(lambda block, value: checkpoint(block, value, use_reentrant=False))
    assert all_of_them.recomputed == again - counted(lambda block, value: block(value))


def test_modules_can_be_named():
    setting = SETTINGS["resnet"]
    found = fc.least_checkpointing(cost_of("resnet"), card_with(2**20), "layer?", **setting)
    assert found.modules == ("layer1", "layer2", "layer3", "layer4")
    assert found.least is None
    assert "no checkpointing of 4 modules makes it fit" in str(found)


def test_wrong_questions_are_refused():
    with pytest.raises(DeclarationError, match="an inference keeps no activations"):
        fc.least_checkpointing(fc.cost(cost_of("resnet").factory), "rtx-4090", batch=4)
    with pytest.raises(DeclarationError, match=r"'blocks\.\*'; outermost are .*layer1"):
        fc.least_checkpointing(cost_of("resnet"), None, "blocks.*", batch=4)
