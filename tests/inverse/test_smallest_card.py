"""The smallest card on which a configuration fits."""

from __future__ import annotations

import pytest
import torch

import fxcost as fc
from examples.gpt import gpt
from fxcost.devices import catalogue
from fxcost.errors import ConfigError, DeclarationError, UnknownDeviceError
from fxcost.gpu import Fit
from tests.inverse.models import SETTINGS, card_with, cost_of


@pytest.mark.parametrize("name", ["resnet", "vit", "gpt"])
def test_no_smaller_card_fits_and_the_one_found_does(name):
    cost, setting = cost_of(name), SETTINGS[name]
    needed = cost.gpu_memory(**setting).capacity.enough
    cards = [card_with(needed + more * 2**20, each) for more, each in
             ((200, "rtx-4060"), (-40, "l4"), (4, "rtx-4090"), (-2, "l40s"))]  # fmt: skip
    found = fc.smallest_card(cost, cards, **setting)
    assert found.device.name == "rtx-4090"
    assert [(each.card.device.name, each.memory.fit) for each in found.tried] == [
        ("l4", Fit.DOES_NOT_FIT),
        ("l40s", Fit.DOES_NOT_FIT),
        ("rtx-4090", Fit.FITS),
    ]
    assert found.memory.capacity.enough == needed


def test_each_card_is_asked_with_its_own_operators():
    setting = SETTINGS["gpt"] | {"seq": 2048}
    recipe = fc.Training(torch.optim.SGD, precision="fp16-mixed")
    cost = fc.cost(gpt.within(**setting), training=recipe, device="rtx-4090")
    cards = [card_with(2**30, "rtx-4090"), card_with(2**30 - 2**21, "v100-16gb")]
    found = fc.smallest_card(cost, cards, **setting)
    assert [each.card.device.name for each in found.tried] == ["v100-16gb", "rtx-4090"]
    for each in found.tried:
        own = fc.cost(gpt.within(**setting), training=cost.training, device=each.card)
        assert each.memory.live == own.peak_memory(**setting)
        assert each.memory.operators == each.card.device.name


def test_the_whole_catalogue_is_asked_from_small_to_large():
    found = fc.smallest_card(cost_of("resnet"), **SETTINGS["resnet"])
    smallest = min(catalogue(), key=lambda device: device.memory)
    assert (found.device, len(found.tried)) == (smallest, 1)


def test_cards_on_which_weights_alone_are_too_much_are_not_replayed():
    @fc.model(width=fc.Int(8, 10**5), example=lambda width: torch.zeros(2, width))
    def layer(width):
        return torch.nn.Linear(width, width, bias=False)

    found = fc.smallest_card(fc.cost(layer), width=90_000)
    assert found.device.name == "v100-32gb"
    assert found.tried[0].memory.resident == 4 * 90_000**2
    skipped = [each for each in found.tried if each.memory is None]
    assert all("weights and states alone take 30.17 GiB" in each.why for each in skipped)
    assert all(each.card.usable < 4 * 90_000**2 for each in skipped)


def test_where_no_card_is_large_enough_none_is_named():
    found = fc.smallest_card(cost_of("resnet"), [card_with(2**20), card_with(2**21)], **SETTINGS["resnet"])
    assert (found.device, found.memory) == (None, None)
    assert "it fits on none" in str(found)
    assert found.as_dict()["smallest"] is None


def test_what_no_card_can_run_is_refused():
    flash = fc.Training(torch.optim.SGD, precision="fp16-mixed", attention="flash")
    ampere = fc.cost(gpt.within(**SETTINGS["gpt"]), training=flash, device="rtx-4090")
    found = fc.smallest_card(ampere, ["v100-16gb", "rtx-4090"], **SETTINGS["gpt"])
    assert found.device.name == "rtx-4090"
    assert "this backend cannot run" in found.tried[0].why
    with pytest.raises(DeclarationError, match="this backend cannot run"):
        fc.smallest_card(ampere, ["v100-16gb"], **SETTINGS["gpt"])


def test_wrong_questions_are_refused():
    with pytest.raises(ConfigError, match="batch"):
        fc.smallest_card(cost_of("resnet"))
    with pytest.raises(UnknownDeviceError, match="rtx-4091"):
        fc.smallest_card(cost_of("resnet"), ["rtx-4091"], batch=4)
    with pytest.raises(DeclarationError, match="no card to choose from"):
        fc.smallest_card(cost_of("resnet"), [], batch=4)
