"""Choices of modules: every setting against real runs, and what `fc.Switch` does and refuses."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError, InvalidConfigError
from tests.oracles.agreement import cost_of, differences
from tests.trace.switches import SWITCHES, options, switching

MOST = 6
ALSO_BY_ADAMW = ("of_texts", "up_to_a_depth", "nested", "sharing_a_module", "of_frozen_parameters")
FIXED_IN_TRAINING = {
    "of_integers", "one_of_a_list", "of_several_inputs_and_outputs", "handing_on", "cutting_the_gradient",
    "first_of_all", "ignoring_its_input",
}  # fmt: skip
FIXED = {
    "of_other_structures",
    "returning_plain_numbers",
    "of_other_dtypes",
    "of_truths",
    "ignoring_its_input",
}
SEVERAL_PATHS = {
    "raising_for_some_sizes",
    "of_sizes",
    "with_dropout",
    "of_classes_that_are_looked_at",
    "of_more_classes_than_are_traced_together",
}
ONE_FORM = sorted(set(SWITCHES) - FIXED - SEVERAL_PATHS)


def settings_built(factory, cost):
    """Return some settings of a factory, all where they are few, without those that are refused."""
    configs = [
        config for config in factory.space.restrict(batch=3) if cost.regions.at(config).refusal is None
    ]
    return random.Random(0).sample(configs, min(MOST, len(configs)))


@pytest.mark.parametrize(
    ("name", "recipe"),
    [(name, recipe) for name in SWITCHES for recipe in ("inference", "sgd")]
    + [(name, "adamw") for name in ALSO_BY_ADAMW],
)
def test_every_choice_equals_a_real_run(name, recipe):
    factory = SWITCHES[name]
    cost = cost_of(factory, recipe)
    assert differences(cost, recipe, settings_built(factory, cost)) == []


@pytest.mark.parametrize("name", ONE_FORM)
def test_all_choices_are_one_closed_form_in_inference(name):
    cost = cost_of(SWITCHES[name])
    list(map(cost.regions.at, SWITCHES[name].space.restrict(batch=3)))
    assert len(cost.regions.known) == 1
    assert cost.first.basis.startswith("verified at ")


@pytest.mark.parametrize("name", sorted(FIXED_IN_TRAINING))
def test_alternatives_that_keep_other_things_for_the_backward_pass_are_fixed(name):
    assert "Eq(" in str(cost_of(SWITCHES[name], "sgd").first.conditions)


@pytest.mark.parametrize("name", sorted(FIXED))
def test_alternatives_that_cannot_be_joined_are_enumerated(name):
    assert cost_of(SWITCHES[name]).first.basis.startswith("enumerated at ")


def test_a_space_of_many_choices_is_one_closed_form():
    names = ("first", "second", "third", "fourth", "fifth")
    choice = fc.Choice("none", "linear", "mlp", "relu")

    @switching(**dict.fromkeys(names, choice))
    def network(width, first, second, third, fourth, fifth):
        chosen = (first, second, third, fourth, fifth)
        return nn.Sequential(nn.Linear(width, width), *(fc.Switch(each, options(width)) for each in chosen))

    del SWITCHES["network"]
    cost = cost_of(network)
    draw = random.Random(3)
    assert differences(cost, "inference", [network.space.sample(draw) for _ in range(3)]) == []
    assert len(cost.regions.known) == 1


def test_only_the_alternative_that_raises_is_refused():
    cost = cost_of(SWITCHES["raising_for_some_sizes"])
    with pytest.raises(InvalidConfigError, match=r"switches\.py:\d+: ValueError: too wide"):
        cost.parameters(kind="checked", width=16, batch=2)
    assert cost.parameters(kind="tanh", width=16, batch=2) == 16 * 17
    assert cost.parameters(kind="checked", width=8, batch=2) == 2 * 8 * 9


def test_an_option_that_the_factory_refuses_is_refused_alone():
    factory = SWITCHES["of_classes_that_are_looked_at"]
    plain, wide = factory.space["block"].values
    cost = cost_of(factory)
    for block, width in ((wide, 16), (plain, 16), (plain, 8), (wide, 8)):
        at = {"block": block, "width": width, "batch": 2}
        if block is wide and width == 16:
            with pytest.raises(InvalidConfigError, match=r"switches\.py:\d+: ValueError: too wide"):
                cost.parameters(**at)
        else:
            assert differences(cost, "inference", [factory.space.config(**at)]) == []
    covering = [
        [region.covers(cost.regions.domain.encode(config)) for region in cost.regions.known]
        for config in factory.space.restrict(batch=2)
    ]
    assert sorted(covering) == [[False, True], *[[True, False]] * 3]


def test_more_classes_than_are_traced_together_are_enumerated():
    cost = cost_of(SWITCHES["of_more_classes_than_are_traced_together"])
    assert "Eq(third" in str(cost.first.conditions)
    assert "Eq(first" not in str(cost.first.conditions)


USES = {
    "compared": lambda kind: 4 if kind == "linear" else 8,
    "compared the other way": lambda kind: 8 if kind != "linear" else 4,
    "written": lambda kind: len(f"{kind}"),
    "joined": lambda kind: len(",".join(kind for _ in range(2))),
    "joined to others": lambda kind: len("a" + kind),
    "measured": lambda kind: len(kind),
    "a key": lambda kind: {"none": 3, "linear": 4, "relu": 5}[kind],
    "in a set": lambda kind: 4 if kind in {"linear", "wide"} else 8,
    "in a list": lambda kind: 4 if kind in ["linear", "wide"] else 8,
    "looked into": lambda kind: 4 if "in" in kind else 8,
    "walked": lambda kind: len(list(kind)),
    "started with": lambda kind: 4 if kind.startswith("l") else 8,
    "matched": lambda kind: matched(kind),
    "named": lambda kind: getattr(Named, kind),
    "formatted": lambda kind: len("{}%".format(kind)),  # noqa: UP032
    "filled in": lambda kind: len("%s%%" % kind),  # noqa: UP031
    "sorted": lambda kind: 4 if sorted([kind, "m", "n"])[1] == "m" else 8,
}


class Named:
    none, linear, relu = 3, 4, 5


def matched(kind):
    match kind:
        case "linear":
            return 4
        case _:
            return 8


@pytest.mark.parametrize("use", USES)
def test_text_used_elsewhere_is_never_a_silent_constant(use):
    @fc.model(kind=fc.Choice("none", "linear", "relu"), example=lambda: torch.zeros(2, 6))
    def network(kind):
        layers = {"none": nn.Identity, "linear": lambda: nn.Linear(6, 6), "relu": nn.ReLU}
        return nn.Sequential(fc.Switch(kind, layers), nn.Linear(6, USES[use](kind)))

    assert differences(cost_of(network), "inference", list(network.space)) == []


def test_a_switch_outside_a_trace_builds_the_chosen_module_only():
    built = []
    switch = fc.Switch("b", {"a": lambda: built.append("a"), "b": lambda: nn.Linear(2, 3)})
    assert switch(torch.zeros(4, 2)).shape == (4, 3)
    assert not built
    assert [name for name, _ in switch.named_parameters()] == ["b.weight", "b.bias"]


def test_a_sequence_is_chosen_from_by_position_and_modules_may_be_built_already():
    linear = nn.Linear(2, 3)
    assert fc.Switch(1, [nn.Identity(), linear])(torch.zeros(1, 2)).shape == (1, 3)
    assert fc.Switch(True, {True: linear, False: nn.Identity}).weight is linear.weight
    with pytest.raises(AttributeError):
        _ = fc.Switch(1, [nn.Identity(), linear]).nothing


def test_a_key_may_be_the_name_of_a_method_of_modules():
    switch = fc.Switch("half", {"half": nn.Tanh, "float": nn.ReLU})
    assert isinstance(next(switch.children()), nn.Tanh)


@pytest.mark.parametrize(
    ("choice", "alternatives", "message"),
    [
        ("c", {"a": nn.ReLU}, "no alternative for it; there are 'a'"),
        ("a", {}, "there is nothing to choose from"),
        (0, [3], "3 is no module and builds none"),
        ("a", {"a": lambda: 3}, "the alternative 'a' builds int, not a torch.nn.Module"),
    ],
)
def test_a_wrong_switch_is_a_clear_error(choice, alternatives, message):
    with pytest.raises(DeclarationError, match=message):
        fc.Switch(choice, alternatives)


def test_a_choice_without_an_alternative_is_refused_and_the_others_stay():
    @fc.model(kind=fc.Choice("a", "b", "c"), example=lambda: torch.zeros(2, 6))
    def network(kind):
        return fc.Switch(kind, {"a": lambda: nn.Linear(6, 6), "b": nn.ReLU})

    cost = cost_of(network)
    assert (cost.parameters(kind="a"), cost.parameters(kind="b")) == (42, 0)
    with pytest.raises((InvalidConfigError, DeclarationError), match="no alternative for it"):
        cost.parameters(kind="c")


def test_an_attribute_of_a_switch_is_the_chosen_modules_and_fixes_the_choice():
    @fc.model(kind=fc.Choice("narrow", "wide"), example=lambda: torch.zeros(2, 6))
    def network(kind):
        first = fc.Switch(kind, {"narrow": lambda: nn.Linear(6, 2), "wide": lambda: nn.Linear(6, 9)})
        return nn.Sequential(first, nn.Linear(first.out_features, 4))

    assert differences(cost_of(network, "sgd"), "sgd", list(network.space)) == []
