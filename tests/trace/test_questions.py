"""What a trace asks, of which kind, and that its answers are true."""

from __future__ import annotations

import copy

import pytest
import sympy
import torch
from torch import nn

import fxcost as fc
from fxcost.expr import Domain, evaluate
from fxcost.expr.conditions import readable
from fxcost.program import QuestionKind
from tests.trace.idioms import IDIOMS, SEQUENCE, Wrapped, states
from tests.trace.replay import SGD, at, settings_where_questions_hold, traced

TRACED = [
    factory for factory in IDIOMS if factory.__name__ in ("extremes", "upsampling", "multihead_attention")
]


def factory_of(function, example=None, **domains):
    space = {"width": fc.Int(8, 64), "batch": fc.Int(2, 15)} | domains
    return fc.model(example=example or (lambda batch, width: torch.zeros(batch, width)), **space)(function)


def texts(program, kind):
    return {readable(question.condition) for question in program.questions if question.kind is kind}


def multihead(width, heads):
    module = nn.MultiheadAttention(width, heads, batch_first=True)
    return Wrapped(lambda self, x: self.attention(x, x, x)[0], attention=module)


def test_multihead_attention_asks_for_divisibility_without_its_being_declared():
    attention = factory_of(multihead, states, heads=fc.Int(1, 8), **SEQUENCE)
    program = traced(attention, SGD, width=44, heads=4, batch=7, seq=13)
    asked = [q for q in program.questions if q.kind is QuestionKind.MODEL]
    width, heads = (Domain(attention.space).symbols[name] for name in ("width", "heads"))
    points = [(w, h) for w in range(8, 65) for h in range(2, 9)]
    allowed = {
        (w, h)
        for w, h in points
        if all(
            evaluate(q.condition, {"width": w, "heads": h, "batch": 7, "seq": 13})
            for q in asked
            if q.condition.free_symbols == {width, heads}
        )
    }
    assert allowed <= {(w, h) for w, h in points if w % h == 0}
    assert (44, 4) in allowed


def test_a_deep_copied_configuration_asks_the_same_environment():
    def copied(width, depth):
        setting = copy.deepcopy({"depth": depth})
        return nn.Sequential(*[nn.Linear(width, width) for _ in range(setting["depth"])])

    program = traced(factory_of(copied, depth=fc.Int(1, 6)), width=31, depth=3, batch=7)
    assert texts(program, QuestionKind.SPECIALISATION) == {"depth == 3"}


def test_what_model_code_compares_is_a_model_condition_with_its_line():
    def branching(width):
        return nn.Linear(width, 3 if width > 20 else 4)

    program = traced(factory_of(branching), width=31, batch=7)
    (question,) = [q for q in program.questions if q.kind is QuestionKind.MODEL]
    assert readable(question.condition) == "width > 20"
    assert (question.source.file, question.source.line) == (__file__, branching.__code__.co_firstlineno + 1)


def test_the_other_side_of_a_branch_is_the_opposite_condition():
    def branching(width):
        return nn.Linear(width, 3 if width > 20 else 4)

    program = traced(factory_of(branching), width=13, batch=7)
    assert texts(program, QuestionKind.MODEL) == {"width <= 20"}


def test_what_torch_asks_of_strides_is_a_layout_assumption():
    program = traced(factory_of(lambda width: nn.Linear(width, 3)))
    kinds = {question.kind for question in program.questions}
    assert kinds == {QuestionKind.LAYOUT}


def test_a_value_that_python_needs_is_a_specialisation():
    def repeated(width, depth):
        return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))

    program = traced(factory_of(repeated, depth=fc.Int(1, 5)), width=31, batch=7, depth=3)
    assert texts(program, QuestionKind.SPECIALISATION) == {"depth == 3"}


def test_an_option_that_is_no_number_is_a_specialisation():
    def activated(width, activation, bias):
        return nn.Sequential(nn.Linear(width, width, bias=bias), nn.GELU() if activation else nn.ReLU())

    factory = factory_of(activated, activation=fc.Choice(None, "gelu"), bias=fc.Bool())
    program = traced(factory, width=31, batch=7, activation="gelu", bias=False)
    assert texts(program, QuestionKind.SPECIALISATION) == {"activation == 1", "bias == 0"}


def test_a_test_of_a_float_for_zero_is_a_condition_and_no_specialisation():
    def scaled(width, ratio):
        return nn.Linear(width, int(width * ratio) if ratio else 3)

    program = traced(factory_of(scaled, ratio=fc.Float(0.0, 2.0)), width=31, batch=7, ratio=1.5)
    assert not texts(program, QuestionKind.SPECIALISATION)
    assert any("ratio" in text and "!= 0" in text for text in texts(program, QuestionKind.MODEL))


def test_a_question_is_kept_once():
    def repeating(width):
        return nn.Sequential(*(nn.Linear(width, 3 if width > 20 else 4) for _ in range(1) for _ in range(1)))

    program = traced(factory_of(repeating))
    conditions = [q.condition for q in program.questions if q.condition is not sympy.true]
    assert len(conditions) == len(set(conditions))


@pytest.mark.parametrize("factory", TRACED, ids=lambda factory: factory.__name__)
def test_every_question_is_answered_truly_at_the_hint(factory):
    program = traced(factory, SGD)
    values = Domain(factory.space).encode(program.hint)
    assert [q for q in program.questions if not evaluate(q.condition, values)] == []


@pytest.mark.parametrize("factory", TRACED, ids=lambda factory: factory.__name__)
def test_two_hints_give_the_same_sizes_wherever_both_regions_hold(factory):
    first = traced(factory, SGD)
    (other,) = settings_where_questions_hold(factory, first, 1, seed=3)
    second = traced(factory, SGD, **other)
    shared = [
        config
        for config in settings_where_questions_hold(factory, first, 6, seed=4)
        if at(factory, second, config).holds()
    ]
    assert shared
    for config in shared:
        assert list(at(factory, first, config).live_bytes()) == list(at(factory, second, config).live_bytes())
