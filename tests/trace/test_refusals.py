"""What cannot be traced is refused with the user's line and what to write instead."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DeclarationError, FactoryError, UnknownOperatorError
from fxcost.expr.conditions import readable
from fxcost.program import Role
from fxcost.trace import Training
from tests.trace.idioms import Wrapped, vectors
from tests.trace.replay import ADAMW, SGD, traced


def factory_of(function, example=vectors, loss=None):
    return fc.model(example=example, loss=loss, width=fc.Int(8, 64), batch=fc.Int(2, 15))(function)


def refused(factory, training=None, error=FactoryError):
    with pytest.raises(error) as caught:
        traced(factory, training, width=31, batch=7)
    return caught.value


def linear(width):
    return nn.Linear(width, 3)


def picky(width):
    if width % 4:
        raise ValueError("width must be a multiple of 4")
    return nn.Linear(width, 3)


def test_a_factory_that_raises_is_quoted_with_its_line_and_the_setting():
    error = refused(factory_of(picky))
    assert (
        f"{__file__}:{picky.__code__.co_firstlineno + 2}: ValueError: width must be a multiple of 4"
        in str(error)
    )
    assert "width=31" in str(error)
    assert isinstance(error.__cause__, ValueError)


def test_a_refusal_says_under_which_conditions_it_is_made():
    assert "width % 4 != 0" in [readable(q.condition) for q in refused(factory_of(picky)).questions]


def test_an_example_that_raises_is_quoted_with_its_line():
    def example(batch):
        return torch.zeros(batch, 3).view(batch, 4)

    error = refused(factory_of(linear, example))
    assert f"{__file__}:{example.__code__.co_firstlineno + 1}" in str(error)


def test_a_forward_that_raises_is_quoted_with_its_line():
    def forward(self, x):
        return self.linear(x[:, 1:])

    error = refused(factory_of(lambda width: Wrapped(forward, linear=nn.Linear(width, 3))))
    assert f"{__file__}:{forward.__code__.co_firstlineno + 1}" in str(error)


def test_a_factory_that_returns_no_module_is_refused():
    assert "the factory returned int, not a torch.nn.Module" in str(refused(factory_of(lambda width: 3)))


def pair(width):
    return Wrapped(lambda self, x: (self.linear(x), x), linear=nn.Linear(width, 3))


def test_a_tuple_as_output_needs_a_loss():
    assert "@fc.model(..., loss=lambda output: ...)" in str(refused(factory_of(pair), SGD))


def test_a_tuple_as_output_with_a_loss_is_traced():
    program = traced(factory_of(pair, loss=lambda output: output[0].sum()), SGD)
    assert [storage for storage in program.storages if storage.role is Role.GRADIENT]


def test_a_tuple_as_output_needs_no_loss_in_inference():
    assert traced(factory_of(pair)).events


@torch.library.custom_op("fxcost_tests::opaque", mutates_args=())
def opaque(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


def test_a_custom_operator_without_a_fake_kernel_is_named_with_its_line():
    def forward(self, x):
        return opaque(self.linear(x))

    factory = factory_of(lambda width: Wrapped(forward, linear=nn.Linear(width, 3)))
    error = refused(factory, error=UnknownOperatorError)
    assert f"{__file__}:{forward.__code__.co_firstlineno + 1}" in str(error)
    assert "fxcost_tests.opaque.default" in str(error)
    assert "torch.library.register_fake" in str(error)


def test_a_projected_lstm_is_refused_with_its_line():
    def forward(self, x):
        return self.lstm(x[None])[0]

    factory = factory_of(lambda width: Wrapped(forward, lstm=nn.LSTM(width, width, proj_size=3)))
    error = refused(factory, error=UnknownOperatorError)
    assert f"{__file__}:{forward.__code__.co_firstlineno + 1}" in str(error)
    assert "an nn.Linear after it" in str(error)


def test_an_optimizer_that_evaluates_the_model_again_is_refused():
    assert "LBFGS" in str(refused(factory_of(linear), Training(torch.optim.LBFGS)))


def test_an_optimizer_is_a_callable():
    with pytest.raises(DeclarationError, match=re.escape("write Training(optimizer=torch.optim.AdamW)")):
        Training("adamw")


def test_foreach_is_used_where_the_optimizer_leaves_it_open():
    layer = nn.Linear(2, 2)
    assert ADAMW.build(layer.parameters()).param_groups[0]["foreach"] is True
    options = {"foreach": False}
    assert (
        Training(torch.optim.AdamW, options=options).build(layer.parameters()).param_groups[0]["foreach"]
        is False
    )
