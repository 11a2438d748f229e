"""Conditions: discharged soundly, followed exactly, read as they were meant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv, Max, PythonMod, TruncToInt

from fxcost.errors import ExpressionError
from fxcost.expr import Domain, FloatMul, Normaliser, evaluate
from fxcost.expr.conditions import discharge, of_callable, readable
from fxcost.expr.conditions import evaluate as truth
from fxcost.expr.decide import Decider
from fxcost.expr.grid import Grids
from fxcost.space import Bool, Choice, Int, Space
from tests.expr.programs import CONDITIONS, DOMAIN, Program, points

POINTS = list(points())
GPT = Domain(Space(width=Int(1, 512), heads=Choice(1, 2, 4, 8), batch=Int(1, 64), seq=Int(1, 128)))
W, H, B, S = GPT.symbols.values()


@settings(max_examples=80)
@given(CONDITIONS)
def test_a_condition_decided_holds_at_every_point(program: Program) -> None:
    if Decider(Normaliser(DOMAIN)).holds(program.expression):
        assert all(program.run(point) for point in POINTS)


@settings(max_examples=50)
@given(st.lists(CONDITIONS, min_size=1, max_size=6))
def test_conditions_that_remain_imply_those_discharged(programs: list[Program]) -> None:
    run = {program.expression: program.run for program in programs}
    proved, remaining = discharge(list(run), DOMAIN, Normaliser(DOMAIN))
    assert set(proved) | set(remaining) == set(run)
    assert not set(proved) & set(remaining)
    for point in POINTS:
        if all(run[condition](point) for condition in remaining):
            assert all(run[condition](point) for condition in proved)


@settings(max_examples=40)
@given(st.lists(CONDITIONS, min_size=1, max_size=4), CONDITIONS)
def test_what_is_known_already_is_used_and_not_more(programs: list[Program], known: Program) -> None:
    run = {program.expression: program.run for program in programs}
    proved, remaining = discharge(list(run), DOMAIN, Normaliser(DOMAIN, [known.expression]))
    for point in POINTS:
        if known.run(point) and all(run[condition](point) for condition in remaining):
            assert all(run[condition](point) for condition in proved)


def test_the_questions_of_an_attention_block_become_its_conditions() -> None:
    q = FloorDiv(W, H)
    asked = [
        sympy.Ne(W, 1),
        sympy.Eq(H * q, W),
        16 * W**2 >= 16 * W * (W - 1) + 16 * W,
        B * S * W > 1,
        B > 1,
        sympy.Ne(S, 1),
        sympy.Ne(W, B * S * W),
        sympy.Ne(Max(1, q), H * S * Max(1, q)),
        sympy.Eq(B * H * S * q, B * S * W),
        sympy.Ne(PythonMod(B, B * H), 0),
        sympy.Eq(PythonMod(B * W, B * H), 0),
        H > 1,
        q > 1,
        sympy.Eq(Max(1, H * q), W),
        q < W,
        sympy.Ne(PythonMod(q, B * W), 0),
    ]
    _, remaining = discharge(asked, GPT, Normaliser(GPT))
    assert {readable(condition) for condition in remaining} == {
        "width % heads == 0",
        "batch > 1",
        "seq != 1",
        "heads > 1",
        "width//heads > 1",
    }


def test_six_hundred_questions_are_discharged() -> None:
    asked = [sympy.Gt(W * B + index, index // 2, evaluate=False) for index in range(300)]
    asked += [sympy.Ne(B * S * W, -index, evaluate=False) for index in range(299)] + [B > 3]
    proved, remaining = discharge(asked, GPT, Normaliser(GPT))
    assert (len(proved), remaining) == (599, (B > 3,))


def test_a_condition_that_only_follows_from_itself_remains() -> None:
    divides = sympy.Eq(H * FloorDiv(W, H), W)
    assert discharge([divides, divides], GPT, Normaliser(GPT)) == ((), (divides,))
    assert discharge([divides], GPT, Normaliser(GPT, [divides])) == ((divides,), ())


def test_python_floats_decide() -> None:
    domain = Domain(Space(percent=Int(100, 100)))
    taken = TruncToInt(FloatMul(sympy.Float(0.29), domain.symbols["percent"]))
    decider = Decider(Normaliser(domain))
    assert decider.holds(sympy.Eq(taken, 28))
    assert not decider.holds(sympy.Eq(taken, 29))


READABLE = [
    (sympy.Eq(H * FloorDiv(W, H), W), "width % heads == 0"),
    (sympy.Ne(W, FloorDiv(W, H) * H), "width % heads != 0"),
    (sympy.Eq(B * S * H * FloorDiv(W, H), B * S * W), "width % heads == 0"),
    (sympy.Ne(B * W, B * H), "width != heads"),
    (sympy.Lt(1, W, evaluate=False), "width > 1"),
    (sympy.Lt(4 * W * (S - 1) + 4 * W, 8), "seq*width < 2"),
    (sympy.Or(sympy.Eq(H, 1), sympy.Eq(FloorDiv(W, H), 1)), "heads == 1 or width//heads == 1"),
    (sympy.Not(sympy.Eq(PythonMod(W + 1, H), 0)), "(width + 1) % heads != 0"),
    (sympy.Le(Max(1, W - 3), 2 * B), "max(1, width - 3) <= 2*batch"),
    (sympy.Gt(TruncToInt(FloatMul(sympy.Float(0.29), W)), B), "int(0.29*width) > batch"),
]


@pytest.mark.parametrize(("condition", "text"), READABLE)
def test_conditions_read_as_python(condition: sympy.Basic, text: str) -> None:
    assert readable(condition) == text


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (sympy.Ne(FloorDiv(W - 1, 32), 0), "width >= 33"),
        (sympy.Lt(W * 3, 100), "width <= 33"),
        (sympy.Ne(PythonMod(W, 400), 5), "width not in (5, 405)"),
        (sympy.Ne(3 * W, 60), "width != 20"),
        (sympy.Eq(TruncToInt(FloatMul(sympy.Float(0.29), W)), 28), "width in (97, 98, 99, 100)"),
        (sympy.Eq(PythonMod(W, 500), 499), "width == 499"),
        (B > 1, "batch > 1"),
        (sympy.Eq(PythonMod(W, H), 0), "width % heads == 0"),
    ],
)
def test_a_condition_on_one_hyperparameter_reads_as_a_range_of_it(condition: sympy.Basic, text: str) -> None:
    assert readable(condition, GPT) == text


BLOCKS = Domain(
    Space(act=Choice("relu", "gelu", "glu"), norm=Choice(dict, None), gated=Bool(), heads=Choice(4, 8, 16))
)
ACT, NORM, GATED, HEADS = BLOCKS.symbols.values()


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (sympy.Eq(ACT, 1), "act == 'gelu'"),
        (sympy.Ne(ACT, 2), "act != 'glu'"),
        (sympy.Or(sympy.Eq(ACT, 1), sympy.Eq(ACT, 2)), "act != 'relu'"),
        (sympy.Eq(NORM, 0), "norm == dict"),
        (sympy.Ne(NORM, 0), "norm == None"),
        (sympy.Eq(GATED, 1), "gated"),
        (sympy.Eq(GATED, 0), "not gated"),
        (sympy.Eq(HEADS, 8), "heads == 8"),
        (sympy.And(sympy.Eq(ACT, 1), HEADS > 4), "act == 'gelu' and heads > 4"),
        (
            sympy.Or(sympy.And(sympy.Eq(ACT, 1), HEADS > 4), sympy.Eq(GATED, 1)),
            "(act == 'gelu' and heads > 4) or gated",
        ),
        (
            sympy.Not(sympy.And(sympy.Eq(ACT, 1), HEADS > 4, evaluate=False), evaluate=False),
            "not (act == 'gelu' and heads > 4)",
        ),
    ],
)
def test_a_condition_on_options_reads_as_they_are_written(condition: sympy.Basic, text: str) -> None:
    assert readable(condition, BLOCKS) == text


def test_a_condition_reads_as_a_range_of_the_values_that_are_left() -> None:
    left = Grids(GPT, [W <= 300])
    assert readable(sympy.And(W >= 100, W <= 200), left) == "100 <= width <= 200"
    assert readable(sympy.And(W >= 100, W <= 600), left) == "width >= 100"


@settings(max_examples=60)
@given(CONDITIONS)
def test_a_condition_read_as_python_is_true_where_it_is(program: Program) -> None:
    names = {
        "trunc": lambda x: float(math.trunc(x)),
        "floor": math.floor,
        "ceil": math.ceil,
        "sqrt": math.sqrt,
    }
    text, ranged = readable(program.expression), readable(program.expression, DOMAIN)
    if "true" in text.lower() or "false" in text.lower():
        return
    for point in POINTS[::37]:
        assert bool(eval(text, dict(names), point)) == bool(program.run(point)), text
        assert bool(eval(ranged, dict(names), point)) == bool(program.run(point)), ranged


SPACE = Space(
    width=Int(8, 64, step=8),
    heads=Choice(4, 8, 16),
    ratio=Choice(0.5, 2.0, 0.29),
    norm=Choice(None, "layer", "batch"),
    bias=Bool(),
    shift=Int(-4, 4),
)

FUNCTIONS: list[Callable[..., Any]] = [
    lambda width, heads: width % heads == 0,
    lambda width, heads: width % heads == 0 and (heads > 4 or width < 40),
    lambda width, heads: not (width // heads > 3 or heads == 16),
    lambda width, norm: width > 32 if norm == "layer" else norm is None,
    lambda norm, bias: bias or norm in ("layer", None),
    lambda width, ratio: int(width * ratio) % 2 == 0,
    lambda width, ratio: width * ratio + 0.1 <= 20.3 - ratio,
    lambda width, heads, shift: max(width, heads * 2, key=abs) > min(30, abs(shift) * 9),
    lambda width, shift: 16 < width + shift**2 <= 48,
    lambda width: width in {16, 24},
    lambda width: width in (16, 24),
    lambda width: math.log2(width).is_integer(),
    lambda width, heads: (width % heads == 0) & (heads < 16) | (width == 64),
    lambda width, heads: (width % heads == 0) == (heads < 16),
    lambda width: isinstance(width, int) and width > 20,
    lambda shift, heads: shift % heads == heads - 1 and shift // heads == -1,
    lambda width, heads: width / heads > 2.5 and -width < -heads,
    lambda shift: not shift,
    lambda width, shift: any(width == 8 * k for k in range(4)) or shift > 3,
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_users_function_is_followed_on_every_path(function: Callable[..., Any]) -> None:
    space = SPACE.where(function)
    domain = Domain(space)
    (condition,) = space.conditions
    followed = of_callable(condition, domain)
    for values in itertools.product(*(SPACE[name].values for name in condition.names)):
        config = dict(zip(condition.names, values, strict=True))
        encoded = {name: domain.axes[name].encode(value) for name, value in config.items()}
        assert truth(followed, encoded) == condition.holds(config), config


def test_a_condition_as_text_is_followed_too() -> None:
    space = SPACE.where("width % heads == 0 and (norm == 'layer' or not bias)")
    domain = Domain(space)
    followed = of_callable(space.conditions[0], domain)
    assert truth(followed, {"width": 16, "heads": 8, "norm": 1, "bias": 1})
    assert not truth(followed, {"width": 16, "heads": 8, "norm": 0, "bias": 1})


def test_simple_conditions_stay_simple() -> None:
    space = SPACE.where(lambda width, heads: width % heads == 0)
    assert readable(of_callable(space.conditions[0], Domain(space))) == "width % heads == 0"


def test_a_function_that_cannot_be_followed_over_too_many_points_is_refused() -> None:
    space = Space(width=Int(1, 10**6)).where(lambda width: math.log2(width) > 3)
    with pytest.raises(ExpressionError, match="cannot be followed"):
        of_callable(space.conditions[0], Domain(space))


def test_an_unknown_function_is_undecided_and_not_an_error() -> None:
    assert not Decider(Normaliser(GPT)).holds(sympy.gamma(W) > 3)
    with pytest.raises(ExpressionError):
        evaluate(sympy.gamma(W) > 3, {"width": 3})
