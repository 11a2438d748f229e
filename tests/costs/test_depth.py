"""Depth in closed form, against real runs: parameters, FLOP and the peak to the byte at unseen depths."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

import fxcost as fc
from fxcost.costs.forms import Counted
from fxcost.errors import InvalidConfigError
from tests.costs import deep
from tests.oracles.agreement import at, cost_of, differences

ENDS_AND_BETWEEN = {
    "gpt": {"depth": [1, 24], "width": [8, 16]},
    "sequential": {"depth": [1, 2, 30]},
    "encoder_decoder": {"encoder": [4, 1], "decoder": [2, 3]},
    "in_pairs": {"depth": [2, 4, 10, 14]},
    "from_none": {"depth": [0, 1, 12]},
    "listed": {"depth": [1, 7, 9]},
    "multiplied": {"depth": [1, 2, 9, 16]},
    "last_special": {"depth": [1, 2, 9]},
    "first_special": {"depth": [1, 14]},
    "branching": {"depth": [1, 4, 5, 9]},
    "refusing": {"depth": [3, 4, 10]},
    "stochastic": {"depth": [1, 7, 12]},
    "stochastic_by_hand": {"depth": [2, 7, 12]},
    "time_steps": {"steps": [1, 9]},
    "unrolled": {"seq": [1, 2, 7, 12]},
    "dense": {"depth": [1, 4, 7]},
    "unet": {"depth": [1, 2, 3, 4]},
    "three": {"stem": [0, 3, 2], "body": [0, 3, 1], "head": [1, 3, 2]},
    "nested": {"outer": [1, 4, 1, 3], "inner": [1, 1, 3, 2]},
    "every_third": {"depth": [1, 3, 5, 12]},
    "halves": {"depth": [1, 2, 9]},
    "late_special": {"depth": [7, 8, 12]},
    "far_special": {"depth": [19, 20]},
    "late_half": {"depth": [7, 8, 14]},
    "bounded": {"depth": [1, 9, 10, 14]},
}
TRAINED = {
    "sequential": "adamw",
    "from_none": "sgd",
    "multiplied": "adamw",
    "first_special": "sgd",
    "stochastic": "sgd",
    "unrolled": "sgd",
    "dense": "adamw",
}
ONLY_TRAINED = {"gpt": "adamw", "encoder_decoder": "sgd", "branching": "sgd"}


def recipes():
    yield from ((name, "inference") for name in ENDS_AND_BETWEEN if name not in ONLY_TRAINED)
    yield from (TRAINED | ONLY_TRAINED).items()


@pytest.mark.parametrize(("name", "recipe"), list(recipes()))
def test_every_depth_equals_a_real_run(name, recipe):
    factory = getattr(deep, name)
    cost = cost_of(factory, recipe)
    assert differences(cost, recipe, at(factory, **ENDS_AND_BETWEEN[name])) == []


@pytest.mark.parametrize(
    "name",
    ["gpt", "sequential", "in_pairs", "listed", "multiplied", "stochastic", "unrolled", "last_special"],
)
def test_a_depth_is_one_closed_form_in_inference(name):
    cost = cost_of(getattr(deep, name))
    assert isinstance(cost.first.form, Counted)
    assert cost.first.basis.startswith("verified at ")
    assert not cost.first.conditions


@pytest.mark.parametrize("name", ["dense", "unet", "late_special", "late_half", "bounded"])
def test_what_cannot_be_summarised_is_said_to_be_enumerated(name):
    cost = cost_of(getattr(deep, name))
    assert cost.first.basis.startswith("enumerated at depth=")


def test_verification_is_at_both_ends_where_the_last_depth_is_near():
    @deep.deep(depth=fc.Int(1, 6))
    def near(depth, width):
        return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))

    assert cost_of(near).first.basis == "verified at depth=6; depth=1"


def test_verification_is_at_both_ends_and_between_where_positions_are_looked_at():
    @deep.deep(depth=fc.Int(1, 30))
    def looking(depth, width):
        return nn.Sequential(*(nn.Linear(width, width, bias=index != 40) for index in range(depth)))

    assert cost_of(looking).first.basis == "verified at depth=30; depth=1; depth=16"


def test_a_long_range_is_verified_nearby():
    assert cost_of(deep.sequential).first.basis == "verified at depth=5; depth=1"


def test_refused_depths_are_no_part_of_the_form():
    cost = cost_of(deep.refusing)
    for depth in (1, 2):
        with pytest.raises(InvalidConfigError, match="too shallow"):
            cost.parameters(depth=depth, width=8, batch=2)
    assert cost.parameters(depth=3, width=8, batch=2) > 0


def test_each_side_of_a_branch_on_depth_has_its_own_form():
    regions = cost_of(deep.branching).partition().pieces
    assert len(regions) == 2


@pytest.mark.parametrize("depths", [(1, 1, 1, 1), (3, 1, 4, 2)])
def test_a_torchvision_resnet_has_one_form_for_its_four_depths(depths, resnet_cost):
    configs = at(resnet_cost.factory, **{f"d{n}": [d] for n, d in enumerate(depths, 1)})
    assert differences(resnet_cost, "inference", configs) == []
    assert len(resnet_cost.regions.known) == 1


@pytest.fixture(scope="module")
def resnet_cost():
    @fc.model(
        **{f"d{n}": fc.Int(1, most) for n, most in enumerate((3, 3, 4, 3), 1)},
        batch=fc.Int(2, 4),
        resolution=fc.Int(64, 96, step=32),
        example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
    )
    def resnet(d1, d2, d3, d4):
        return ResNet(BasicBlock, [d1, d2, d3, d4], num_classes=10)

    return cost_of(resnet)


CONDITIONS = {
    "a position": lambda i, depth, number: i == number,
    "the last": lambda i, depth, number: i == depth - 1 - number % 3,
    "every so many": lambda i, depth, number: i % (number + 1) == 0,
    "the first half": lambda i, depth, number: i < depth // 2,
    "a deep network": lambda i, depth, number: depth > number,
    "a range": lambda i, depth, number: number <= i < number + 2,
    "a set": lambda i, depth, number: i in {number, number + 3},
    "never": lambda i, depth, number: False,
}
LAYERS = {
    "linear": lambda width: nn.Linear(width, width),
    "bare": lambda width: nn.Linear(width, width, bias=False),
    "tanh": lambda width: nn.Tanh(),
    "wide": lambda width: nn.Sequential(nn.Linear(width, 2 * width), nn.Linear(2 * width, width)),
}
rules = st.tuples(st.sampled_from(sorted(CONDITIONS)), st.integers(0, 7), st.sampled_from(sorted(LAYERS)))


@settings(
    max_examples=5,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    st.lists(rules, max_size=2),
    st.sampled_from(sorted(LAYERS)),
    st.one_of(st.none(), st.integers(1, 6)),
    st.sampled_from(["inference", "sgd"]),
)
def test_no_form_claims_a_depth_that_is_on_another_path(drawn, other, refused, recipe):
    """Layers that depend on their position, on the depth and on both: all depths equal real runs."""

    @fc.model(depth=fc.Int(0, 8), width=fc.Int(2, 4), example=lambda width: torch.zeros(3, width))
    def network(depth, width):
        if refused is not None and depth == refused:
            raise ValueError("refused")
        layers = [nn.Linear(width, width)]
        for index in range(depth):
            matching = (kind for name, number, kind in drawn if CONDITIONS[name](index, depth, number))
            layers.append(LAYERS[next(matching, other)](width))
        return nn.Sequential(*layers)

    cost = cost_of(network, recipe)
    settings_built = [network.space.config(depth=d, width=2 + d % 3) for d in range(9) if d != refused]
    assert differences(cost, recipe, settings_built) == []
    if refused is not None:
        with pytest.raises(InvalidConfigError):
            cost.parameters(depth=refused, width=3)
