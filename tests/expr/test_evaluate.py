"""Evaluation means what Python means, at a point and over arrays."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._sympy import functions as torch_functions

from fxcost.errors import ExpressionError
from fxcost.expr import FloatAdd, FloatMul, FloatNeg, FloatSub, Log, evaluate, evaluate_arrays
from tests.expr.programs import CONDITIONS, FLOATS, INTEGERS, Program, points

POINTS = list(points())
ARRAYS = {name: np.array([point[name] for point in POINTS]) for name in POINTS[0]}
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def check_program(program: Program) -> None:
    many = np.broadcast_to(evaluate_arrays(program.expression, ARRAYS), len(POINTS))
    assert many.tolist() == [program.run(point) for point in POINTS]
    for point in POINTS[::17]:
        assert evaluate(program.expression, point) == program.run(point)


@settings(max_examples=60)
@given(INTEGERS)
def test_integer_expressions_evaluate_as_python_does(program: Program) -> None:
    check_program(program)


@settings(max_examples=40)
@given(FLOATS)
def test_float_expressions_evaluate_as_python_does_to_the_last_bit(program: Program) -> None:
    check_program(program)


@settings(max_examples=40)
@given(CONDITIONS)
def test_conditions_evaluate_as_python_does(program: Program) -> None:
    check_program(program)


@given(FINITE, FINITE)
def test_float_functions_of_numbers_are_pythons_arithmetic(x: float, y: float) -> None:
    for function, python in ((FloatAdd, x + y), (FloatSub, x - y), (FloatMul, x * y)):
        assert float(function(sympy.Float(x), sympy.Float(y))) == python
    assert float(FloatNeg(x)) == -x


@given(FINITE)
def test_a_python_float_survives_sympy(x: float) -> None:
    assert evaluate(sympy.Float(x), {}) == x


def test_float_functions_keep_their_order() -> None:
    x = sympy.Symbol("x")
    left, right = FloatAdd(FloatAdd(x, 0.2), 0.3), FloatAdd(x, FloatAdd(0.2, 0.3))
    assert left != right
    assert evaluate(left, {"x": 0.1}) == (0.1 + 0.2) + 0.3 != evaluate(right, {"x": 0.1})
    assert pickle.loads(pickle.dumps(left)) == left


X = sympy.Symbol("x")
TRAPS = [
    (torch_functions.TruncToInt(FloatMul(X, 100.0)), 0.29, 28),
    (torch_functions.TruncToInt(FloatMul(X, 100.0)), 2.3, 229),
    (torch_functions.TruncToInt(X), -2.5, -2),
    (torch_functions.RoundToInt(X), 0.5, 0),
    (torch_functions.RoundToInt(X), 2.5, 2),
    (torch_functions.FloorDiv(X, 2, evaluate=False), -7, -4),
    (torch_functions.FloorDiv(X, -2, evaluate=False), 7, -4),
    (torch_functions.PythonMod(X, 3, evaluate=False), -7, 2),
    (torch_functions.PythonMod(X, -3, evaluate=False), 7, -2),
]


@pytest.mark.parametrize(("trap", "value", "expected"), TRAPS)
def test_known_traps(trap: sympy.Expr, value: float, expected: int) -> None:
    assert evaluate(trap, {"x": value}) == expected
    assert evaluate_arrays(trap, {"x": np.array([value])}).tolist() == [expected]


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_integers_have_no_limit(x: int, y: int) -> None:
    a, b = sympy.symbols("a b")
    for expression, expected in ((a + b, x + y), (a * b - a, x * y - x), (FloatSub(a, b), x - y)):
        assert evaluate(expression, {"a": x, "b": y}) == expected
        assert evaluate_arrays(expression, {"a": np.array([x]), "b": np.array([y])}).tolist() == [expected]


@pytest.mark.parametrize("edge", [2**53, 2**62, 2**63])
@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
def test_nothing_wraps_or_rounds_at_the_edges_of_number_types(edge: int, offset: int) -> None:
    x, value = sympy.Symbol("x"), edge + offset
    values = {"x": np.array([value, 1], dtype=object if value >= 2**63 else np.int64)}
    cases = {
        x + 1: value + 1,
        2 * x: 2 * value,
        x**2: value**2,
        sympy.Abs(-x): value,
        torch_functions.FloorDiv(x, 3, evaluate=False): value // 3,
        torch_functions.IntTrueDiv(x, 3, evaluate=False): value / 3,
        torch_functions.ToFloat(x): float(value),
        sympy.Lt(x, sympy.Float(float(edge)), evaluate=False): value < float(edge),
    }
    for expression, expected in cases.items():
        assert evaluate_arrays(expression, values).tolist()[0] == expected
        assert evaluate(expression, {"x": value}) == expected


def test_the_smallest_int64_is_negated_and_divided_exactly() -> None:
    x, values = sympy.Symbol("x"), {"x": np.array([-(2**63)])}
    assert evaluate_arrays(-x, values).tolist() == [2**63]
    assert evaluate_arrays(sympy.Abs(x), values).tolist() == [2**63]
    assert evaluate_arrays(torch_functions.FloorDiv(x, -1, evaluate=False), values).tolist() == [2**63]


def test_branches_not_taken_are_not_evaluated() -> None:
    x = sympy.Symbol("x", integer=True)
    guarded = sympy.Piecewise((0, sympy.Eq(x, 0)), (torch_functions.FloorDiv(6, x, evaluate=False), True))
    assert [evaluate(guarded, {"x": value}) for value in (0, 4)] == [0, 1]
    either = sympy.Or(sympy.Eq(x, 0), torch_functions.FloorDiv(6, x, evaluate=False) > 1, evaluate=False)
    assert evaluate(either, {"x": 3}) is True


def test_what_python_raises_is_raised() -> None:
    x = sympy.Symbol("x")
    for expression, value, error in (
        (torch_functions.FloorDiv(6, x, evaluate=False), 0, ZeroDivisionError),
        (Log(x), 0.0, ValueError),
        (torch_functions.TruncToInt(x), math.inf, OverflowError),
    ):
        with pytest.raises(error):
            evaluate(expression, {"x": value})
        with pytest.raises(error):
            evaluate_arrays(expression, {"x": np.array([value])})


def test_a_float_sum_whose_order_is_lost_is_refused() -> None:
    x, y, z = sympy.symbols("x y z")
    with pytest.raises(ExpressionError, match="FloatAdd"):
        evaluate(x + y + z, {"x": 0.1, "y": 0.2, "z": 0.3})
    assert evaluate(x + y, {"x": 0.1, "y": 0.2}) == 0.1 + 0.2


def test_a_missing_value_and_an_unknown_function_are_named() -> None:
    x = sympy.Symbol("x")
    with pytest.raises(ExpressionError, match="no value is given for x"):
        evaluate(x + 1, {})
    with pytest.raises(ExpressionError, match="no rule says what gamma computes"):
        evaluate(sympy.gamma(x), {"x": 3})


def test_logarithms_are_pythons() -> None:
    x = sympy.Symbol("x")
    assert evaluate(Log(x), {"x": 10}) == math.log(10)
    values = np.linspace(0.1, 50.0, 999)
    assert evaluate_arrays(Log(x), {"x": values}).tolist() == [math.log(value) for value in values.tolist()]
    assert evaluate(torch_functions.OpaqueUnaryFn_log2(x), {"x": 8}) == 3.0


def test_fractions_are_exact() -> None:
    x = sympy.Symbol("x", integer=True)
    half = sympy.Rational(1, 2) * x * (x - 1)
    assert evaluate(half, {"x": 2**60 + 1}) == 2**59 * (2**60 + 1)
    assert evaluate_arrays(half, {"x": np.array([7, 8])}).tolist() == [21, 28]
