"""Maxima of rows: exact at one point, equal over arrays, readable."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv, TruncToInt

from fxcost.errors import ExpressionError
from fxcost.expr import Domain, Expression, FloatMul, Normaliser, Row
from fxcost.space import Choice, Float, Int, Space
from tests.expr.programs import DOMAIN, INTEGERS, Program, points

POINTS = list(points())
ARRAYS = {name: np.array([point[name] for point in POINTS]) for name in POINTS[0]}
SPACE = Space(width=Int(64, 4096, step=64), heads=Choice(16, 4, 8), batch=Int(1, 512), res=Int(33, 224))
LARGE = Domain(SPACE)
NORMALISER = Normaliser(LARGE)
W, H, B, R = LARGE.symbols.values()


def expression(*rows: sympy.Expr) -> Expression:
    return Expression(
        tuple(Row(NORMALISER.polynomial(row), f"row {index}") for index, row in enumerate(rows))
    )


@settings(max_examples=60)
@given(st.lists(INTEGERS, min_size=1, max_size=4))
def test_many_points_are_the_points_one_by_one(programs: list[Program]) -> None:
    normaliser = Normaliser(DOMAIN)
    largest = Expression(tuple(Row(normaliser.polynomial(program.expression)) for program in programs))
    many = largest.evaluate_many(ARRAYS)
    assert many.tolist() == [max(program.run(point) for program in programs) for point in POINTS]
    assert largest.evaluate(POINTS[11]) == many[11]


@pytest.mark.parametrize("edge", [2**53, 2**63, 2**70])
@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_number_type_is_used_past_what_it_holds(edge: int, offset: int, sign: int) -> None:
    domain = Domain(Space(x=Int(1, 3), y=Int(0, 1)))
    x, y = map(Normaliser(domain).polynomial, domain.symbols.values())
    value = Expression.of(sign * (x * (edge // 2) + y * (edge % 2 + offset)))
    many = value.evaluate_many({"x": [1, 2, 2, 3], "y": [1, 0, 1, 1]})
    step = edge % 2 + offset
    assert many.tolist() == [sign * (a * (edge // 2) + b * step) for a, b in ((1, 1), (2, 0), (2, 1), (3, 1))]
    assert many.dtype in (np.int64, object)


def test_partial_sums_may_be_larger_than_the_result() -> None:
    domain = Domain(Space(x=Int(1, 3)))
    x = Normaliser(domain).polynomial(domain.symbols["x"])
    near = Expression.of(x**2 * 2**62 - x * 2**62 + x)
    assert near.evaluate_many({"x": [1, 2, 3]}).tolist() == [1, 2**63 + 2, 6 * 2**62 + 3]


def test_arrays_broadcast_and_keep_their_shape() -> None:
    value = expression(W * B + FloorDiv(W, H), R)
    many = value.evaluate_many({"width": [[64], [128]], "heads": 8, "batch": [1, 2, 3], "res": 33})
    assert many.shape == (2, 3)
    assert many[1, 2] == value.evaluate({"width": 128, "heads": 8, "batch": 3, "res": 33}) == 3 * 128 + 16
    assert value.evaluate_many({"width": 64, "heads": 4, "batch": 1, "res": 33}).item() == 80
    assert value.evaluate_many({"width": [], "heads": 4, "batch": 1, "res": 33}).tolist() == []


def test_many_chunks_are_evaluated_as_one_array() -> None:
    value = expression(W * B * FloorDiv(R, 7), W**2)
    rng = np.random.default_rng(0)
    arrays = {name: rng.choice(LARGE.values(name), 20_001) for name in ("width", "heads", "batch", "res")}
    many = value.evaluate_many(arrays)
    expected = np.maximum(arrays["width"] * arrays["batch"] * (arrays["res"] // 7), arrays["width"] ** 2)
    assert np.array_equal(many, expected)


@pytest.mark.parametrize("wrong", [96, 0, 10**9, 64.5])
def test_a_value_outside_its_domain_is_refused_by_tables(wrong: float) -> None:
    value = expression(FloorDiv(W, 3))
    with pytest.raises(ExpressionError, match=r"width=.* is outside its domain"):
        value.evaluate_many({"width": np.array([64, wrong])})


def test_a_missing_hyperparameter_is_named() -> None:
    with pytest.raises(ExpressionError, match="no values are given for batch, width"):
        expression(W * B).evaluate_many({"res": [33]})


def test_atoms_without_tables_are_evaluated_exactly() -> None:
    domain = Domain(Space(rate=Float(0.0, 1.0), width=Int(1, 10**9)))
    rate, width = domain.symbols.values()
    kept = Expression.of(Normaliser(domain).polynomial(TruncToInt(FloatMul(rate, width)) * width))
    arrays = {"rate": np.array([0.29, 1 / 3]), "width": np.array([100, 10**9])}
    assert kept.evaluate_many(arrays).tolist() == [2800, 333333333 * 10**9]


def test_sums_and_multiples_of_maxima_are_maxima() -> None:
    left, right = expression(W, 2 * B), expression(R, H)
    point = {"width": 64, "heads": 16, "batch": 100, "res": 40}
    total = left + right + 5
    assert total.evaluate(point) == 200 + 40 + 5
    assert (3 * left).evaluate(point) == 600
    assert total.rows[0].label == "row 0 + row 0"
    assert left.binding(point).label == "row 1"
    assert total.names == {"width", "heads", "batch", "res"}
    with pytest.raises(ExpressionError, match="negative"):
        left * -1
    with pytest.raises(ExpressionError, match="at least one row"):
        Expression(())


def test_sympy_of_an_expression_has_its_values() -> None:
    value = expression(W * B, FloorDiv(W, H) ** 2)
    point = {"width": 4096, "heads": 4, "batch": 3, "res": 33}
    substituted = value.sympy().xreplace({LARGE.symbols[name]: sympy.Integer(v) for name, v in point.items()})
    assert substituted.doit() == value.evaluate(point) == 1024**2


@pytest.mark.parametrize(
    ("row", "text", "latex"),
    [
        (12 * W**2 + 13 * W, "12*width**2 + 13*width", r"12 \mathit{width}^{2} + 13 \mathit{width}"),
        (B * (12 * W**2 + 13 * W) + 7 * W, "batch*(12*width**2 + 13*width) + 7*width", None),
        (B * W + B * R + H - 5, "batch*(res + width) + heads - 5", None),
        (3 - W, "-width + 3", r"- \mathit{width} + 3"),
        (W * FloorDiv(R + 3, 4) ** 2, "width*((res + 3)//4)**2", None),
        (4 * FloorDiv(R, 7), "4*(res//7)", r"4 \left\lfloor{\frac{\mathit{res}}{7}}\right\rfloor"),
        (sympy.Integer(0), "0", "0"),
        (W**2 + 3 * W * FloorDiv(W, 16), "19*width**2//16", r"\frac{19 \mathit{width}^{2}}{16}"),
        (B * FloorDiv(W, 64) - FloorDiv(W, 32) * W, "batch*(width//64) - (width**2//32)", None),
        (48 * W * FloorDiv(W, 16) * B - W**2, "3*batch*width**2 - width**2", None),
    ],
)
def test_expressions_are_printed_to_be_read(row: sympy.Expr, text: str, latex: str | None) -> None:
    assert str(expression(row)) == text
    if latex is not None:
        assert expression(row).latex() == latex


def test_printed_text_is_python_with_the_same_value() -> None:
    value = expression(B * (W * R**2 + 3 * W * FloorDiv(R, 7)) + B * H - FloorDiv(R, 5) ** 2 * W + 9, W * 5)
    for numbers in ((64, 4, 3, 50), (512, 16, 1, 33)):
        point = dict(zip(SPACE.names, numbers, strict=True))
        assert eval(str(value), {}, dict(point)) == value.evaluate(point)
