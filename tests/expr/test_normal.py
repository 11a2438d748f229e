"""The normal form: the same values everywhere, fewer shapes."""

from __future__ import annotations

import itertools

import pytest
import sympy
from hypothesis import given, settings
from torch.utils._sympy.functions import (
    CeilToInt,
    FloatTrueDiv,
    FloorDiv,
    IntTrueDiv,
    Max,
    Min,
    PythonMod,
    RoundToInt,
    ToFloat,
    TruncToInt,
    Where,
)

from fxcost.errors import ExpressionError
from fxcost.expr import Atom, Domain, FloatMul, Normaliser, Polynomial
from fxcost.space import Choice, Float, Int, Space
from tests.expr.programs import DOMAIN, INTEGERS, Program, points

POINTS = list(points())
SPACE = Space(
    width=Int(64, 1024, step=64),
    heads=Choice(4, 8, 16),
    batch=Int(1, 32),
    res=Int(33, 65),
    odd=Int(3, 9, step=2),
    ratio=Choice(0.5, 4.0),
)
LARGE = Domain(SPACE)
W, H, B, R, ODD, RATIO = LARGE.symbols.values()


def normal(expression: sympy.Expr, *conditions: sympy.Basic) -> str:
    return str(Normaliser(LARGE, conditions).polynomial(expression))


@settings(max_examples=80)
@given(INTEGERS)
def test_a_normal_form_has_the_programs_value_at_every_point(program: Program) -> None:
    polynomial = Normaliser(DOMAIN).polynomial(program.expression)
    for point in POINTS[::7]:
        assert polynomial.evaluate(point) == program.run(point)


@settings(max_examples=40)
@given(INTEGERS, INTEGERS)
def test_arithmetic_of_normal_forms_is_arithmetic_of_values(left: Program, right: Program) -> None:
    normaliser = Normaliser(DOMAIN)
    x, y = normaliser.polynomial(left.expression), normaliser.polynomial(right.expression)
    for point in POINTS[::29]:
        a, b = left.run(point), right.run(point)
        assert (x + y).evaluate(point) == a + b
        assert (x - y).evaluate(point) == a - b
        assert (x * y).evaluate(point) == a * b
        assert (2 - x**2 * 3).evaluate(point) == 2 - 3 * a**2


@settings(max_examples=40)
@given(INTEGERS)
def test_normal_forms_hold_where_the_conditions_do(program: Program) -> None:
    a, b = DOMAIN.symbols["a"], DOMAIN.symbols["b"]
    conditions = [sympy.Eq(PythonMod(b, a, evaluate=False), 0), DOMAIN.symbols["c"] > -5]
    polynomial = Normaliser(DOMAIN, conditions).polynomial(program.expression)
    for point in POINTS[::3]:
        if point["b"] % point["a"] == 0 and point["c"] > -5:
            assert polynomial.evaluate(point) == program.run(point)


@settings(max_examples=60)
@given(INTEGERS)
def test_what_is_constant_everywhere_is_a_constant(program: Program) -> None:
    values = {program.run(point) for point in POINTS}
    constant = Normaliser(DOMAIN).polynomial(program.expression).as_constant
    if constant is not None:
        assert values == {constant}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (H * FloorDiv(W, H), "width"),
        (Max(1, H * FloorDiv(W, H)), "width"),
        (FloorDiv(W, FloorDiv(W, H)), "heads"),
        (TruncToInt(FloatMul(sympy.Float(128.0), IntTrueDiv(W, 64))), "2*width"),
        (TruncToInt(FloatTrueDiv(ToFloat(W), sympy.Float(64.0))), "width//64"),
        (64 * FloorDiv(W, 64), "width"),
        (96 * FloorDiv(W, 64) - W, "width//2"),
        (FloorDiv(ODD, 2) + FloorDiv(R - ODD - 1, 2) + 1 - FloorDiv(R, 2), "0"),
        (-ODD + R + 2 * FloorDiv(ODD, 2) + 1, "res"),
        (FloorDiv(4 * B * W - 1, B * W), "3"),
        (FloorDiv(B * W, B * H) - FloorDiv(W, H), "0"),
        (PythonMod(B * W, B * H), "0"),
        (PythonMod(W + 3, 4), "3"),
        (Max(B, B * W), "batch*width"),
        (Min(B + 1, B * W, 5000), "batch + 1"),
        (Max(FloorDiv(W, H), B * W), "batch*width"),
        (RoundToInt(ToFloat(W)), "width"),
        (CeilToInt(IntTrueDiv(W, H)) - FloorDiv(W, H), "0"),
        (Where(W > 8, B, R), "batch"),
        ((FloorDiv(R - 1, 4) + 1) * B - FloorDiv(R - 1, 4) * B, "batch"),
    ],
)
def test_atoms_that_are_something_simpler_are_that(expression: sympy.Expr, expected: str) -> None:
    assert normal(expression) == expected


def test_a_size_stays_together_and_its_strides_cancel() -> None:
    size = FloorDiv(R - 1, 4) + 1
    contiguous = 1 + (B - 1) * W * size**2 + (W - 1) * size**2 + (size - 1) * size + (size - 1)
    assert normal(contiguous) == normal(B * W * size**2) == "batch*width*((res + 3)//4)**2"


def test_equal_tables_are_one_atom_whatever_comes_first() -> None:
    ceilings = [FloorDiv(R - 1, 4) + 1, FloorDiv(R + 3, 4), CeilToInt(IntTrueDiv(R, 4)), -FloorDiv(-R, 4)]
    for first, second in itertools.permutations(ceilings, 2):
        normaliser = Normaliser(LARGE)
        assert normaliser.polynomial(B * first) == normaliser.polynomial(B * second)


def test_divisibility_comes_from_conditions() -> None:
    domain = Domain(Space(width=Int(1, 256), heads=Int(1, 16)))
    width, heads = domain.symbols.values()
    assert Normaliser(domain).polynomial(heads * FloorDiv(width, heads)) != width
    divides = sympy.Eq(heads * FloorDiv(width, heads), width)
    assert (
        str(Normaliser(domain, [divides]).polynomial(3 * heads * FloorDiv(width, heads) + 1)) == "3*width + 1"
    )


def test_a_variable_with_one_valid_value_is_that_value() -> None:
    assert normal(W * B, sympy.Eq(B, 7)) == "7*width"
    assert str(Normaliser(Domain(SPACE.restrict(heads=8))).polynomial(H * W)) == "8*width"


def test_python_floats_decide_not_real_numbers() -> None:
    domain = Domain(Space(ratio=Choice(0.29), percent=Choice(100, 200)))
    ratio, percent = domain.symbols.values()
    polynomial = Normaliser(domain).polynomial(TruncToInt(FloatMul(ratio, ToFloat(percent))))
    assert [polynomial.evaluate({"ratio": 0.29, "percent": percent}) for percent in (100, 200)] == [28, 57]


def test_what_cannot_be_tabulated_is_an_opaque_atom_with_bounds() -> None:
    domain = Domain(Space(rate=Float(0.0, 1.0), width=Int(1, 10**7), batch=Int(1, 10**7)))
    rate, width, batch = domain.symbols.values()
    normaliser = Normaliser(domain)
    kept = normaliser.polynomial(TruncToInt(FloatMul(rate, ToFloat(width))))
    assert kept.evaluate({"rate": 0.29, "width": 100, "batch": 1}) == 28
    (atom,) = normaliser.polynomial(FloorDiv(width, batch)).atoms
    assert (atom.table, atom.low, atom.high) == (None, 0, 10**7)
    assert normaliser.polynomial(Max(1, width * batch)) == normaliser.polynomial(width * batch)


def test_an_atom_undefined_at_a_valid_point_is_left_alone() -> None:
    domain = Domain(Space(x=Int(0, 3), y=Int(0, 3)))
    x, y = domain.symbols.values()
    quotient = FloorDiv(x, y, evaluate=False)
    assert Normaliser(domain).polynomial(quotient).evaluate({"x": 3, "y": 2}) == 1
    with pytest.raises(ZeroDivisionError):
        Normaliser(domain).polynomial(quotient).evaluate({"x": 3, "y": 0})
    guarded = Normaliser(domain, [sympy.Eq(y, x), y > 0]).polynomial(quotient)
    assert guarded.as_constant == 1


def test_a_function_without_a_rule_is_refused_when_it_is_evaluated() -> None:
    polynomial = Normaliser(LARGE).polynomial(sympy.gamma(W))
    with pytest.raises(ExpressionError, match="gamma"):
        polynomial.evaluate({"width": 64})


def test_polynomials_compare_hash_and_divide_like_numbers() -> None:
    x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x")))
    assert (x - x) == 0
    assert not (x - x)
    assert hash(x - x + 7) == hash(7)
    assert (4 * x + 2) // 2 == 2 * x + 1
    assert 1 - x == -(x - 1)
    assert x + 1 != x
    assert x != "x"
    assert {x * x: 1}[x**2] == 1
    with pytest.raises(ExpressionError, match="does not divide"):
        (4 * x + 2) // 4
    with pytest.raises(TypeError):
        x + 0.5
    with pytest.raises(TypeError):
        x**-1
    with pytest.raises(ExpressionError, match="no integer"):
        x.evaluate({"x": 0.5})


def test_divisibility_comes_from_conditions_also_where_nothing_can_be_tabulated() -> None:
    domain = Domain(Space(width=Int(1, 10**6), heads=Int(1, 1000), batch=Int(1, 10**6)))
    width, heads, batch = domain.symbols.values()
    size = heads * Max(1, FloorDiv(width, heads)) * batch + PythonMod(batch * width, batch * heads)
    for divides in (sympy.Eq(PythonMod(width, heads), 0), sympy.Eq(width, heads * FloorDiv(width, heads))):
        assert str(Normaliser(domain, [divides]).polynomial(size)) == "batch*width"
    assert str(Normaliser(domain).polynomial(size)) != "batch*width"


def test_sizes_that_follow_a_choice_of_floats_are_multiples_of_one_atom() -> None:
    domain = Domain(Space(multiplier=Choice(0.25, 0.5, 0.75, 1.0), batch=Int(1, 8)))
    multiplier, batch = domain.symbols.values()

    def channels(base: int) -> sympy.Expr:
        return 8 * FloorDiv(TruncToInt(FloatMul(multiplier, ToFloat(sympy.Integer(base)))) + 4, 8)

    normaliser = Normaliser(domain)
    sizes = [normaliser.polynomial(channels(base) * batch) for base in (64, 32, 320)]
    assert len({atom for size in sizes for atom in size.atoms if atom.name is None}) == 1
    for base, size in zip((64, 32, 320), sizes, strict=True):
        for ratio in (0.25, 0.5, 0.75, 1.0):
            expected = 3 * (8 * ((int(base * ratio) + 4) // 8))
            assert size.evaluate({"multiplier": ratio, "batch": 3}) == expected


def test_a_fraction_of_an_atom_made_before_is_reduced_to_it() -> None:
    domain = Domain(Space(res=Choice(7, 16, 60), batch=Int(1, 8)))
    res, batch = domain.symbols.values()
    normaliser = Normaliser(domain)
    table = {7: 2, 16: 4, 60: 10}
    half = {7: 1, 16: 2, 60: 5}

    def looked_up(values: dict[int, int]) -> sympy.Expr:
        cases = [(sympy.Integer(value), sympy.Eq(res, key)) for key, value in values.items()]
        return sympy.Piecewise(*cases[:-1], (cases[-1][0], True))

    coarse = normaliser.polynomial(batch * looked_up(table))
    fine = normaliser.polynomial(2 * batch * looked_up(half))
    assert coarse == fine
