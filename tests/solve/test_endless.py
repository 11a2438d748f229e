"""Claims about every value of a hyperparameter: beyond the declared space nothing is taken for granted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError
from fxcost.solve.endless import END


@fc.model(width=fc.Int(8, 64), batch=fc.Int(1, 32), example=lambda batch: torch.zeros(batch, 4))
def plain(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 4))


@fc.model(width=fc.Int(8, 64), batch=fc.Int(1, 32), example=lambda batch: torch.zeros(batch, 4))
def jumping(width, batch):
    return nn.Linear(4, 3 * width if batch > 100 else width)


@fc.model(depth=fc.Int(1, 6), act=fc.Choice("relu", "gelu"), example=lambda: torch.zeros(2, 8))
def deep(depth, act):
    layers = {"relu": nn.ReLU, "gelu": nn.GELU}
    return nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), layers[act]()) for _ in range(depth)))


def test_a_claim_that_does_not_depend_on_the_batch_holds_for_every_batch():
    cost = fc.cost(plain)
    verdict = (cost.parameters <= 600).prove(batch=(1, None))
    assert isinstance(verdict, fc.Proved)
    assert "for every batch from 1 on" in str(verdict)
    assert verdict.as_dict()["endless"] == "every batch from 1 on"
    assert verdict.check()


def test_what_grows_with_the_batch_holds_from_the_least_one_on():
    cost = fc.cost(plain, training=fc.Training(torch.optim.AdamW))
    least = min(cost.peak_memory(width=8, batch=batch) for batch in (3, 4, 5))
    assert isinstance((cost.peak_memory >= least).prove(batch=(3, None)), fc.Proved)
    refuted = (cost.peak_memory >= least).prove(batch=(1, None))
    assert refuted.counterexample["batch"] < 3
    assert isinstance((cost.activations <= cost.peak_memory).prove(batch=(1, None)), fc.Proved)


def test_nothing_that_grows_is_bounded_for_every_batch():
    cost = fc.cost(plain)
    refuted = (cost.peak_memory <= "1 TiB").prove(batch=(1, None))
    assert refuted.counterexample["batch"] > 32
    assert refuted.values["peak_memory"] > 2**40


def test_a_branch_beyond_the_declared_space_is_found():
    cost = fc.cost(jumping)
    assert isinstance((cost.parameters <= 320).prove(), fc.Proved)
    refuted = (cost.parameters <= 320).prove(batch=(1, None))
    assert refuted.counterexample["batch"] == 101
    assert isinstance((cost.parameters <= 960).prove(batch=(1, None)), fc.Proved)


def test_layers_without_end_are_not_traced():
    verdict = (fc.cost(deep).parameters <= 10**9).prove(depth=(1, None))
    assert isinstance(verdict, fc.Unknown)
    assert "depth counts layers" in verdict.reason


def test_the_declared_space_stays_as_it_is():
    cost = fc.cost(plain)
    before = [str(region.conditions) for region in cost.regions.known]
    assert (cost.parameters <= 600).prove(batch=(1, None))
    assert [str(region.conditions) for region in cost.regions.known] == before
    assert cost.space["batch"] == fc.Int(1, 32)


def test_only_integers_have_no_end():
    cost = fc.cost(deep)
    with pytest.raises(DeclarationError, match=r"act=.* has no values beyond these"):
        (cost.parameters <= 600).prove(act=("relu", None))
    assert END > 2**60
