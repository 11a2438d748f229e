"""PyTorch evaluation has the exact values, and gradients that finite differences confirm."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv, PythonMod

from fxcost.errors import ConfigError, ExpressionError
from fxcost.expr import Expression, Polynomial, Row
from fxcost.expr.differentiable import evaluate_tensors
from fxcost.expr.functions import Gcd
from fxcost.expr.polynomial import Atom
from tests.expr.programs import CONDITIONS, FLOATS, INTEGERS, Program, points

POINTS = list(points())
TENSORS = {name: torch.tensor([point[name] for point in POINTS], dtype=torch.float64) for name in POINTS[0]}
X, Y = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name))) for name in "xy")
COEFFICIENTS = st.lists(st.integers(0, 9), min_size=6, max_size=6)


def values_of(program: Program) -> list[float]:
    tensor = evaluate_tensors(program.expression, TENSORS)
    return tensor.expand(len(POINTS)).tolist()


@settings(max_examples=60)
@given(INTEGERS)
def test_integer_expressions_have_pythons_values(program: Program) -> None:
    assert values_of(program) == [program.run(point) for point in POINTS]


@settings(max_examples=40)
@given(FLOATS)
def test_float_expressions_have_pythons_values_to_the_last_bit(program: Program) -> None:
    assert values_of(program) == [program.run(point) for point in POINTS]


@settings(max_examples=40)
@given(CONDITIONS)
def test_conditions_have_pythons_values(program: Program) -> None:
    assert values_of(program) == [program.run(point) for point in POINTS]


def polynomial(coefficients: list[int]) -> Polynomial:
    terms = (Polynomial.constant(1), X, Y, X * Y, X**2 * Y, Y**3)
    return sum((factor * term for factor, term in zip(coefficients, terms, strict=True)), start=Polynomial())


@given(
    st.lists(COEFFICIENTS.map(polynomial), min_size=1, max_size=5),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
)
def test_sums_of_positive_terms_are_exact_up_to_a_stated_error(
    rows: list[Polynomial], x: int, y: int
) -> None:
    expression = Expression(tuple(map(Row, rows)))
    found = expression.torch({"x": torch.tensor(x), "y": torch.tensor([float(y)])})
    assert found.shape == (1,)
    assert found.item() == pytest.approx(expression.evaluate({"x": x, "y": y}), rel=1e-12)


@given(COEFFICIENTS.map(polynomial), st.floats(0.5, 50.0), st.floats(0.5, 50.0))
def test_gradients_of_polynomials_are_those_of_finite_differences(
    row: Polynomial, x: float, y: float
) -> None:
    expression = Expression((Row(row), Row(row - 1)))
    point = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (x, y)]
    assert torch.autograd.gradcheck(lambda x, y: expression.torch({"x": x, "y": y}), point)


def test_the_gradient_of_a_maximum_is_that_of_its_largest_row() -> None:
    expression = Expression((Row(X**2), Row(8 * X)))
    x = torch.tensor([2.0, 9.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(expression.torch({"x": x}).sum(), x)
    assert gradient.tolist() == [8.0, 18.0]


def test_what_rounds_passes_the_gradient_of_what_it_rounds() -> None:
    symbols = x, y = sympy.symbols("x y", integer=True, positive=True)
    values = {"x": torch.tensor(17.0, requires_grad=True), "y": torch.tensor(4.0, requires_grad=True)}
    cases = {
        FloorDiv(x, y): (4.0, (1 / 4, -17 / 16)),
        y * FloorDiv(x, y): (16.0, (1.0, 4.0 - 17 / 4)),
        PythonMod(x, y): (1.0, (0.0, 17 / 4 - 4.0)),
    }
    for expression, (value, gradients) in cases.items():
        found = evaluate_tensors(expression, values)
        assert found.item() == value
        given = torch.autograd.grad(found, [values[symbol.name] for symbol in symbols])
        assert [each.item() for each in given] == pytest.approx(gradients)


def test_a_branch_not_taken_spoils_no_gradient() -> None:
    x = sympy.Symbol("x", integer=True)
    guarded = sympy.Piecewise((x, sympy.Eq(x, 0)), (FloorDiv(6, x, evaluate=False), True))
    values = torch.tensor([0.0, 4.0], requires_grad=True)
    found = evaluate_tensors(guarded, {"x": values})
    assert found.tolist() == [0.0, 1.0]
    (gradient,) = torch.autograd.grad(found.sum(), values)
    assert gradient.tolist() == [1.0, -6 / 16]


def test_what_has_no_gradient_and_what_is_missing_are_named() -> None:
    x, y = sympy.symbols("x y", integer=True)
    with pytest.raises(ExpressionError, match="Gcd has no gradient"):
        evaluate_tensors(Gcd(x, y), {"x": torch.tensor(4), "y": torch.tensor(6)})
    with pytest.raises(ExpressionError, match="no value is given for y"):
        evaluate_tensors(x + y, {"x": torch.tensor(4)})


@pytest.fixture(scope="module")
def cost():
    import fxcost as fc

    @fc.model(
        width=fc.Int(8, 64, step=8),
        act=fc.Choice("relu", "gelu"),
        batch=fc.Int(2, 32),
        size=fc.Int(6, 30, step=2),
        example=lambda batch, size: torch.zeros(batch, 3, size, size),
    )
    def network(width: int, act: str) -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, width, 3, stride=2),
            torch.nn.ReLU() if act == "relu" else torch.nn.GELU(),
            torch.nn.Conv2d(width, width, 3, padding=1, stride=2),
        )

    return fc.cost(network, training=fc.Training(torch.optim.AdamW))


@pytest.mark.parametrize("name", ["peak_memory", "parameters", "flops", "traffic"])
def test_a_models_costs_are_those_of_exact_evaluation(cost, name: str) -> None:
    quantity = getattr(cost, name)
    options = list(itertools.product([8, 40, 64], ["relu", "gelu"], [2, 3, 32], [6, 8, 30]))
    width, act, batch, size = zip(*options, strict=True)
    found = quantity.torch(
        width=torch.tensor(width), act=act, batch=torch.tensor(batch, dtype=torch.float32), size=list(size)
    )
    expected = quantity.many(width=width, act=act, batch=batch, size=size)
    assert found.dtype == torch.float64
    assert np.allclose(found.numpy(), expected.astype(np.float64), rtol=1e-12, atol=0)


def test_a_cost_has_a_gradient_between_settings(cost) -> None:
    width = torch.tensor([13.2, 30.0], requires_grad=True)
    found = cost.parameters.torch(width=width, act="relu", batch=2, size=8)
    assert found.tolist() == pytest.approx([9 * w * w + 29 * w for w in width.tolist()])
    (gradient,) = torch.autograd.grad(found.sum(), width)
    assert gradient.tolist() == pytest.approx([18 * w + 29 for w in width.tolist()])


def test_what_is_missing_or_nan_is_refused(cost) -> None:
    with pytest.raises(ConfigError, match=r"parameters\.torch takes width, act, batch, size; got width"):
        cost.parameters.torch(width=torch.tensor(8))
    with pytest.raises(ConfigError, match="width is NaN"):
        cost.parameters.torch(width=torch.tensor(float("nan")), act="relu", batch=2, size=8)
