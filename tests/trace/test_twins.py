"""Symbolic twins do what Python's functions do, for plain numbers and, replayed, for symbolic ones."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxcost.expr import Domain, evaluate
from fxcost.space import Float, Int, Space
from fxcost.trace import twins
from fxcost.trace.symbols import HyperparameterEnv

SPACE = Space(n=Int(1, 400), x=Float(0.125, 8.0))
DOMAIN = Domain(SPACE)
FORMULAS = {
    "int": lambda f, n, x: f["int"](n * x),
    "float": lambda f, n, x: f["float"](n) * 0.1,
    "round": lambda f, n, x: f["round"](n * x) + f["round"](n, -1) + f["round"](n, -2) + f["round"](n, 2),
    "max": lambda f, n, x: f["max"](n, f["int"](x), 7),
    "min": lambda f, n, x: f["min"]([n, 100]),
    "divmod": lambda f, n, x: f["divmod"](n, 7)[0] * 1000 + f["divmod"](n, 7)[1],
    "floor": lambda f, n, x: f["floor"](n / 7 * x),
    "ceil": lambda f, n, x: f["ceil"](n / 7),
    "trunc": lambda f, n, x: f["trunc"](-x * n),
    "sqrt": lambda f, n, x: f["int"](f["sqrt"](n) * 10),
    "log2": lambda f, n, x: f["int"](f["log2"](n)),
    "log": lambda f, n, x: f["int"](f["log"](n) * 5) + f["int"](f["log"](n, 3)),
    "isqrt": lambda f, n, x: f["isqrt"](n * n + n),
    "prod": lambda f, n, x: f["prod"]([n, 3, n], start=2),
    "pow": lambda f, n, x: f["int"](f["pow"](n, 1.5)),
    "sin": lambda f, n, x: f["int"](f["sin"](n) * 10),
    "gcd": lambda f, n, x: f["gcd"](n, 12) + f["gcd"](n * 4, n, 6) + f["gcd"](n),
    "lcm": lambda f, n, x: f["lcm"](n, 12) + f["lcm"](4, 6, n) + f["lcm"](n),
    "hypot": lambda f, n, x: f["int"](f["hypot"](n, x) * 10) + f["int"](f["hypot"](3.0, n)),
    "fabs": lambda f, n, x: f["fabs"](n - 200),
    "exp": lambda f, n, x: f["int"](f["exp"](x)),
    "log10": lambda f, n, x: f["int"](f["log10"](n) * 10),
    "type": lambda f, n, x: f["type"](n)(x) + f["type"](x)(n),
    "isclose": lambda f, n, x: int(f["isclose"](x, 1.0, rel_tol=0.5)),
}
PYTHON = {name: getattr(math, name) for name in twins.MATH_TWINS} | {
    "int": int,
    "float": float,
    "round": round,
    "max": max,
    "min": min,
    "divmod": divmod,
    "type": type,
}
TWINS = twins.MATH_TWINS | twins.BUILTIN_TWINS


def symbolic(hint):
    env = HyperparameterEnv()
    numbers = [env.hyperparameter(DOMAIN.symbols[name], hint[name]) for name in ("n", "x")]
    return env, numbers


def test_every_twin_has_a_formula_here():
    others = set(TWINS) - set(FORMULAS)
    assert others == {"cos", "cosh", "sinh", "tan", "tanh", "asin", "acos", "atan"}  # made alike


@pytest.mark.parametrize("name", FORMULAS)
@given(
    hint=st.fixed_dictionaries({"n": st.integers(1, 400), "x": st.floats(0.125, 8.0)}),
    n=st.integers(1, 400),
    x=st.floats(0.125, 8.0),
)
@settings(max_examples=25)
def test_a_twin_of_symbols_has_the_values_of_the_original(name, hint, n, x):
    env, numbers = symbolic(hint)
    result = FORMULAS[name](TWINS, *numbers)
    expected = FORMULAS[name](PYTHON, hint["n"], hint["x"])
    if not isinstance(result, (torch.SymInt, torch.SymFloat)):
        assert result == expected
        return
    assert result.node.hint == expected
    point = {"n": n, "x": x}
    if all(evaluate(question.condition, point) for question in env.questions.values()):
        assert evaluate(result.node._expr, point) == FORMULAS[name](PYTHON, n, x)


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - {"isclose", "pow"}))
def test_a_twin_asks_nothing(name):
    env, numbers = symbolic({"n": 31, "x": 1.5})
    FORMULAS[name](TWINS, *numbers)
    assert env.questions == {}


@pytest.mark.parametrize("name", FORMULAS)
@given(n=st.integers(1, 400), x=st.floats(0.125, 8.0))
@settings(max_examples=20)
def test_a_twin_of_plain_numbers_is_the_original(name, n, x):
    assert FORMULAS[name](TWINS, n, x) == FORMULAS[name](PYTHON, n, x)


def test_types_have_twins_that_know_symbols():
    _, (n, x) = symbolic({"n": 31, "x": 1.5})
    assert isinstance(n, twins.int_twin)
    assert not isinstance(x, twins.int_twin)
    assert isinstance(x, twins.float_twin)
    assert isinstance(x, twins.real_twin)
    assert isinstance(n, twins.integral_twin)
    assert issubclass(bool, twins.int_twin)
    assert twins.int_twin == int  # noqa: E721 - equality of types is what is tested
    assert twins.int_twin.from_bytes(b"\x02", "big") == 2
    assert {int: 1}[twins.int_twin] == 1


def test_the_twin_of_type_is_type_in_everything_else():
    kind = twins.BUILTIN_TWINS["type"]

    class Meta(kind):
        def __new__(cls, name, bases, namespace):
            return kind.__new__(cls, name, bases, namespace | {"marked": True})

    class Marked(metaclass=Meta):
        pass

    assert type(Marked) is Meta
    assert Marked.marked
    assert kind("Made", (), {}).__name__ == "Made"
    assert kind == type  # noqa: E721 - equality of types is what is tested
    assert kind.__call__(int, "3") == 3
    assert isinstance(int, kind)
    assert not isinstance(3, kind)
    assert issubclass(Meta, kind)
    assert {type: 1}[kind] == 1
    assert isinstance(int, kind | None)
    assert kind[int] == type[int]
    assert kind(symbolic({"n": 31, "x": 1.5})[1][0]).__name__ == "int"
