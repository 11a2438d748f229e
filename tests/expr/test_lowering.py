"""Z3 terms allow what happens, and where they are exact nothing else."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest
import sympy
import z3
from hypothesis import given, settings
from torch.utils._sympy.functions import (
    CeilToInt,
    FloorDiv,
    IntTrueDiv,
    Max,
    Min,
    OpaqueUnaryFn_exp,
    PythonMod,
    RoundToInt,
    ToFloat,
    TruncToInt,
    Where,
)

from fxcost.expr import (
    Domain,
    Expression,
    FloatMul,
    FloatSub,
    Lowering,
    Normaliser,
    Row,
    evaluate,
)
from fxcost.space import Bool, Choice, Config, Float, Int, Space
from tests.expr.programs import CONDITIONS, DOMAIN, INTEGERS, Program, points

POINTS = list(points())
SPACE = Space(
    width=Int(64, 4096, step=64),
    heads=Choice(16, 4, 12, 8),
    batch=Int(1, 512),
    shift=Int(-40, 9, step=7),
    ratio=Choice(0.29, 4.0, 1.5),
    rate=Float(0.0, 0.9),
    act=Choice("relu", "gelu", None),
    bias=Bool(),
)
LARGE = Domain(SPACE)
W, H, B, S, R, RATE, ACT, BIAS = LARGE.symbols.values()


def fixed(lowering: Lowering, point: dict[str, Any]) -> list[z3.BoolRef]:
    """Return what gives the hyperparameters these encoded values, whose positions are counted here."""
    constraints = []
    for name, value in point.items():
        listed = lowering.domain.axes[name].listed
        if listed is None:
            constraints.append(lowering.variables[name] == z3.Q(*Fraction(value).as_integer_ratio()))
        else:
            constraints.append(lowering.variables[name] == sorted(listed).index(value))
    return constraints


def check_at(lowering: Lowering, point: dict[str, Any], equal: z3.BoolRef) -> None:
    """Check that `equal` can hold at a point and, where terms are exact, that it must."""
    solver = z3.Solver()
    solver.set("timeout", 4000)
    solver.add(*lowering.domain_constraints(), *fixed(lowering, point))
    assert solver.check(equal) != z3.unsat
    if lowering.exact:
        assert solver.check(z3.Not(equal)) != z3.sat


def numeral(value: Any) -> Any:
    return z3.Q(*Fraction(value).as_integer_ratio()) if isinstance(value, float) else value


@settings(max_examples=40)
@given(INTEGERS)
def test_a_term_has_the_programs_value(program: Program) -> None:
    lowering = Lowering(DOMAIN)
    term = lowering.integer(program.expression)
    for point in random.Random(0).sample(POINTS, 3):
        check_at(lowering, point, term == program.run(point))


@settings(max_examples=40)
@given(CONDITIONS)
def test_a_condition_is_true_where_the_program_is(program: Program) -> None:
    lowering = Lowering(DOMAIN)
    term = lowering.condition(program.expression)
    for point in random.Random(1).sample(POINTS, 3):
        check_at(lowering, point, term == z3.BoolVal(bool(program.run(point))))


EXPRESSIONS = [
    FloorDiv(W, H) * H * B + 7,
    FloorDiv(W * B, H),
    PythonMod(S, H),
    PythonMod(S, 5),
    FloorDiv(S, 3),
    PythonMod(W, S - 10, evaluate=False),
    FloorDiv(W * S, S - 12, evaluate=False),
    TruncToInt(FloatMul(ToFloat(W), sympy.Float(0.29))),
    TruncToInt(FloatMul(ToFloat(W), R)),
    TruncToInt(FloatMul(FloatMul(ToFloat(W * B), R), sympy.Float(0.1))),
    TruncToInt(FloatMul(RATE, ToFloat(W))),
    RoundToInt(FloatSub(FloatMul(ToFloat(S), sympy.Float(0.5)), R)),
    CeilToInt(IntTrueDiv(W, H)),
    TruncToInt(OpaqueUnaryFn_exp(FloatMul(RATE, sympy.Float(3.0)))),
    Max(B, W - 100, 3 * S) * 2 - Min(W, B * B),
    sympy.Piecewise((W, B > 3), (B * B, S > 0), (7, True)),
    Where(sympy.Eq(ACT, 1), W, B) + BIAS,
    sympy.Abs(S) ** 3,
    FloorDiv(W, B),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_larger_spaces_too(expression: sympy.Expr) -> None:
    lowering = Lowering(LARGE)
    term = lowering.integer(expression)
    rng = random.Random(0)
    for _ in range(4):
        point = LARGE.encode(SPACE.sample(rng))
        check_at(lowering, point, term == numeral(evaluate(expression, point)))


def test_terms_of_floats_that_have_tables_are_exact() -> None:
    lowering = Lowering(LARGE)
    lowering.integer(TruncToInt(FloatMul(ToFloat(W), R)))
    lowering.condition(sympy.Lt(FloatMul(ToFloat(W), R), ToFloat(H), evaluate=False))
    assert lowering.exact
    lowering.integer(TruncToInt(FloatMul(RATE, ToFloat(W))))
    assert not lowering.exact


def test_real_arithmetic_would_be_wrong_where_floats_round() -> None:
    domain = Domain(Space(percent=Int(1, 100)))
    taken = TruncToInt(FloatMul(sympy.Float(0.29), ToFloat(domain.symbols["percent"])))
    lowering = Lowering(domain)
    solver = z3.Solver()
    solver.add(lowering.integer(domain.symbols["percent"]) == 100, lowering.integer(taken) != 28)
    solver.add(lowering.domain_constraints())
    assert solver.check() == z3.unsat


def test_proofs_hold_over_the_whole_domain() -> None:
    lowering = Lowering(LARGE)
    claims = [
        lowering.integer(FloorDiv(W, 64) * 64) == lowering.integer(W),
        lowering.integer(PythonMod(S, 5)) < 5,
        lowering.integer(PythonMod(S, 5)) >= 0,
        lowering.condition(sympy.Or(sympy.Eq(ACT, 0), sympy.Eq(ACT, 1), sympy.Eq(ACT, 2))),
        lowering.integer(TruncToInt(FloatMul(RATE, ToFloat(W)))) <= lowering.integer(W),
    ]
    for claim in claims:
        solver = z3.Solver()
        solver.set("timeout", 10_000)
        solver.add(*lowering.domain_constraints(), z3.Not(claim))
        assert solver.check() == z3.unsat, claim


def test_limits_follow_the_polarity_of_a_maximum() -> None:
    normaliser = Normaliser(LARGE)
    peak = Expression(tuple(Row(normaliser.polynomial(row)) for row in (W * B, 3 * W, B**2)))
    lowering = Lowering(LARGE)
    assert lowering.at_most(peak, 1000).decl().kind() == z3.Z3_OP_AND
    assert lowering.at_least(peak, 1000).decl().kind() == z3.Z3_OP_OR
    point = {"width": 128, "heads": 4, "batch": 3, "shift": 2, "ratio": 1.5, "rate": 0.5, "act": 0, "bias": 1}
    value = peak.evaluate(point)
    for bound in (value - 1, value, value + 1):
        solver = z3.Solver()
        solver.add(*lowering.domain_constraints(), *fixed(lowering, point))
        assert (solver.check(lowering.at_most(peak, bound)) == z3.sat) == (value <= bound)
        assert (solver.check(lowering.at_least(peak, bound)) == z3.sat) == (value >= bound)
        assert solver.check(lowering.integer(peak) == value) == z3.sat


@pytest.mark.parametrize("relation", [sympy.Le, sympy.Lt, sympy.Ge, sympy.Gt])
@pytest.mark.parametrize("extremum", [Max, Min])
@pytest.mark.parametrize("side", [0, 1])
def test_comparisons_of_a_maximum_are_split_soundly(relation: Any, extremum: Any, side: int) -> None:
    sides = (extremum(W - 100, B * 2, 70, evaluate=False), S + 90)
    condition = relation(*(sides if side == 0 else sides[::-1]), evaluate=False)
    lowering = Lowering(LARGE)
    term = lowering.condition(condition)
    rng = random.Random(3)
    for _ in range(6):
        point = LARGE.encode(SPACE.sample(rng))
        check_at(lowering, point, term == z3.BoolVal(bool(evaluate(condition, point))))


def test_a_model_is_a_configuration_of_the_users() -> None:
    lowering = Lowering(LARGE)
    solver = z3.Solver()
    point = {
        "width": 192,
        "heads": 12,
        "batch": 7,
        "shift": -5,
        "ratio": 0.29,
        "rate": 0.25,
        "act": 2,
        "bias": 1,
    }
    solver.add(*lowering.domain_constraints(), *fixed(lowering, point))
    assert solver.check() == z3.sat
    expected = Config(width=192, heads=12, batch=7, shift=-5, ratio=0.29, rate=0.25, act=None, bias=True)
    assert lowering.config(solver.model()) == expected
    assert lowering.config(solver.model())["bias"] is True


def test_the_values_of_the_index_variables_are_the_declared_ones() -> None:
    lowering = Lowering(LARGE)
    for name in ("width", "heads", "shift", "ratio", "act"):
        axis = LARGE.axes[name]
        for position, value in enumerate(sorted(axis.listed)):
            term = z3.substitute(lowering.values[name], (lowering.variables[name], z3.IntVal(position)))
            found = z3.simplify(term)
            assert (found.as_fraction() if found.is_real() else found.as_long()) == Fraction(value)


def test_a_regions_normal_form_is_lowered_with_its_conditions() -> None:
    domain = Domain(Space(width=Int(1, 300), heads=Int(1, 16)))
    width, heads = domain.symbols.values()
    divides = sympy.Eq(PythonMod(width, heads), 0)
    normaliser = Normaliser(domain, [divides])
    lowering = Lowering(domain, normaliser)
    solver = z3.Solver()
    solver.set("timeout", 10_000)
    claim = lowering.integer(FloorDiv(width, heads) * heads * width) == lowering.integer(width**2)
    solver.add(lowering.condition(divides), *lowering.domain_constraints())
    assert solver.check(z3.Not(claim)) == z3.unsat
    assert solver.check(lowering.integer(heads) == 7, lowering.integer(width) > 9) == z3.sat
    assert lowering.config(solver.model())["width"] % 7 == 0


def test_polynomials_of_different_regions_do_not_share_their_tables() -> None:
    domain = Domain(Space(width=Int(1, 40), heads=Int(1, 8)))
    width, heads = domain.symbols.values()
    low, high = (Normaliser(domain, [condition]) for condition in (width < 20, width > 19))
    size = FloorDiv(width * width, heads + 2, evaluate=False)
    lowering = Lowering(domain)
    first, second = (lowering.integer(normaliser.polynomial(size)) for normaliser in (low, high))
    for point in (
        {"width": 3, "heads": 8},
        {"width": 19, "heads": 1},
        {"width": 20, "heads": 3},
        {"width": 40, "heads": 5},
    ):
        check_at(lowering, point, (first if point["width"] < 20 else second) == evaluate(size, point))


def test_a_true_quotient_of_large_integers_is_within_its_rounding() -> None:
    domain = Domain(Space(width=Int(2**60, 2**60 + 10**7), batch=Int(1, 10**7)))
    width, batch = domain.symbols.values()
    rng = random.Random(5)
    for function in (IntTrueDiv, FloatMul):
        lowering = Lowering(domain)
        term = lowering.integer(
            TruncToInt(function(width, ToFloat(batch) if function is FloatMul else batch))
        )
        for _ in range(5):
            point = domain.encode(domain.space.sample(rng))
            exact = evaluate(
                TruncToInt(function(width, ToFloat(batch) if function is FloatMul else batch)), point
            )
            check_at(lowering, point, term == exact)
