"""Rounding to a multiple without a branch is the rounding it stands for, for all values."""

from __future__ import annotations

import pytest
import torch
from timm.layers import make_divisible
from torchvision.models._utils import _make_divisible
from torchvision.models.mnasnet import _round_to_multiple_of
from transformers.models.bit.modeling_bit import make_div
from transformers.models.mobilenet_v2.modeling_mobilenet_v2 import make_divisible as rounded_by_transformers

import fxcost as fc
from fxcost.expr import Domain, evaluate
from fxcost.space import Choice, Int, Space
from fxcost.trace import divisible
from fxcost.trace.symbols import HyperparameterEnv
from tests.trace.idioms import Wrapped
from tests.trace.idioms_of_python import copied_from_somewhere

CALLS = {
    "torchvision": (_make_divisible, (8,)),
    "torchvision, at least 16": (_make_divisible, (8, 16)),
    "timm": (make_divisible, ()),
    "timm, another limit": (make_divisible, (4, None, 0.95)),
    "timm, no limit": (make_divisible, (8, 8, 0.0)),
    "mnasnet": (_round_to_multiple_of, (8,)),
    "mnasnet, another bias": (_round_to_multiple_of, (6, 0.5)),
    "transformers": (rounded_by_transformers, (8,)),
    "transformers, without a least": (make_div, (16,)),
    "a copy": (copied_from_somewhere, (8,)),
}
SPACE = Space(width=Int(1, 400), multiplier=Choice(0.1, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, 2.0))


def symbolic(name):
    domain, env = Domain(SPACE), HyperparameterEnv()
    hints = {"width": 37, "multiplier": 1.3}
    numbers = [env.hyperparameter(domain.symbols[key], hint) for key, hint in hints.items()]
    function, options = CALLS[name]
    return divisible.branchless(function), options, numbers, env


@pytest.mark.parametrize("name", CALLS)
def test_a_known_rounding_is_found_and_equal_everywhere(name):
    twin, options, (width, multiplier), env = symbolic(name)
    expressions = [twin(width * multiplier, *options).node._expr, twin(width, *options).node._expr]
    assert env.questions == {}
    function = CALLS[name][0]
    for config in map(dict, SPACE):
        scaled = config["width"] * config["multiplier"]
        expected = [function(scaled, *options), function(config["width"], *options)]
        assert [evaluate(expression, config) for expression in expressions] == expected, config


@pytest.mark.parametrize("name", CALLS)
def test_plain_numbers_go_to_the_function_itself(name):
    function, options = CALLS[name]
    twin = divisible.branchless(function)
    assert [twin(value / 4, *options) for value in range(1, 600)] == [
        function(value / 4, *options) for value in range(1, 600)
    ]


def test_keywords_and_defaults_are_those_of_the_function():
    twin, _, (width, _), _ = symbolic("timm")
    assert evaluate(twin(v=width, round_limit=0.5, divisor=16).node._expr, {"width": 23}) == make_divisible(
        23, 16, round_limit=0.5
    )


def test_an_impossible_bias_is_refused_as_ever():
    twin, _, (width, _), _ = symbolic("mnasnet")
    with pytest.raises(ValueError, match="round_up_bias"):
        twin(width, 8, 1.5)


def rounded_otherwise(v, divisor):
    new_v = max(divisor, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.8 * v:
        new_v += divisor
    return new_v


def test_a_function_that_differs_is_not_taken_for_a_known_one():
    assert divisible.branchless(rounded_otherwise) is None


def test_a_mobile_network_has_one_region_for_all_its_widths():
    from torchvision.models.mobilenetv2 import MobileNetV2

    def mobile(multiplier):
        return Wrapped(lambda self, x: self.model(x), model=MobileNetV2(10, width_mult=multiplier))

    factory = fc.model(
        multiplier=fc.Choice(0.35, 0.5, 0.75, 1.0, 1.3), example=lambda: torch.zeros(2, 3, 32, 32)
    )(mobile)
    cost = fc.cost(factory)
    expected = {
        multiplier: sum(p.numel() for p in MobileNetV2(10, width_mult=multiplier).parameters())
        for multiplier in factory.space.domains["multiplier"].values
    }
    assert {m: cost.parameters(multiplier=m) for m in expected} == expected
