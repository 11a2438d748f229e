"""Compiled evaluation is exact at every point, or leaves the points to the slow way."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv, TruncToInt

from fxcost.errors import ExpressionError
from fxcost.expr import Domain, Expression, FloatMul, Normaliser, Polynomial, Row, kernel
from fxcost.expr.compiled import Compiled
from fxcost.expr.kernel import Plan
from fxcost.expr.llvm import in_turn
from fxcost.space import Choice, Int, Space

DOMAIN = Domain(
    Space(
        w=Int(16, 96, step=16),
        r=Int(33, 65, step=6),
        h=Choice(2, 4, 16),
        q=Choice(0.5, 0.29, 1.5),
        s=Int(-3, 3),
        o=Int(1, 10**9),
    )
)
NAMES = tuple(DOMAIN.symbols)
W, R, H, Q, S, O = DOMAIN.symbols.values()
NORMALISER = Normaliser(DOMAIN)
ATOMS = [W, R, S, FloorDiv(R + 3, 4), FloorDiv(W, H), TruncToInt(FloatMul(Q, W)), FloorDiv(O, 7), H]
MONOMIALS = [sympy.Integer(1), *ATOMS, W**2, W * R, S**3, R * FloorDiv(W, H), S * FloorDiv(R + 3, 4) ** 2]
POLYNOMIALS = [NORMALISER.polynomial(monomial) for monomial in MONOMIALS]
OTHERS = (1, 5, 10**9)
POINTS = [
    dict(zip(NAMES, point, strict=True))
    for point in itertools.product(
        range(16, 97, 16), range(33, 66, 6), (2, 4, 16), (0.5, 0.29, 1.5), (-3, 0, 2), OTHERS
    )
]
ARRAYS = {name: np.array([point[name] for point in POINTS]) for name in NAMES}
COEFFICIENTS = st.lists(st.integers(-9, 9), min_size=len(MONOMIALS), max_size=len(MONOMIALS))
SCALES = st.sampled_from([1, 2**12, 2**16, 2**20, 2**24, 2**30, 2**40, 2**53, 2**63])


def polynomial(coefficients: Sequence[int]) -> Polynomial:
    terms = zip(coefficients, POLYNOMIALS, strict=True)
    return sum((value * term for value, term in terms), start=Polynomial())


def compiled(rows: Sequence[Polynomial], arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    return Compiled(Plan.of(rows)).largest(arrays, shape)


def exact(rows: Sequence[Polynomial]) -> list[int]:
    return [Expression(tuple(map(Row, rows))).evaluate(point) for point in POINTS]


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "MANY", 1)


@settings(max_examples=25)
@given(st.lists(COEFFICIENTS.map(polynomial), min_size=1, max_size=6), SCALES)
def test_every_value_is_exact_or_left_to_the_slow_way(drawn: list[Polynomial], scale: int) -> None:
    rows = [row * scale for row in drawn]
    points = POINTS[:: len(POINTS) // 97]
    arrays = {name: np.array([point[name] for point in points]) for name in NAMES}
    expected = [Expression(tuple(map(Row, rows))).evaluate(point) for point in points]
    found = compiled(rows, arrays)
    assert found is None or found.tolist() == expected
    many = Expression(tuple(map(Row, rows))).evaluate_many(arrays)
    assert many.tolist() == expected


def test_small_numbers_are_compiled_over_the_whole_space() -> None:
    rows = [polynomial(range(-3, len(MONOMIALS) - 3)), polynomial([7] * len(MONOMIALS)), POLYNOMIALS[5] * 30]
    found = compiled(rows, ARRAYS)
    assert found is not None
    assert found.tolist() == exact(rows)


@pytest.mark.parametrize("edge", [2**53, 2**63])
@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_nothing_rounds_or_wraps_at_the_edges_of_number_types(edge: int, offset: int, sign: int) -> None:
    o = NORMALISER.polynomial(O)
    factor, rest = divmod(edge + offset, 10**9)
    rows = [sign * (factor * o + rest), sign * (factor * o + rest) - 1, o - 3 * edge]
    values = {"o": np.array([10**9, 1, 10**9 - 1])}
    expected = [sign * (factor * o + rest) for o in (10**9, 1, 10**9 - 1)]
    assert expected[0] == sign * (edge + offset)
    assert Expression(tuple(map(Row, rows))).evaluate_many(values).tolist() == expected
    found = compiled(rows, values)
    assert found is None or found.tolist() == expected


def test_what_the_domain_cannot_exclude_the_values_may() -> None:
    o = NORMALISER.polynomial(O)
    rows = [o**3, 2 * o]
    assert compiled(rows, {"o": np.array([10**9, 1])}) is None
    found = compiled(rows, {"o": np.array([10**6, 1])})
    assert found is not None
    assert found.tolist() == [10**18, 2]


def test_values_that_are_declared_are_not_needed_to_be() -> None:
    w = NORMALISER.polynomial(W)
    assert Expression.of(w**2).evaluate_many({"w": [1, 2**31]}).tolist() == [1, 2**62]
    assert Expression.of(w**2).evaluate_many({"w": [1, 2**32]}).tolist() == [1, 2**64]
    smallest = [-(2**63), 2**63 - 1]
    assert Expression.of(w).evaluate_many({"w": smallest}).tolist() == smallest


@pytest.mark.parametrize(
    ("name", "wrong"), [("r", 34), ("r", 27), ("r", -(2**63)), ("h", 3), ("h", 32), ("q", 0.3), ("q", np.nan)]
)
def test_values_outside_their_domain_are_refused(name: str, wrong: float) -> None:
    arrays = {each: np.append(array[:5], array[:1]) for each, array in ARRAYS.items()}
    arrays[name][-1] = wrong
    expression = Expression.of(polynomial([1] * len(MONOMIALS)))
    with pytest.raises(ExpressionError, match=f"{name}=.* is outside its domain"):
        expression.evaluate_many(arrays)


def test_floats_for_a_number_that_is_counted_are_refused() -> None:
    expression = Expression.of(NORMALISER.polynomial(W))
    for wrong in ([16.0, 32.0], [np.nan, 16.0]):
        with pytest.raises(ExpressionError, match="w is no integer"):
            expression.evaluate_many({"w": wrong})


@pytest.mark.parametrize(
    "arrays",
    [
        {"w": [[16], [32], [96]], "r": [33, 39], "h": 4},
        {"w": 48, "r": np.full((2, 1, 3), 45), "h": np.array([[2], [16]], dtype=np.uint8)},
        {"w": np.arange(16, 97, 16)[::-2], "r": 63, "h": [2, 4, 16]},
        {"w": np.array([32.0]), "r": [33], "h": [4]},
    ],
)
def test_inputs_are_broadcast(arrays: dict[str, object]) -> None:
    rows = [POLYNOMIALS[4] * 7, POLYNOMIALS[5] * 3 - 2, POLYNOMIALS[8]]
    expected = np.vectorize(
        lambda w, r, h: Expression(tuple(map(Row, rows))).evaluate({"w": int(w), "r": int(r), "h": int(h)})
    )(arrays["w"], arrays["r"], arrays["h"])
    found = Expression(tuple(map(Row, rows))).evaluate_many(arrays)
    assert found.shape == expected.shape
    assert found.tolist() == expected.tolist()


def test_chunks_of_broadcast_inputs_meet() -> None:
    rows = [NORMALISER.polynomial(W) * 5 + NORMALISER.polynomial(O), POLYNOMIALS[4] * 9]
    arrays = {"w": np.array([[16], [96]]), "o": np.arange(1, 50_001), "r": np.array([[33], [63]])}
    found = Expression(tuple(map(Row, rows))).evaluate_many(arrays)
    assert found[0].tolist() == [max(80 + o, 9 * 9) for o in range(1, 50_001)]
    assert found[1].tolist() == [max(480 + o, 9 * 16) for o in range(1, 50_001)]


def test_a_constant_fills_the_shape() -> None:
    assert Expression.of(7).evaluate_many({"w": [[1], [2]], "h": [1, 2, 3]}).tolist() == [[7] * 3] * 2


def test_compiled_code_stays_in_its_process() -> None:
    expression = Expression.of(NORMALISER.polynomial(W) ** 2)
    for again in (expression, pickle.loads(pickle.dumps(expression)), copy.deepcopy(expression)):
        assert again.evaluate_many({"w": [16, 32]}).tolist() == [256, 1024]


def test_rows_are_calculated_from_those_that_differ_least() -> None:
    lines = np.random.default_rng(0).integers(0, 3, (9, 12))
    steps = list(in_turn(lines))
    assert sorted(row for row, _ in steps) == list(range(9))
    for at, (row, start) in enumerate(steps):
        done = [row for row, _ in steps[:at]]
        best = min(
            [np.count_nonzero(lines[row]), *(np.count_nonzero(lines[row] != lines[each]) for each in done)]
        )
        known = lines[start] if start is not None else 0
        assert start is None or start in done
        assert np.count_nonzero(lines[row] != known) == best


def test_few_points_wait_for_no_compiler() -> None:
    program = """
import sys
import numpy as np
from fxcost.expr import Expression, Domain, Normaliser
from fxcost.space import Int, Space
domain = Domain(Space(width=Int(1, 9)))
width = Normaliser(domain).polynomial(domain.symbols["width"])
Expression.of(width).evaluate_many({"width": np.ones(1000, int)})
assert "llvmlite" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
