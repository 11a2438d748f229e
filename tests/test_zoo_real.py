"""The zoo and its oracle by themselves: factories build and train, the recorder counts as by hand."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import nn

import fxcost as fc
from tests.oracles.memory import (
    ADAMW,
    SGD,
    real_batch,
    real_model,
    real_parameters,
    real_peak,
    sum_of_output,
    training_step,
)
from tests.zoo import ZOO

CONFIG = {"width": 5, "batch": 2}
FLOAT = 4
WEIGHTS = FLOAT * (5 * 3 + 3)
BATCH = FLOAT * 2 * 5


def factory_of(build):
    """Decorate `build` with the space and the example of this file's small models."""
    return fc.model(
        width=fc.Int(1, 9), batch=fc.Int(1, 9), example=lambda batch, width: torch.ones((batch, width))
    )(build)


class TiedLinears(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.second.weight = self.first.weight

    def forward(self, states):
        return self.second(self.first(states))


@pytest.mark.parametrize("factory", ZOO, ids=lambda factory: factory.__name__)
def test_a_training_step_at_a_random_configuration_has_a_finite_loss(factory):
    config = factory.space.sample(random.Random(factory.__name__))
    model, batch = real_model(factory, config), real_batch(factory, config)
    optimizer_class, options = ADAMW
    optimizer = optimizer_class(model.parameters(), **options)
    loss = training_step(model, batch, factory.loss or sum_of_output, optimizer)
    assert math.isfinite(loss.item())


def test_the_zoo_has_enough_factories_with_different_names():
    assert len({factory.__name__ for factory in ZOO}) == len(ZOO) >= 62


def test_parameters_of_a_linear_layer_are_counted_as_by_hand():
    assert real_parameters(factory_of(lambda width: nn.Linear(width, 3)), CONFIG) == 5 * 3 + 3


def test_inference_of_a_linear_layer_keeps_weights_batch_and_output():
    assert real_peak(factory_of(lambda width: nn.Linear(width, 3)), CONFIG) == WEIGHTS + BATCH + FLOAT * 2 * 3


def test_training_a_linear_layer_keeps_momentum_gradients_loss_and_its_gradient():
    peak = real_peak(factory_of(lambda width: nn.Linear(width, 3)), CONFIG, SGD)
    assert peak == 3 * WEIGHTS + BATCH + 2 * FLOAT


def test_a_released_activation_makes_room_for_the_next():
    relus = factory_of(lambda width: nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.ReLU()))
    assert real_peak(relus, CONFIG) == 3 * BATCH


def test_a_view_and_an_operator_in_place_need_no_memory():
    views = factory_of(lambda width: nn.Sequential(nn.ReLU(), nn.Flatten(0), nn.ReLU(inplace=True)))
    assert real_peak(views, CONFIG) == 2 * BATCH


def test_weights_that_modules_share_count_once():
    tied = factory_of(TiedLinears)
    assert real_parameters(tied, CONFIG) == 25
    assert real_peak(tied, CONFIG) == FLOAT * 25 + 3 * BATCH
