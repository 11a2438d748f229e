"""Sums of costs against the costs themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError, UnitError


@fc.model(width=fc.Int(8, 64, step=4), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 16))
def net(width):
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, 128), nn.GELU())


@pytest.fixture(scope="module")
def cost() -> fc.Cost:
    return fc.cost(net, training=fc.Training(torch.optim.AdamW))


def settings():
    return [{"width": width, "batch": batch} for width in range(8, 65, 4) for batch in range(2, 33)]


def test_the_largest_sum_of_two_maxima_is_that_of_enumeration(cost):
    total = cost.peak_memory + 2 * cost.activations + cost.peak_memory
    values = [2 * cost.peak_memory(**each) + 2 * cost.activations(**each) for each in settings()]
    best = fc.maximize(total)
    assert (best.value, best.proved) == (max(values), True)
    assert fc.minimize(total, total >= 100_000).value == min(value for value in values if value >= 100_000)
    assert int(fc.feasible(total <= 100_000).count()) == sum(value <= 100_000 for value in values)
    assert (total > cost.peak_memory).prove().check()


def test_a_sum_says_where_its_maxima_are_reached(cost):
    refuted = (cost.peak_memory + cost.weight_bytes <= 1000).prove()
    assert refuted.readings[0].name == "peak_memory + weight_bytes"
    assert "aten" in refuted.readings[0].binding
    assert isinstance((cost.peak_memory + cost.weight_bytes >= 100).prove(batch=(2, None)), fc.Proved)


def test_a_wrong_sum_says_what_to_write(cost):
    with pytest.raises(UnitError, match="parameters \\+ flops: counts are added to FLOP"):
        cost.parameters + cost.flops
    with pytest.raises(DeclarationError, match="a number belongs to the other side"):
        cost.peak_memory + 3
    with pytest.raises(DeclarationError, match="write an integer above 0"):
        1.5 * cost.peak_memory
    with pytest.raises(DeclarationError, match="different factories or recipes"):
        cost.peak_memory + fc.cost(net).peak_memory
