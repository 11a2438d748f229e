"""Pruned maxima equal the maxima, everywhere, and every proof is true."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv, TruncToInt

from fxcost.expr import Domain, Expression, FloatMul, Normaliser, Polynomial, Row
from fxcost.expr.prune import Pruned, Reason, prune
from fxcost.space import Choice, Float, Int, Space

DOMAIN = Domain(Space(w=Int(2, 14, step=3), b=Int(0, 5), h=Choice(4, 1, 2), s=Int(-3, 3)))
NORMALISER = Normaliser(DOMAIN)
W, B, H, S = DOMAIN.symbols.values()
POINTS = [
    dict(zip("wbhs", point, strict=True))
    for point in itertools.product(range(2, 15, 3), range(6), (4, 1, 2), range(-3, 4))
]
ARRAYS = {name: np.array([point[name] for point in POINTS]) for name in "wbhs"}
Q = FloorDiv(W, 4)
MONOMIALS = [1, W, B, H, W**2, W * B, B * H, W * H, W * B * H, Q, B * Q, S, S**2, S * W]
POLYNOMIALS = [NORMALISER.polynomial(monomial) for monomial in MONOMIALS]


def polynomial(coefficients: list[int]) -> Polynomial:
    terms = zip(coefficients, POLYNOMIALS, strict=True)
    return sum((value * term for value, term in terms), start=Polynomial())


def polynomials(smallest: int, largest: int, rows: int) -> st.SearchStrategy[list[Polynomial]]:
    coefficients = st.lists(st.integers(smallest, largest), min_size=14, max_size=14)
    return st.lists(coefficients.map(polynomial), min_size=1, max_size=rows)


def check_pruned(rows: list[Row], pruned: Pruned, arrays: Mapping[str, np.ndarray]) -> None:
    all_rows, kept = Expression(tuple(rows)), Expression(pruned.rows)
    assert np.array_equal(all_rows.evaluate_many(arrays), kept.evaluate_many(arrays))
    assert len(pruned.rows) + len(pruned.proofs) == len(rows)
    for proof in pruned.proofs:
        dropped = Expression((proof.row,)).evaluate_many(arrays)
        assert np.all(Expression(proof.by).evaluate_many(arrays) >= dropped), proof


@settings(max_examples=80)
@given(polynomials(-4, 9, rows=9))
def test_pruned_maxima_are_equal_on_the_whole_space(sizes: list[Polynomial]) -> None:
    rows = [Row(each, str(index)) for index, each in enumerate(sizes)]
    check_pruned(rows, prune(rows, DOMAIN), ARRAYS)


@settings(max_examples=40)
@given(polynomials(0, 3, rows=12))
def test_what_is_kept_of_a_small_space_is_needed(sizes: list[Polynomial]) -> None:
    rows = [Row(each) for each in sizes]
    kept = prune(rows, DOMAIN, budget=100_000).rows
    values = np.stack([Expression((row,)).evaluate_many(ARRAYS) for row in kept])
    for index in range(len(kept)):
        if len(kept) > 1:
            assert np.any(values[index] >= np.delete(values, index, axis=0).max(axis=0))


def test_rows_needed_at_one_point_of_many_are_kept() -> None:
    domain = Domain(Space(width=Int(1, 1000), batch=Int(1, 1000)))
    width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    # 1 above both neighbours at width == 500 only, whatever the batch
    needle = 999 * width - 499 * 500 + 1 + batch
    rows = [Row(width**2 + batch), Row(needle + (width - 500) * 0, "needle")]
    gap = [(a * a) - (999 * a - 499 * 500 + 1) for a in range(1, 1001)]
    assert min(gap) == -1
    assert {row.label for row in prune(rows, domain).rows} == {"", "needle"}


def test_each_kind_of_proof_is_found_and_kept() -> None:
    w, b = NORMALISER.polynomial(W), NORMALISER.polynomial(B)
    sizes = {
        "square": w**2,
        "again": w**2,
        "less": w**2 - 1,
        "line": 2 * w,
        "batch": 7 * b,
        "middle": w + 3 * b,
    }
    rows = [Row(size, label) for label, size in sizes.items()]
    pruned = prune(rows, DOMAIN)
    reasons = {proof.row.label: proof.reason for proof in pruned.proofs}
    assert reasons == {
        "again": Reason.EQUAL,
        "less": Reason.COEFFICIENTS,
        "line": Reason.SHIFTED,
        "middle": Reason.ENVELOPE,
    }
    check_pruned(rows, pruned, ARRAYS)


def test_boxes_prove_what_has_too_many_points_to_look_at() -> None:
    domain = Domain(Space(width=Int(1, 10**6), batch=Int(1, 10**6)))
    width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    pruned = prune([Row(width**2), Row(64 * batch), Row(8 * width)], domain)
    assert [proof.reason for proof in pruned.proofs] == [Reason.BOXES]


def test_a_row_that_may_be_negative_is_not_compared_by_coefficients() -> None:
    s = NORMALISER.polynomial(S)
    rows = [Row(2 * s), Row(s)]
    assert len(prune(rows, DOMAIN).rows) == 2
    assert len(prune([Row(2 * s + 3), Row(s)], DOMAIN).rows) == 1


def test_without_a_budget_what_needs_boxes_stays() -> None:
    domain = Domain(Space(width=Int(1, 10**6), batch=Int(1, 10**6)))
    width, batch = map(Normaliser(domain).polynomial, domain.symbols.values())
    rows = [Row(width**2), Row(64 * batch), Row(8 * width)]
    assert len(prune(rows, domain).rows) == 2
    assert len(prune(rows, domain, budget=1).rows) == 3


@pytest.mark.parametrize("scale", [1, 2**40, 2**62, 2**70])
def test_large_coefficients_do_not_overflow(scale: int) -> None:
    w, b = NORMALISER.polynomial(W), NORMALISER.polynomial(B)
    rows = [Row(scale * w**2), Row(scale * 7 * b), Row(scale * (w + 3 * b)), Row(scale * 2 * w), Row(w * 0)]
    check_pruned(rows, prune(rows, DOMAIN), ARRAYS)


def test_unbounded_atoms_and_floats_are_left_alone() -> None:
    domain = Domain(Space(rate=Float(0.0, 1.0), width=Int(1, 100), huge=Int(0, 10**15)))
    normaliser = Normaliser(domain)
    rate, width, huge = domain.symbols.values()
    opaque = normaliser.polynomial(TruncToInt(FloatMul(rate, width)))
    rows = [Row(opaque * 2), Row(opaque), Row(normaliser.polynomial(width)), Row(normaliser.polynomial(huge))]
    assert len(prune(rows, domain).rows) == 4
    assert len(prune([*rows, Row(opaque)], domain).rows) == 4


def test_exact_quotients_are_compared_with_their_dividend() -> None:
    domain = Domain(Space(res=Int(64, 512, step=32), batch=Int(1, 8)))
    normaliser = Normaliser(domain)
    res, batch = domain.symbols.values()
    rows = [
        batch * res**2,
        3 * batch * res * FloorDiv(res, 4),
        5 * batch * FloorDiv(res, 8) * res,
        batch * res + 7,
    ]
    pruned = prune([Row(normaliser.polynomial(row)) for row in rows], domain)
    assert [str(row) for row in pruned.rows] == ["batch*res**2"]
    assert {proof.reason for proof in pruned.proofs} <= {Reason.COEFFICIENTS, Reason.SHIFTED}


def test_a_pruned_maximum_says_how_many_rows_are_gone_and_why() -> None:
    w, b = NORMALISER.polynomial(W), NORMALISER.polynomial(B)
    pruned = prune([Row(w**2), Row(w**2), Row(w**2 - 1), Row(2 * w), Row(7 * b), Row(w + 3 * b)], DOMAIN)
    expression = pruned.expression
    assert sum(expression.dropped.values()) + len(expression.rows) == 6
    assert expression.dropped == {
        Reason.EQUAL: 1,
        Reason.COEFFICIENTS: 1,
        Reason.SHIFTED: 1,
        Reason.ENVELOPE: 1,
    }
    assert expression == Expression(pruned.rows)
