"""Every expression is read back equal, or not written."""

from __future__ import annotations

import json
import os

import pytest
import sympy
import torch.utils._sympy.functions as torch_functions

from fxcost.cache.trees import FUNCTIONS, UnwritableError, Writer, trees
from fxcost.expr import Domain, FloatAdd, FloatMul
from fxcost.expr.branches import BRANCHES
from fxcost.expr.table import RULES
from fxcost.sealed import DamagedError
from fxcost.space import Choice, Float, Int, Space

DOMAIN = Domain(Space(x=Int(1, 512), y=Int(0, 9), act=Choice("relu", "gelu"), rate=Float(0.0, 1.0)))
X, Y, ACT, RATE = DOMAIN.symbols.values()


def read_back(expression):
    writer = Writer(DOMAIN)
    number = writer.tree(expression)
    return trees(json.loads(json.dumps(writer.nodes)), DOMAIN)[number]


@pytest.mark.parametrize(
    "expression",
    [
        X,
        X**2 + 3 * X * Y - 7,
        sympy.Integer(2) ** 200 * X,
        sympy.Rational(1, 3) * X,
        sympy.Mul(2, sympy.Add(X, Y, evaluate=False), evaluate=False),
        torch_functions.FloorDiv(X + 3, 4),
        torch_functions.Max(1, torch_functions.FloorDiv(X, 8), Y),
        sympy.Max(X, Y),
        torch_functions.TruncToInt(FloatMul(0.1, torch_functions.ToFloat(X))),
        FloatAdd(FloatMul(RATE, 0.29), 1e-300),
        torch_functions.OpaqueUnaryFn_sqrt(X),
        torch_functions.PythonMod(X - 5, 7),
        sympy.Piecewise((1, sympy.Eq(ACT, 1)), (X, X > 3), (0, True), evaluate=False),
        sympy.Eq(torch_functions.Mod(X, 3), 0),
        sympy.And(X > 3, sympy.Or(sympy.Ne(Y, 2), X < 100)),
        sympy.Not(sympy.Eq(X, Y), evaluate=False),
        sympy.Le(0.5, RATE, evaluate=False),
        sympy.true,
        sympy.oo,
    ],
    ids=str,
)
def test_an_expression_is_read_back_equal(expression):
    assert read_back(expression) == expression
    assert hash(read_back(expression)) == hash(expression)


def test_what_is_shared_is_written_once():
    writer = Writer(DOMAIN)
    part = torch_functions.FloorDiv(X, 3)
    writer.tree(part**2 + part * Y)
    assert sum(node[0] == "torch.FloorDiv" for node in writer.nodes) == 1


def test_every_function_has_a_name_of_its_own():
    assert set(FUNCTIONS.values()) >= {*RULES, *BRANCHES}
    assert len(FUNCTIONS) == len({*RULES, *BRANCHES}) + 1


@pytest.mark.parametrize("expression", [sympy.zeta(X), sympy.Symbol("z"), sympy.Symbol("x"), sympy.pi])
def test_what_could_not_be_read_is_not_written(expression):
    with pytest.raises(UnwritableError):
        Writer(DOMAIN).tree(expression)


@pytest.mark.parametrize(
    "nodes",
    [
        [["os.system", 0]],
        [["sympy.zeta", 0]],
        [["__import__", "os"]],
        [["symbol", "z"]],
        [["sympy.Add", 0]],
        [["integer", 1], ["sympy.Add", -1]],
        [["integer", 1], ["sympy.Add", True]],
        [["integer", "os.abort()"]],
        [["integer", [1]]],
        [["float", "1 + 1"]],
        [[["integer", 1]]],
    ],
    ids=str,
)
def test_nothing_is_looked_up_but_in_the_table(nodes, monkeypatch):
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it was run"))
    with pytest.raises((DamagedError, LookupError, ValueError, TypeError)):
        trees(nodes, DOMAIN)
