from __future__ import annotations

import copy
import math
import pickle
import random
from collections import Counter
from dataclasses import fields

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxcost.errors import ConfigError, DeclarationError, EmptySpaceError
from fxcost.space import AnyDomain, Bool, Choice, Float, Int


def relu() -> None:
    """Stand for an activation that a Choice may hold."""


@st.composite
def int_domains(draw: st.DrawFn) -> Int:
    low = draw(st.integers(-100, 100))
    return Int(low, low + draw(st.integers(0, 200)), step=draw(st.integers(1, 30)), log=low > 0)


bounds = st.one_of(st.integers(-300, 300), st.floats(-300, 300), st.sampled_from([-math.inf, math.inf]))


@given(domain=int_domains())
def test_an_int_holds_exactly_its_grid(domain: Int) -> None:
    grid = [value for value in range(domain.low, domain.high + 1) if (value - domain.low) % domain.step == 0]
    assert list(domain.values) == grid
    assert len(domain) == domain.size == len(grid)
    assert [value for value in range(domain.low - 40, domain.high + 40) if value in domain] == grid


@given(domain=int_domains(), low=bounds, high=bounds)
def test_bounding_an_int_keeps_the_values_within(domain: Int, low: float, high: float) -> None:
    inside = [value for value in domain.values if low <= value <= high]
    if not inside:
        with pytest.raises(EmptySpaceError):
            domain.between(low, high)
        return
    assert list(domain.between(low, high).values) == inside
    assert domain.between(low, high).log == domain.log


@given(domain=int_domains(), seed=st.integers(0, 10**6))
def test_an_int_draws_its_own_values(domain: Int, seed: int) -> None:
    assert domain.sample(random.Random(seed)) in domain


@given(low=st.floats(1e-300, 1e300), width=st.floats(0, 1e300), log=st.booleans(), seed=st.integers(0, 10**6))
def test_a_float_draws_within_its_bounds(low: float, width: float, log: bool, seed: int) -> None:
    domain = Float(low, low + width, log=log)
    assert domain.sample(random.Random(seed)) in domain


def test_a_float_of_the_widest_range_does_not_overflow() -> None:
    widest = Float(-1.7e308, 1.7e308)
    assert all(widest.sample(random.Random(seed)) in widest for seed in range(100))


def test_every_value_of_an_int_can_be_drawn_and_evenly() -> None:
    rng = random.Random(0)
    counts = Counter(Int(0, 9).sample(rng) for _ in range(5000))
    assert set(counts) == set(range(10))
    assert max(counts.values()) < 1.4 * min(counts.values())


def test_a_logarithmic_int_draws_each_octave_about_as_often() -> None:
    rng = random.Random(0)
    counts = Counter(int(math.log2(Int(1, 1023, log=True).sample(rng))) for _ in range(20_000))
    assert set(counts) == set(range(10))
    assert max(counts.values()) < 1.8 * min(counts.values())


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Int(64, 4096, step=64), "Int(64, 4096, step=64)"),
        (Int(1, 512, log=True), "Int(1, 512, log=True)"),
        (Float(1e-5, 1, log=True), "Float(1e-05, 1.0, log=True)"),
        (Choice(4, 8.5, "relu", None, True), "Choice(4, 8.5, 'relu', None, True)"),
        (Choice(int, relu, math.sqrt), "Choice(int, relu, sqrt)"),
        (Bool(), "Bool()"),
        (Bool().fixed(True), "Bool(True)"),
    ],
)
def test_a_domain_prints_as_declared(domain: AnyDomain, text: str) -> None:
    assert repr(domain) == text


@pytest.mark.parametrize("domain", [Int(1, 9, step=2), Float(0, 1), Choice("a", None), Bool(), Bool(True)])
def test_a_domain_is_a_value(domain: AnyDomain) -> None:
    assert pickle.loads(pickle.dumps(domain)) == domain == copy.deepcopy(domain)
    assert hash(copy.deepcopy(domain)) == hash(domain)
    with pytest.raises(AttributeError):
        setattr(domain, fields(domain)[0].name, 3)


@pytest.mark.parametrize(
    ("value", "domain", "accepted"),
    [
        (numpy.int64(64), Int(64, 128), 64),
        (1, Float(0, 1), 1.0),
        (numpy.float32(0.5), Float(0, 1), 0.5),
        (0, Choice(0.0, 0.1), 0.0),
        (numpy.int64(8), Choice(4, 8), 8),
        (relu, Choice(relu, None), relu),
        (False, Bool(), False),
    ],
)
def test_a_value_is_spelled_as_the_domain_does(value: object, domain: AnyDomain, accepted: object) -> None:
    assert value in domain
    assert domain.accept(value) == accepted
    assert type(domain.accept(value)) is type(accepted)


@pytest.mark.parametrize(
    ("value", "domain", "message"),
    [
        (100, Int(64, 512, step=64), "100 is not in Int(64, 512, step=64); nearest: 64 and 128"),
        (9, Int(1, 8), "9 is not in Int(1, 8); nearest: 8"),
        (300, Int(0, 256, step=100), "300 is not in Int(0, 256, step=100); nearest: 200"),
        (0.5, Int(0, 8), "0.5 is not in Int(0, 8); nearest: 0 and 1"),
        (64.0, Int(64, 512), "64.0 is not in Int(64, 512); write the integer 64"),
        (math.nan, Int(1, 8), "nan is not in Int(1, 8)"),
        (math.inf, Int(1, 8), "inf is not in Int(1, 8); nearest: 8"),
        (True, Int(0, 8), "True is not in Int(0, 8)"),
        ("8", Int(0, 8), "'8' is not in Int(0, 8)"),
        (2, Float(0, 1), "2 is not in Float(0.0, 1.0)"),
        (math.nan, Float(0, 1), "nan is not in Float(0.0, 1.0)"),
        (True, Float(0, 1), "True is not in Float(0.0, 1.0)"),
        (6, Choice(4, 8), "6 is not in Choice(4, 8)"),
        (4.0, Choice(4, 8), "4.0 is not in Choice(4, 8)"),
        (True, Choice(1, 2), "True is not in Choice(1, 2)"),
        (1, Bool(), "1 is not in Bool()"),
        ([], Choice(4, 8), "[] is not in Choice(4, 8)"),
    ],
)
def test_a_value_outside_is_named_with_the_declaration(
    value: object, domain: AnyDomain, message: str
) -> None:
    assert value not in domain
    with pytest.raises(ConfigError) as caught:
        domain.accept(value)
    assert str(caught.value) == message


NO_INTEGER = "which is no integer; write an integer, or Float(low, high) for real numbers"


@pytest.mark.parametrize(
    ("declaration", "fault"),
    [
        ("Int(64, 4096, step=-1)", "step must be positive; write step=1"),
        ("Int(64, 4096, step=-64)", "step must be positive; write step=64"),
        ("Int(1, 5, step=0)", "step must be positive; write step=1"),
        ("Int(512, 64)", "low is above high; write Int(64, 512)"),
        ("Int(64.0, 128)", "low is 64.0, which is no integer; write 64"),
        ("Int(0, 0.5)", f"high is 0.5, {NO_INTEGER}"),
        ("Int(1, inf)", f"high is inf, {NO_INTEGER}"),
        ("Int('1', 8)", f"low is '1', {NO_INTEGER}"),
        ("Int(True, 8)", f"low is True, {NO_INTEGER}"),
        ("Int(0, 9, log=True)", "a logarithmic scale needs low >= 1; leave out log=True"),
        ("Float(nan, 1)", "low is nan; write a finite number"),
        ("Float(0.0, inf)", "high is inf; write a finite number"),
        ("Float('0', 1)", "low is '0'; write a finite number"),
        ("Float(1.0, 0.0)", "low is above high; write Float(0.0, 1.0)"),
        ("Float(0.0, 1.0, log=True)", "a logarithmic scale needs low > 0; leave out log=True"),
        ("Choice()", "there is no option; write, for example, Choice(4, 8, 16)"),
        ("Choice(4, 8, 4)", "4 is there twice; write each option once"),
        ("Choice(1, True)", "True equals 1; write each option once"),
        ("Choice([4, 8])", "the options are arguments; write Choice(4, 8)"),
        ("Choice(range(4, 6))", "the options are arguments; write Choice(4, 5)"),
        ("Choice([1], [2])", "[1] cannot be hashed; write (1,)"),
        ("Choice({}, 1)", "{} cannot be hashed; write something immutable"),
        (
            "Choice(bytearray(b''), 1)",
            "bytearray(b'') cannot be hashed; choose between names and look the object up in the factory, "
            "or freeze it: @dataclass(frozen=True)",
        ),
        ("Choice(1, nan)", "nan is not a finite number; write None or text for it"),
        ("Bool(1)", "1 is neither False nor True; write Bool()"),
    ],
)
def test_a_wrong_declaration_is_shown_with_what_to_write(declaration: str, fault: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        eval(declaration, {**globals(), "inf": math.inf, "nan": math.nan})
    assert str(caught.value) == f"{declaration}: {fault}"


@pytest.mark.parametrize(
    ("domain", "low", "high", "message"),
    [
        (Choice("a", "b"), 1, 2, "(1, 2) bounds numbers; write an option of Choice('a', 'b')"),
        (Int(1, 8), "1", 8, "Int(1, 8) cannot be bounded by '1'; write a pair of numbers (low, high)"),
        (
            Float(0, 1),
            math.nan,
            8,
            "Float(0.0, 1.0) cannot be bounded by nan; write a pair of numbers (low, high)",
        ),
        (
            Int(64, 512, step=64),
            65,
            100,
            "(65, 100) holds no value of Int(64, 512, step=64); write wider bounds",
        ),
        (Int(1, 8), 5, 3, "(5, 3): low is above high; write (3, 5)"),
        (Float(0, 1), 2, 3, "(2, 3) holds no value of Float(0.0, 1.0); write wider bounds"),
    ],
)
def test_wrong_bounds_are_shown_with_what_to_write(
    domain: AnyDomain, low: object, high: object, message: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        domain.between(low, high)
    assert str(caught.value) == message


def test_parts_of_a_domain_keep_its_kind() -> None:
    assert Int(64, 512, step=64).fixed(128) == Int(128, 128)
    assert Float(0, 1, log=False).between(0.5, 7) == Float(0.5, 1)
    assert Float(0, 1).fixed(0.5) == Float(0.5, 0.5)
    assert Choice(4, 8, 16).between(5, 20) == Choice(8, 16)
    assert Choice("a", "b").fixed("b") == Choice("b")
    assert isinstance(Bool().fixed(False), Bool)


def test_a_float_is_finite_only_when_fixed() -> None:
    assert not Float(0, 1).finite
    assert Float(0, 1).size == math.inf
    assert Float(0.5, 0.5).values == (0.5,)
    with pytest.raises(TypeError, match="has no len"):
        len(Float(0, 1))  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match=r"cannot be listed; write Choice\(...\), or Float\(x, x\)"):
        Float(0, 1).values  # noqa: B018


def test_a_choice_draws_every_option() -> None:
    rng = random.Random(0)
    assert {Choice("a", None, 3).sample(rng) for _ in range(100)} == {"a", None, 3}
