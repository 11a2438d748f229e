"""`@fc.model` binds a factory to its space and its example, and refuses what cannot be bound."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError
from fxcost.factory import ModelFactory
from fxcost.space import Space


def example(batch):
    return torch.zeros(batch, 4)


def net(width):
    """Return a layer."""
    return nn.Linear(4, width)


WIDTH, BATCH = fc.Int(8, 64), fc.Int(1, 32)


@pytest.fixture
def bound():
    return fc.model(width=WIDTH, batch=BATCH, example=example)(net)


def test_a_decorated_factory_is_still_the_plain_factory(bound):
    assert isinstance(bound, ModelFactory)
    assert bound(8).out_features == 8
    assert bound(width=9).out_features == 9
    assert bound.__wrapped__ is net
    assert (bound.__name__, bound.__doc__) == ("net", "Return a layer.")


def test_a_decorated_factory_knows_its_space_and_its_example(bound):
    assert bound.space == Space(width=WIDTH, batch=BATCH)
    assert bound.example is example
    assert bound.loss is None
    assert (bound.factory_names, bound.example_names) == (("width",), ("batch",))


def test_a_decorated_factory_says_what_it_is_and_where(bound):
    assert repr(bound) == "<model factory net: Space(width=Int(8, 64), batch=Int(1, 32))>"
    assert bound.place == f"{__file__}:{net.__code__.co_firstlineno}"


def test_a_hyperparameter_may_belong_to_factory_and_example():
    both = fc.model(width=WIDTH, batch=BATCH, example=lambda batch, width: torch.zeros(batch, width))(net)
    assert both.factory_names == ("width",)
    assert both.example_names == ("batch", "width")


def test_a_space_with_conditions_is_taken_as_it_is():
    space = Space(width=WIDTH, batch=BATCH).where("width % 8 == 0")
    assert fc.model(space=space, example=example)(net).space is space


def test_a_dict_of_domains_is_a_space_too():
    assert fc.model(space={"width": WIDTH, "batch": BATCH}, example=example)(net).space["batch"] == BATCH


def test_arguments_with_defaults_need_no_domain():
    def with_default(width, bias=True):
        return nn.Linear(4, width, bias=bias)

    bound = fc.model(width=WIDTH, batch=BATCH, example=example)(with_default)
    assert bound.factory_names == ("width",)


def test_a_factory_that_takes_any_keyword_gets_all_hyperparameters():
    def anything(**sizes):
        return nn.Linear(4, sizes["width"])

    bound = fc.model(width=WIDTH, batch=BATCH, example=example)(anything)
    assert bound.factory_names == ("width", "batch")


def refusal(**declaration):
    with pytest.raises(DeclarationError) as caught:
        fc.model(**declaration)(net)
    return str(caught.value)


def test_an_undeclared_argument_is_named_with_what_to_write():
    message = refusal(batch=BATCH, example=example)
    assert f"{__file__}:{net.__code__.co_firstlineno}: the factory takes width" in message
    assert "width=fc.Int(1, 64)" in message


def test_an_undeclared_argument_of_the_example_is_named():
    assert "the example takes batch, which is not declared" in refusal(width=WIDTH, example=example)


def test_a_hyperparameter_that_nothing_takes_is_named():
    message = refusal(width=WIDTH, batch=BATCH, depth=fc.Int(1, 2), example=example)
    assert re.search(
        r"depth is declared, but neither net\(.*width.*\) nor the example\(.*batch.*\) takes it", message
    )


def test_several_hyperparameters_that_nothing_takes_are_all_named():
    declared = {"width": WIDTH, "batch": BATCH, "depth": fc.Int(1, 2), "age": fc.Int(1, 2)}
    assert "age, depth are declared" in refusal(**declared, example=example)


def test_a_space_and_domains_together_are_refused():
    message = refusal(space=Space(width=WIDTH, batch=BATCH), depth=fc.Int(1, 2), example=example)
    assert "give space= or the domains (depth), not both" in message


def test_an_example_that_is_a_tensor_is_refused_with_what_to_write():
    message = refusal(width=WIDTH, example=torch.zeros(2))
    assert "write example=lambda batch: torch.zeros(batch, 3)" in message
