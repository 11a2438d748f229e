"""Random programs over a small space, each twice: as a trace would hold it, and as the Python meant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from hypothesis import strategies as st
from torch.utils._sympy import functions as torch_functions

from fxcost.expr import Domain, FloatAdd, FloatMul, FloatNeg, FloatSub
from fxcost.space import Choice, Int, Space

SPACE = Space(
    a=Int(1, 7), b=Choice(4, 2, 8), c=Int(-5, 4, step=3), r=Choice(0.5, 0.29, 1.5), k=Choice("x", "y")
)
DOMAIN = Domain(SPACE)
A, B, C, R, K = DOMAIN.symbols.values()

Point = Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """An expression, and what Python calculates in its place."""

    expression: sympy.Basic
    run: Callable[[Point], Any]

    def __repr__(self) -> str:
        return sympy.srepr(self.expression)


def points() -> Iterator[dict[str, Any]]:
    """Yield every point of the space, encoded, from the options themselves."""
    for a, b, c, r, k in itertools.product(range(1, 8), (4, 2, 8), range(-5, 5, 3), (0.5, 0.29, 1.5), (0, 1)):
        yield {"a": a, "b": b, "c": c, "r": r, "k": k}


def _two(function: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Program]:
    def program(*parts: Program) -> Program:
        return Program(
            function(*(part.expression for part in parts)),
            lambda point: run(*(part.run(point) for part in parts)),
        )

    return program


def _as_written(function: Any) -> Callable[..., Any]:
    """Return a function that SymPy does not rewrite, unless of numbers alone."""
    return lambda *parts: function(*parts, evaluate=all(part.is_number for part in parts))


def _variable(name: str) -> Program:
    return Program(DOMAIN.symbols[name], lambda point: point[name])


def _integer(value: int) -> Program:
    return Program(sympy.Integer(value), lambda point: value)


def _float(value: float) -> Program:
    return Program(sympy.Float(value), lambda point: value)


def _if(condition: Program, chosen: Program, other: Program) -> Program:
    return Program(
        sympy.Piecewise(
            (chosen.expression, condition.expression), (other.expression, sympy.true), evaluate=False
        ),
        lambda point: chosen.run(point) if condition.run(point) else other.run(point),
    )


INTEGER_LEAVES = st.one_of(
    st.sampled_from(["a", "b", "c", "k"]).map(_variable), st.integers(-9, 9).map(_integer)
)
POSITIVE = st.one_of(st.sampled_from(["a", "b"]).map(_variable), st.integers(1, 9).map(_integer))
SIGNED_DIVISORS = st.sampled_from([-7, -3, -2]).map(_integer)
FLOAT_LEAVES = st.one_of(
    st.just(_variable("r")), st.sampled_from([0.1, 0.29, 64.0, 100.0, -2.5, 1 / 3]).map(_float)
)


def _more_integers(inner: st.SearchStrategy[Program], floats: st.SearchStrategy[Program]) -> Any:
    division = _two(_as_written(torch_functions.FloorDiv), lambda x, y: x // y)
    remainder = _two(_as_written(torch_functions.PythonMod), lambda x, y: x % y)
    return st.one_of(
        st.builds(_two(lambda x, y: x + y, lambda x, y: x + y), inner, inner),
        st.builds(_two(lambda x, y: x - y, lambda x, y: x - y), inner, inner),
        st.builds(_two(lambda x, y: x * y, lambda x, y: x * y), inner, inner),
        st.builds(_two(lambda x: x**2, lambda x: x * x), inner),
        st.builds(division, inner, st.one_of(POSITIVE, SIGNED_DIVISORS)),
        st.builds(remainder, inner, st.one_of(POSITIVE, SIGNED_DIVISORS)),
        st.builds(_two(torch_functions.Max, max), inner, inner),
        st.builds(_two(torch_functions.Min, min), inner, inner),
        st.builds(_two(sympy.Abs, abs), inner),
        st.builds(_two(torch_functions.TruncToInt, math.trunc), floats),
        st.builds(_two(torch_functions.RoundToInt, round), floats),
        st.builds(_two(torch_functions.FloorToInt, math.floor), floats),
        st.builds(_two(torch_functions.CeilToInt, math.ceil), floats),
    )


def _more_floats(inner: st.SearchStrategy[Program]) -> Any:
    return st.one_of(
        st.builds(_two(FloatAdd, lambda x, y: x + y), inner, inner),
        st.builds(_two(FloatSub, lambda x, y: x - y), inner, inner),
        st.builds(_two(FloatMul, lambda x, y: x * y), inner, inner),
        st.builds(_two(FloatNeg, lambda x: -x), inner),
        st.builds(
            _two(torch_functions.FloatTrueDiv, lambda x, y: x / y),
            inner,
            st.sampled_from([3.0, -0.7]).map(_float),
        ),
        st.builds(
            _two(torch_functions.OpaqueUnaryFn_sqrt, math.sqrt),
            st.builds(_two(sympy.Abs, abs), inner),
        ),
    )


CONVERTED = st.builds(_two(torch_functions.ToFloat, float), INTEGER_LEAVES)
QUOTIENTS = st.builds(
    _two(_as_written(torch_functions.IntTrueDiv), lambda x, y: x / y), INTEGER_LEAVES, POSITIVE
)
FLOATS = st.recursive(st.one_of(FLOAT_LEAVES, CONVERTED, QUOTIENTS), _more_floats, max_leaves=4)


def _comparison(sides: tuple[Program, Program], index: int) -> Program:
    symbolic = (sympy.Eq, sympy.Ne, sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge)[index]
    python = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")[index]
    left, right = sides
    return Program(
        _as_written(symbolic)(left.expression, right.expression),
        lambda point: getattr(left.run(point), python)(right.run(point)),
    )


def _conditions(integers: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    same_kind = st.one_of(st.tuples(integers, integers), st.tuples(FLOATS, FLOATS))
    comparisons = st.builds(_comparison, same_kind, st.integers(0, 5))
    return st.recursive(
        comparisons,
        lambda inner: st.one_of(
            st.builds(_two(sympy.And, lambda x, y: x and y), inner, inner),
            st.builds(_two(sympy.Or, lambda x, y: x or y), inner, inner),
            st.builds(_two(sympy.Not, lambda x: not x), inner),
        ),
        max_leaves=3,
    )


SIMPLE = st.recursive(INTEGER_LEAVES, lambda inner: _more_integers(inner, FLOATS), max_leaves=5)
CONDITIONS = _conditions(SIMPLE)
INTEGERS = st.one_of(SIMPLE, st.builds(_if, CONDITIONS, SIMPLE, SIMPLE))
