"""Evaluate many points at once, in a number type that a proven bound allows: compiled, or by NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fxcost.errors import ExpressionError
from fxcost.expr.bounds import extent
from fxcost.expr.compiled import Compiled
from fxcost.expr.evaluation import evaluate_arrays
from fxcost.expr.grid import Table
from fxcost.expr.polynomial import Atom, Monomial, Polynomial
from fxcost.expr.vectorised import FLOAT, INT64, Array, plain

DIRECT = 1 << 20
"""Values within so wide a range are found on an axis by a direct index."""

MANY = 1 << 17
"""From so many points on, compiling pays."""

CHUNK = 8192
"""Points evaluated together: what the second-level cache holds."""


@dataclass(frozen=True)
class Plan:
    """How rows are evaluated: columns are 1, the atoms, then products of two columns before.

    Attributes:
        atoms: Column 1 + i holds atom i.
        products: The two columns whose product each further column holds.
        coefficients: For each row and column, exact.

    >>> import sympy
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x")))
    >>> Plan.of([x**3 + 2 * x])
    Plan(atoms=(Atom(x),), products=((1, 1), (2, 1)), coefficients=((0, 2, 0, 1),))
    """

    atoms: tuple[Atom, ...]
    products: tuple[tuple[int, int], ...]
    coefficients: tuple[tuple[int, ...], ...]

    def __reduce__(self) -> tuple[type[Plan], tuple[Any, ...]]:
        return Plan, (self.atoms, self.products, self.coefficients)  # compiled code stays in its process

    @cached_property
    def compiled(self) -> Compiled:
        """The same, compiled."""
        return Compiled(self)

    def bound(self, sizes: Sequence[int]) -> int:
        """Return what no column and no sum of a row's terms exceeds, given the atoms' magnitudes.

        Nor does a sum whose terms come from several rows, one for each column.
        """
        columns = [1, *(max(1, size) for size in sizes)]
        for left, right in self.products:
            columns.append(columns[left] * columns[right])
        largest = (max(map(abs, line), default=0) for line in zip(*self.coefficients, strict=True))
        return sum(factor * size for factor, size in zip(largest, columns, strict=True))

    @classmethod
    def of(cls, rows: Sequence[Polynomial]) -> Plan:
        """Return the plan of some rows, with products shared between their terms."""
        atoms = tuple(sorted({atom for row in rows for atom in row.atoms}, key=lambda atom: atom.key))
        columns: dict[Monomial, int] = {(): 0}
        columns.update({((atom, 1),): index for index, atom in enumerate(atoms, start=1)})
        products: list[tuple[int, int]] = []
        for monomial in {monomial: None for row in rows for monomial in row.terms}:
            _add_column(monomial, columns, products)
        width = len(columns)
        return cls(atoms, tuple(products), tuple(_coefficients(row, columns, width) for row in rows))


def _add_column(monomial: Monomial, columns: dict[Monomial, int], products: list[tuple[int, int]]) -> int:
    if monomial not in columns:
        atom, exponent = monomial[-1]
        rest = monomial[:-1] + (((atom, exponent - 1),) if exponent > 1 else ())
        left, right = _add_column(rest, columns, products), columns[((atom, 1),)]
        products.append((left, right))
        columns[monomial] = len(columns)
    return columns[monomial]


def _coefficients(row: Polynomial, columns: Mapping[Monomial, int], width: int) -> tuple[int, ...]:
    line = [0] * width
    for monomial, coefficient in row.terms.items():
        line[columns[monomial]] = coefficient
    return tuple(line)


def largest_row(rows: Sequence[Polynomial], plan: Plan, values: Mapping[str, npt.ArrayLike]) -> Array:
    """Return the largest row's exact value at every point, as int64 or, where that is too small, Python ints.

    Args:
        rows: Polynomials.
        plan: The plan of these rows.
        values: For each hyperparameter, encoded values that broadcast against each other.

    Raises:
        ExpressionError: A hyperparameter is missing, or a value is outside its domain.

    >>> import sympy
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x")))
    >>> rows = [x**2, 8 * x]
    >>> largest_row(rows, Plan.of(rows), {"x": [2, 9]})
    array([16, 81])
    """
    arrays = {name: plain(np.asarray(value)) for name, value in values.items()}
    missing = {name for row in rows for name in row.names} - arrays.keys()
    if missing:
        raise ExpressionError(f"no values are given for {', '.join(sorted(missing))}")
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    size = math.prod(shape)
    if size == 0:
        return np.zeros(shape, dtype=np.int64)
    if size >= MANY:
        result = plan.compiled.largest(arrays, shape)
        if result is not None:
            return result
    flat = {name: np.broadcast_to(array, shape).reshape(-1) for name, array in arrays.items()}
    sources = [_source(atom, flat, size) for atom in plan.atoms]
    largest = {atom: source.largest for atom, source in zip(plan.atoms, sources, strict=True)}
    bound = max(extent(row, largest) for row in rows)
    dtype: Any = np.float64 if bound < FLOAT else np.int64 if bound < INT64 else object
    result = np.empty(size, dtype=object if dtype is object else np.int64)
    _fill(result, plan, [source.cast(dtype) for source in sources], flat, dtype)
    return result.reshape(shape)


@dataclass(frozen=True, eq=False)
class _Listed:
    """An atom's values, one for each point."""

    values: Array
    largest: int

    def cast(self, dtype: Any) -> _Listed:
        return self if dtype is np.float64 else _Listed(self.values.astype(dtype), self.largest)

    def chunk(self, start: int, stop: int, positions: _Positions) -> Array:  # noqa: ARG002
        return self.values[start:stop]


@dataclass(frozen=True, eq=False)
class _Looked:
    """An atom's values, looked up in its table."""

    table: Table
    values: Array

    @property
    def largest(self) -> int:
        return max(-self.table.low, self.table.high)

    def cast(self, dtype: Any) -> _Looked:
        return _Looked(self.table, self.values.astype(dtype))

    def chunk(self, start: int, stop: int, positions: _Positions) -> Array:
        grid = self.table.grid
        position: Any = 0
        for name, axis in zip(grid.names, grid.axes, strict=True):
            position = position * len(axis) + positions.of(name, axis, start, stop)
        return np.asarray(self.values[position])


def _source(atom: Atom, arrays: Mapping[str, Array], size: int) -> _Listed | _Looked:
    if atom.table is not None:
        return _Looked(atom.table, atom.table.full.reshape(-1))
    values = np.broadcast_to(evaluate_arrays(atom.expression, arrays), size)
    if values.dtype == np.float64:
        raise ExpressionError(f"{atom.expression} is no integer")
    return _Listed(values, max(-int(values.min()), int(values.max())))


class _Positions:
    """Where hyperparameters' values stand on their axes, found once per chunk."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self.finders: dict[str, Callable[[Array], Array]] = {}
        self.known: dict[str, tuple[int, Array]] = {}

    def of(self, name: str, axis: Array, start: int, stop: int) -> Array:
        if name not in self.known or self.known[name][0] != start:
            find = self.finders.setdefault(name, _finder(name, axis, self.arrays[name].dtype))
            self.known[name] = start, find(self.arrays[name][start:stop])
        return self.known[name][1]


def _finder(name: str, axis: Array, dtype: Any) -> Callable[[Array], Array]:
    """Return what finds values on an axis, and refuses others."""
    width = int(axis[-1]) - int(axis[0]) + 1
    if not axis.dtype == dtype == np.int64 or width > DIRECT:
        return lambda values: _searched(name, axis, values)
    low, high = int(axis[0]), int(axis[-1])
    index = np.full(width, -1, dtype=np.int64)
    index[axis - low] = np.arange(len(axis))

    def find(values: Array) -> Array:
        if values.min() < low or values.max() > high:
            return _searched(name, axis, values)
        positions: Array = index[values - low]
        return positions if positions.min() >= 0 else _searched(name, axis, values)

    return find


def _searched(name: str, axis: Array, values: Array) -> Array:
    positions: Array = np.minimum(np.searchsorted(axis, values), len(axis) - 1)
    wrong = axis[positions] != values
    if wrong.any():
        raise ExpressionError(f"{name}={values[wrong][0]} is outside its domain")
    return positions


def _fill(
    result: Array, plan: Plan, sources: Sequence[_Listed | _Looked], arrays: Mapping[str, Array], dtype: Any
) -> None:
    coefficients = np.array(plan.coefficients, dtype=dtype)
    first = 1 + len(sources)
    work = np.ones((first + len(plan.products), CHUNK), dtype=dtype)
    positions = _Positions(arrays)
    for start in range(0, len(result), CHUNK):
        stop = min(start + CHUNK, len(result))
        chunk = work[:, : stop - start]
        for index, source in enumerate(sources, start=1):
            chunk[index] = source.chunk(start, stop, positions)
        for index, (left, right) in enumerate(plan.products, start=first):
            np.multiply(chunk[left], chunk[right], out=chunk[index])
        result[start:stop] = np.max(_rows(coefficients, chunk), axis=0)


def _rows(coefficients: Array, columns: Array) -> Array:
    """Return every row's values: by BLAS for floats, term by term for integers."""
    if columns.dtype == np.float64:
        return coefficients @ columns
    rows = np.zeros((len(coefficients), columns.shape[1]), dtype=columns.dtype)
    for row, column in zip(*np.nonzero(coefficients), strict=True):
        rows[row] += coefficients[row, column] * columns[column]
    return rows
