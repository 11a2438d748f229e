"""Values that constants and shapes decide are known; those of weights and float inputs never are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import DataDependentError
from fxcost.expr.conditions import readable
from fxcost.program import QuestionKind
from tests.trace.idioms import SEQUENCE, Wrapped, tokens, vectors
from tests.trace.replay import check_peaks_equal_real_runs, traced


def factory_of(function, example=vectors, **domains):
    return fc.model(example=example, **{"width": fc.Int(8, 64), "batch": fc.Int(2, 15)} | domains)(function)


def conditions(program, kind):
    return [readable(question.condition) for question in program.questions if question.kind is kind]


def test_rates_of_stochastic_depth_made_with_linspace_are_known():
    rates = []

    def build(width):
        rates.extend(rate.item() for rate in torch.linspace(0, 0.5, 3))
        return nn.Sequential(*(nn.Dropout(rate) for rate in rates[-3:]), nn.Linear(width, 3))

    check_peaks_equal_real_runs(factory_of(build), "sgd")
    assert rates[:3] == [0.0, 0.25, 0.5]


def test_a_known_value_that_depends_on_a_hyperparameter_pins_it():
    def build(width, depth):
        rates = torch.linspace(0, 0.5, depth)
        return nn.Sequential(nn.Linear(width, 3), nn.Dropout(rates[-1].item()))

    program = traced(factory_of(build, depth=fc.Int(2, 9)))
    assert [text for text in conditions(program, QuestionKind.SPECIALISATION) if text.startswith("depth ==")]


def test_unique_values_of_constants_have_a_known_number():
    def build(width):
        groups = torch.unique(torch.tensor([8, 4, 8, 2]))
        return nn.Sequential(nn.Linear(width, len(groups)), nn.Linear(3, groups.tolist()[-1]))

    check_peaks_equal_real_runs(factory_of(build), "inference")


def test_a_mask_of_ones_is_known_to_be_full_and_is_listed_as_a_data_assumption():
    def build(width):
        def forward(self, x):
            mask = torch.ones(x.shape[0], dtype=torch.bool)
            return self.linear(x) if mask.all() else self.linear(x) * 2

        return Wrapped(forward, linear=nn.Linear(width, 3))

    program = check_peaks_equal_real_runs(factory_of(build), "inference")
    (question,) = [q for q in program.questions if q.kind is QuestionKind.DATA]
    assert question.source.file == __file__


def test_tokens_of_the_example_are_known():
    def build(width):
        def forward(self, ids):
            assert not (ids > 9).any()
            return self.embedding(ids)

        return Wrapped(forward, embedding=nn.Embedding(10, width))

    program = traced(factory_of(build, tokens, **SEQUENCE))
    assert [q for q in program.questions if q.kind is QuestionKind.DATA]


def branch_on_sum(module, x):
    if x.sum() > 0:
        return module.linear(x)
    return module.linear(x) * 2


BRANCH_LINE = branch_on_sum.__code__.co_firstlineno + 1


def refused(build, line, example=vectors, file=__file__):
    with pytest.raises(DataDependentError) as caught:
        traced(factory_of(build, example), width=8, batch=3)
    assert f"{file}:{line}" in str(caught.value)


def test_a_branch_on_a_float_input_is_refused_with_its_line():
    refused(lambda width: Wrapped(branch_on_sum, linear=nn.Linear(width, 3)), BRANCH_LINE)


def test_a_float_input_of_zeros_is_not_known_to_be_zero():
    refused(lambda width: Wrapped(branch_on_sum, linear=nn.Linear(width, 3)), BRANCH_LINE, vectors)


def test_a_branch_on_a_weight_is_refused_with_its_line():
    def build(width):
        layer = nn.Linear(width, 3)
        return layer if layer.weight.mean() > 0 else nn.Linear(width, 4)

    refused(build, build.__code__.co_firstlineno + 2)


def test_a_weight_of_ones_is_not_known_to_be_ones():
    def build(width):
        scale = nn.Parameter(torch.ones(width))

        def forward(self, x):
            return x * self.scale if self.scale[0] == 1 else x

        return Wrapped(forward, scale=scale)

    with pytest.raises(DataDependentError):
        traced(factory_of(build), width=8, batch=3)


def test_a_constant_written_with_data_is_no_longer_known():
    def build(width):
        def forward(self, x):
            total = torch.zeros(1)
            total += x.sum()
            return self.linear(x) * total.item()

        return Wrapped(forward, linear=nn.Linear(width, 3))

    with pytest.raises(DataDependentError):
        traced(factory_of(build), width=8, batch=3)


def test_a_size_that_data_decides_is_refused_with_its_line():
    def build(width):
        def forward(self, x):
            return self.linear(x)[x.sum(1) > 0]

        return Wrapped(forward, linear=nn.Linear(width, 3))

    with pytest.raises(DataDependentError, match=f"{__file__}:"):
        traced(factory_of(build), width=8, batch=3)


def test_random_numbers_are_not_known():
    def build(width):
        return nn.Linear(width, 3 if torch.rand(1).item() > 0.5 else 4)

    with pytest.raises(DataDependentError):
        traced(factory_of(build), width=8, batch=3)
