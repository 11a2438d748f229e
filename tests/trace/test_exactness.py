"""Wherever all recorded questions hold, the predicted peak is that of a real run, to the byte."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.oracles import memory
from tests.trace import idioms
from tests.trace.replay import RECIPES, at, traced

FACTORIES = (
    idioms.int_of_a_continuous_ratio,
    idioms.extremes,
    idioms.attention_by_function,
    idioms.encoder_layer,
    idioms.convolutions_of_pictures,
    idioms.normalisations_of_pictures,
    idioms.tied_weights,
)


@cache
def program_of(factory, recipe):
    return traced(factory, RECIPES[recipe][0])


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
@given(draw=st.randoms(use_true_random=False))
@settings(max_examples=8)
def test_peak_memory_equals_a_real_run_to_the_byte_wherever_the_questions_hold(factory, recipe, draw):
    config = factory.space.sample(draw)
    replay = at(factory, program_of(factory, recipe), config)
    assume(replay.holds())
    assert replay.peak() == memory.real_peak(factory, config, RECIPES[recipe][1])
