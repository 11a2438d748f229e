"""Random small factories with several paths, and what plain Python says they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv, Max, PythonMod, ToFloat, TruncToInt

from fxcost.expr import Domain, FloatMul
from fxcost.space import Choice, Int, Space
from fxcost.units import Unit
from tests.solve.standins import NOWHERE, Cost, Path, Paths

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Formula:
    """An integer or a condition, in SymPy and as a Python function of encoded values."""

    symbolic: Callable[[Mapping[str, sympy.Symbol]], sympy.Basic]
    python: Callable[[Values], Any]


def name(which: str) -> Formula:
    return Formula(lambda symbols: symbols[which], lambda values: values[which])


def number(value: int) -> Formula:
    return Formula(lambda symbols: sympy.Integer(value), lambda values: value)


def pair(symbolic: Callable[..., Any], python: Callable[..., Any], *parts: Formula) -> Formula:
    return Formula(
        lambda symbols: symbolic(*(part.symbolic(symbols) for part in parts)),
        lambda values: python(*(part.python(values) for part in parts)),
    )


def share(factor: float, part: Formula) -> Formula:
    written = sympy.Float(factor)
    return pair(lambda x: TruncToInt(FloatMul(written, ToFloat(x))), lambda x: int(factor * float(x)), part)


NAMES = ["a", "b", "c", "act"]

spaces = st.builds(
    lambda low, count, step, b, options, acts, condition: Space(
        a=Int(low, low + count * step, step=step), b=Int(1, b), c=Choice(*options), act=Choice(*acts)
    ).where(*condition),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 6),
    st.sampled_from([(1, 2), (3, 1, 2), (8, 2), (5,)]),
    st.sampled_from([("relu", "gelu"), (False, True), (None, "x", 3.5)]),
    st.sampled_from([(), ("a % b == 0",), ("a + b <= 9",), ("a % c == 0 or b > 2", "a * b < 40")]),
)

atoms = st.one_of(st.sampled_from(NAMES).map(name), st.integers(1, 9).map(number))
positive = st.one_of(st.sampled_from(["a", "b", "c"]).map(name), st.integers(1, 4).map(number))


def grow(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    return st.one_of(
        st.builds(lambda x, y: pair(lambda p, q: p + q, lambda p, q: p + q, x, y), inner, inner),
        st.builds(lambda x, y: pair(lambda p, q: p * q, lambda p, q: p * q, x, y), inner, inner),
        st.builds(lambda x, y: pair(lambda p, q: p * q, lambda p, q: p * q, x, y), inner, inner),
        st.builds(lambda x, y: pair(lambda p, q: p - q, lambda p, q: p - q, x, y), inner, inner),
        st.builds(lambda x, y: pair(FloorDiv, lambda p, q: p // q, x, y), inner, positive),
        st.builds(lambda x, y: pair(PythonMod, lambda p, q: p % q, x, y), inner, positive),
        st.builds(lambda x, y: pair(Max, max, x, y), inner, inner),
        st.builds(share, st.sampled_from([0.29, 0.5, 1.1]), inner),
    )


integers = st.recursive(atoms, grow, max_leaves=6)


def at_most(left: Formula, right: Formula) -> Formula:
    return pair(lambda p, q: p <= q, lambda p, q: p <= q, left, right)


def divides(left: Formula, right: Formula) -> Formula:
    return pair(lambda p, q: sympy.Eq(p % q, 0), lambda p, q: p % q == 0, left, right)


def less_in_floats(part: Formula, bound: float) -> Formula:
    tenth = sympy.Float(0.1)
    return pair(lambda p: FloatMul(tenth, ToFloat(p)) < bound, lambda p: 0.1 * float(p) < bound, part)


conditions = st.one_of(
    st.builds(at_most, integers, integers),
    st.builds(divides, atoms, positive),
    st.builds(less_in_floats, integers, st.sampled_from([0.3, 0.6, 1.2])),
)


@dataclass(frozen=True)
class Factory:
    """A random factory.

    Attributes:
        space: Its hyperparameters.
        splits: Conditions that divide it into paths.
        rows: For each path the rows of both quantities; None where it refuses.
        known: How many paths are known to begin with.
    """

    space: Space
    splits: tuple[Formula, ...]
    rows: tuple[tuple[tuple[Formula, ...], tuple[Formula, ...]] | None, ...]
    known: int

    def costs(self) -> tuple[Cost, Cost]:
        domain = Domain(self.space)
        paths = [self._path(index, domain) for index in range(len(self.rows))]
        regions = Paths(self.space, domain, paths, paths[: self.known])
        return Cost("memory", Unit.COUNT, regions), Cost("size", Unit.COUNT, regions)

    def _path(self, index: int, domain: Domain) -> Path:
        held = [
            split.symbolic(domain.symbols) if index >> bit & 1 else sympy.Not(split.symbolic(domain.symbols))
            for bit, split in enumerate(self.splits)
        ]
        rows = self.rows[index]
        hint = next(iter(self.space), NOWHERE)
        if rows is None:
            return Path(tuple(held), refusal="ValueError: no", hint=hint)
        written = [[row.symbolic(domain.symbols) for row in quantity] for quantity in rows]
        return Path(tuple(held), {"memory": written[0], "size": written[1]}, hint=hint)

    def settings(self, space: Space) -> dict[Any, tuple[int, int]]:
        """Return memory and size at every valid setting, by plain Python."""
        domain = Domain(self.space)
        found = {}
        for config in space:
            values = domain.encode(config)
            index = sum(bool(split.python(values)) << bit for bit, split in enumerate(self.splits))
            rows = self.rows[index]
            if rows is not None:
                found[config] = tuple(max(row.python(values) for row in quantity) for quantity in rows)
        return found


rows = st.lists(integers, min_size=1, max_size=3).map(tuple)


paths = st.one_of(st.tuples(rows, rows), st.tuples(rows, rows), st.none())


@st.composite
def factories(draw: st.DrawFn) -> Factory:
    splits = tuple(draw(st.lists(conditions, max_size=2)))
    count = 2 ** len(splits)
    written = tuple(draw(paths) for _ in range(count))
    return Factory(draw(spaces), splits, written, draw(st.integers(0, count)))
