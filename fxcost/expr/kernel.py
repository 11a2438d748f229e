"""Evaluate many points at once: NumPy over chunks, in a number type that a proven bound allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fxcost.errors import ExpressionError
from fxcost.expr.bounds import extent
from fxcost.expr.evaluate import evaluate_arrays
from fxcost.expr.grid import Table
from fxcost.expr.polynomial import Atom, Monomial, Polynomial
from fxcost.expr.vectorised import FLOAT, INT64, Array

CHUNK = 4096
"""Points evaluated together: what the second-level cache holds."""


@dataclass(frozen=True)
class Plan:
    """How rows are evaluated: columns are 1, the atoms, then products of two columns before.

    Attributes:
        atoms: Column 1 + i holds atom i.
        products: The two columns whose product each further column holds.
        coefficients: For each row and column, exact.
    """

    atoms: tuple[Atom, ...]
    products: tuple[tuple[int, int], ...]
    coefficients: tuple[tuple[int, ...], ...]

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
    """
    arrays = {name: np.asarray(value) for name, value in values.items()}
    missing = {name for row in rows for name in row.names} - arrays.keys()
    if missing:
        raise ExpressionError(f"no values are given for {', '.join(sorted(missing))}")
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    flat = {name: np.broadcast_to(array, shape).reshape(-1) for name, array in arrays.items()}
    size = int(np.prod(shape, dtype=np.int64))
    if size == 0:
        return np.zeros(shape, dtype=np.int64)
    columns = [_Column.of(atom, flat) for atom in plan.atoms]
    largest = {atom: column.largest for atom, column in zip(plan.atoms, columns, strict=True)}
    bound = max(extent(row, largest) for row in rows)
    dtype: Any = np.float64 if bound < FLOAT else np.int64 if bound < INT64 else object
    result = np.empty(size, dtype=object if dtype is object else np.int64)
    _fill(result, plan, [column.cast(dtype) for column in columns], dtype)
    return result.reshape(shape)


@dataclass(frozen=True, eq=False)
class _Column:
    """An atom's values: itself an array, or a table and where in it to look."""

    values: Array
    positions: Array | None
    largest: int

    @classmethod
    def of(cls, atom: Atom, arrays: Mapping[str, Array]) -> _Column:
        if atom.table is not None:
            table = atom.table
            return cls(table.full.reshape(-1), _positions(table, arrays), max(-table.low, table.high))
        values = evaluate_arrays(atom.expression, arrays)
        if values.dtype == np.float64:
            raise ExpressionError(f"{atom.expression} is no integer")
        values = np.broadcast_to(values, next(iter(arrays.values())).shape)
        return cls(values, None, max(-int(values.min()), int(values.max())))

    def cast(self, dtype: Any) -> _Column:
        if self.positions is None and dtype is np.float64:
            return self
        return _Column(self.values.astype(dtype), self.positions, self.largest)

    def chunk(self, start: int, stop: int) -> Array:
        if self.positions is None:
            return self.values[start:stop]
        return self.values[self.positions[start:stop]]


def _positions(table: Table, arrays: Mapping[str, Array]) -> Array:
    position: Any = 0
    for name, axis in zip(table.grid.names, table.grid.axes, strict=True):
        position = position * len(axis) + _position(name, axis, arrays[name])
    return np.asarray(position)


def _position(name: str, axis: Array, values: Array) -> Array:
    """Return where values stand on an axis."""
    step = int(axis[1] - axis[0]) if len(axis) > 1 and axis.dtype == np.int64 else 0
    regular = step > 0 and values.dtype == np.int64 and bool(np.all(np.diff(axis) == step))
    position: Array = np.searchsorted(axis, values) if not regular else (values - axis[0]) // step
    inside = (position >= 0) & (position < len(axis))
    wrong = ~inside | (axis[np.where(inside, position, 0)] != values)
    if wrong.any():
        raise ExpressionError(f"{name}={values[wrong][0]} is outside its domain")
    return position


def _fill(result: Array, plan: Plan, columns: list[_Column], dtype: Any) -> None:
    coefficients = np.array(plan.coefficients, dtype=dtype)
    first = 1 + len(columns)
    work = np.ones((first + len(plan.products), CHUNK), dtype=dtype)
    for start in range(0, len(result), CHUNK):
        stop = min(start + CHUNK, len(result))
        chunk = work[:, : stop - start]
        for index, column in enumerate(columns, start=1):
            chunk[index] = column.chunk(start, stop)
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
