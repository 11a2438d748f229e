"""Subexpressions as JavaScript: integers as BigInt, floats as Number, with Python's semantics.

What JavaScript does not calculate to the same bit, a logarithm say, has no formula here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sympy
import torch.utils._sympy.functions as torch_functions

from fxcost.errors import ExpressionError
from fxcost.expr import functions
from fxcost.expr.kinds import is_integral

HELPERS: Mapping[str, str] = MappingProxyType(
    {
        "outside": "(name, value) => { throw new RangeError(`${name}=${value} is outside its domain`); }",
        "integer": """(name, value) => {
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) outside(name, value);
    return BigInt(value);
  }""",
        "number": "(name, value) => (Number.isFinite(value) ? value : outside(name, value))",
        "position": "(name, value, axis) => axis.get(Number(value)) ?? outside(name, value)",
        "between": """(name, value, low, high) => {
    if (value < low || value > high) outside(name, value);
    return value;
  }""",
        "floorDiv": """(a, b) => {
    if (b === 0n) throw new RangeError("division by zero");
    const quotient = a / b;
    return a % b !== 0n && (a < 0n) !== (b < 0n) ? quotient - 1n : quotient;
  }""",
        "modulo": "(a, b) => a - b * floorDiv(a, b)",
        "toNumber": """(a) => {
    if (typeof a === "bigint") a = Number(a);
    if (!Number.isFinite(a)) throw new RangeError("a float overflows");
    return a;
  }""",
        "divide": """(a, b) => {
    const exact = [a, b].every((each) => typeof each === "number" || Number.isSafeInteger(Number(each)));
    if (!exact) throw new RangeError("a division of integers beyond 2^53");
    if (Number(b) === 0) throw new RangeError("division by zero");
    return Number(a) / Number(b);
  }""",
        "halfEven": """(a) => {
    const below = Math.floor(a);
    const up = a - below > 0.5 || (a - below === 0.5 && below % 2 !== 0);
    return BigInt(up ? below + 1 : below);
  }""",
        "largest": "(...values) => values.reduce((a, b) => (b > a ? b : a))",
        "smallest": "(...values) => values.reduce((a, b) => (b < a ? b : a))",
        "absolute": "(a) => (a < 0 ? -a : a)",
        "undefinedHere": '() => { throw new RangeError("no case applies"); }',
    }
)
"""JavaScript functions that formulas call, each after those that it calls itself."""


def helpers_of(code: str) -> dict[str, str]:
    """Return the functions that some code calls, and those that these call.

    >>> list(helpers_of("modulo(x, 4n)"))
    ['floorDiv', 'modulo']
    """
    needed: dict[str, str] = {}
    for name in reversed(list(HELPERS)):
        if f"{name}(" in code or any(f"{name}(" in each for each in needed.values()):
            needed[name] = HELPERS[name]
    return dict(reversed(list(needed.items())))


def formula(expression: sympy.Basic, variables: Mapping[str, str]) -> str:
    """Return what calculates an expression in JavaScript.

    Args:
        expression: An expression or a condition.
        variables: JavaScript's name of each hyperparameter: a BigInt where it is an integer, else a Number.

    Raises:
        ExpressionError: JavaScript has nothing that calculates it exactly.

    >>> x = sympy.Symbol("x", integer=True)
    >>> formula(torch_functions.FloorDiv(x, 4) + 1, {"x": "x"})
    '(1n + floorDiv(x, 4n))'
    """
    return _Formula(variables).of(expression)


@dataclass(frozen=True, slots=True)
class _Formula:
    variables: Mapping[str, str]

    def of(self, expression: sympy.Basic) -> str:
        if expression.is_Symbol:
            return self.variables[expression.name]
        if isinstance(expression, sympy.Integer):
            return f"{int(expression)}n" if expression >= 0 else f"({int(expression)}n)"
        if isinstance(expression, sympy.Float):
            return _number(float(expression))
        if expression in (sympy.true, sympy.false):
            return str(bool(expression)).lower()
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression.args)
        rule = FORMULAS.get(type(expression))
        code = rule(expression, [self.of(argument) for argument in expression.args]) if rule else None
        if code is None:
            raise ExpressionError(f"JavaScript has no exact formula for {expression}")
        return code

    def _piecewise(self, pairs: Any) -> str:
        cases = [f"{self.of(condition)} ? {self.of(chosen)} : " for chosen, condition in pairs]
        return f"({''.join(cases)}undefinedHere())"


Rule = Callable[[sympy.Basic, Sequence[str]], str | None]


def _number(value: float) -> str:
    return (
        repr(value) if math.isfinite(value) else str(value).replace("inf", "Infinity").replace("nan", "NaN")
    )


def _of_one_kind(operator: str) -> Rule:
    """Return a rule for a sum or a product: of integers, or of two floats, whose order cannot matter."""

    def rule(expression: sympy.Basic, codes: Sequence[str]) -> str | None:
        if all(map(is_integral, expression.args)):
            return f"({f' {operator} '.join(codes)})"
        if len(codes) != 2 or any(
            isinstance(part, sympy.Rational) and part.q > 1 for part in expression.args
        ):
            return None
        return f"toNumber(toNumber({codes[0]}) {operator} toNumber({codes[1]}))"

    return rule


def _of_integers(template: str) -> Rule:
    def rule(expression: sympy.Basic, codes: Sequence[str]) -> str | None:
        return template.format(*codes) if all(map(is_integral, expression.args)) else None

    return rule


def _always(template: str) -> Rule:
    return lambda _, codes: template.format(*codes)


def _to_integer(rounding: str) -> Rule:
    def rule(expression: sympy.Basic, codes: Sequence[str]) -> str:
        return codes[0] if is_integral(expression.args[0]) else rounding.format(f"toNumber({codes[0]})")

    return rule


def _power(expression: sympy.Basic, codes: Sequence[str]) -> str | None:
    return f"({codes[0]} ** {codes[1]})" if is_integral(expression) else None


def _same_kind(function: str) -> Rule:
    def rule(expression: sympy.Basic, codes: Sequence[str]) -> str | None:
        kinds = {is_integral(argument) for argument in expression.args}
        return f"{function}({', '.join(codes)})" if len(kinds) == 1 else None

    return rule


def _joined(operator: str) -> Rule:
    return lambda _, codes: f"({operator.join(codes)})"


_FLOOR_DIV, _MODULO = _of_integers("floorDiv({0}, {1})"), _of_integers("modulo({0}, {1})")
_FLOOR, _CEILING = _to_integer("BigInt(Math.floor({0}))"), _to_integer("BigInt(Math.ceil({0}))")
_IDENTITY, _CHOICE = _always("{0}"), _always("({0} ? {1} : {2})")

FORMULAS: Mapping[type, Rule] = MappingProxyType(
    {
        sympy.Add: _of_one_kind("+"),
        sympy.Mul: _of_one_kind("*"),
        sympy.Pow: _power,
        sympy.Abs: _same_kind("absolute"),
        sympy.Mod: _MODULO,
        sympy.floor: _FLOOR,
        sympy.ceiling: _CEILING,
        sympy.Max: _same_kind("largest"),
        sympy.Min: _same_kind("smallest"),
        functions.FloatAdd: _of_one_kind("+"),
        functions.FloatSub: _of_one_kind("-"),
        functions.FloatMul: _of_one_kind("*"),
        functions.FloatNeg: _always("(-{0})"),
        torch_functions.FloorDiv: _FLOOR_DIV,
        torch_functions.CleanDiv: _FLOOR_DIV,
        torch_functions.Mod: _MODULO,
        torch_functions.PythonMod: _MODULO,
        torch_functions.ModularIndexing: _of_integers("modulo(floorDiv({0}, {1}), {2})"),
        torch_functions.IntTrueDiv: _always("divide({0}, {1})"),
        torch_functions.FloatTrueDiv: _always("divide(toNumber({0}), toNumber({1}))"),
        torch_functions.ToFloat: _always("toNumber({0})"),
        torch_functions.FloorToInt: _FLOOR,
        torch_functions.CeilToInt: _CEILING,
        torch_functions.TruncToInt: _to_integer("BigInt(Math.trunc({0}))"),
        torch_functions.RoundToInt: _to_integer("halfEven({0})"),
        torch_functions.TruncToFloat: _always("(Math.trunc(toNumber({0})) + 0)"),
        torch_functions.PowByNatural: _power,
        torch_functions.Max: _same_kind("largest"),
        torch_functions.Min: _same_kind("smallest"),
        torch_functions.Identity: _IDENTITY,
        torch_functions.Where: _CHOICE,
        sympy.ITE: _CHOICE,
        torch_functions.BitwiseFn_bitwise_and: _of_integers("({0} & {1})"),
        torch_functions.BitwiseFn_bitwise_or: _of_integers("({0} | {1})"),
        torch_functions.BitwiseFn_bitwise_xor: _of_integers("({0} ^ {1})"),
        torch_functions.OpaqueUnaryFn_sqrt: _always("Math.sqrt(toNumber({0}))"),
        sympy.Eq: _joined(" == "),
        sympy.Ne: _joined(" != "),
        sympy.Lt: _joined(" < "),
        sympy.Le: _joined(" <= "),
        sympy.Gt: _joined(" > "),
        sympy.Ge: _joined(" >= "),
        sympy.Not: _always("(!{0})"),
        sympy.And: _joined(" && "),
        sympy.Or: _joined(" || "),
    }
)
"""What JavaScript calculates as Python does; a BigInt and a Number compare as the numbers they are."""
