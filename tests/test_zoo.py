"""fxcost's closed forms against real CPU runs of every factory of the zoo.

`bench/main_job.py` makes the same comparisons at more configurations.
"""

from __future__ import annotations

import functools
import random

import pytest

from bench.accuracy import RECIPES, real_flops
from fxcost import cost
from tests.oracles.memory import real_parameters, real_peak
from tests.zoo import ZOO

every_factory = pytest.mark.parametrize("factory", ZOO, ids=lambda factory: factory.__name__)


def drawn(factory, count):
    draw = random.Random(f"tests {factory.__name__}")
    return [factory.space.sample(draw) for _ in range(count)]


@functools.cache
def inference(factory):
    return cost(factory)


@every_factory
def test_parameters_equal_those_of_the_built_model(factory):
    for config in drawn(factory, 4):
        assert inference(factory).parameters(**config) == real_parameters(factory, config)


@every_factory
def test_peak_of_inference_equals_a_real_run_to_the_byte(factory):
    for config in drawn(factory, 2):
        assert inference(factory).peak_memory(**config) == real_peak(factory, config)


@every_factory
def test_flops_of_inference_equal_an_independent_count(factory):
    for config in drawn(factory, 1):
        assert inference(factory).flops(**config) == real_flops(factory, config, trained=False)


@every_factory
def test_a_training_step_equals_a_real_one(factory):
    training, real_training = RECIPES["adamw"]
    trained = cost(factory, training=training)
    for config in drawn(factory, 2):
        assert trained.peak_memory(**config) == real_peak(factory, config, real_training)
    assert trained.flops(**config) == real_flops(factory, config, trained=True)
