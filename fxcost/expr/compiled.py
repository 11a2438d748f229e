"""Evaluate very many points: a plan compiled by LLVM, in the number type that a bound allows.

Compiled code is kept in memory with its plan, never written to a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fxcost.expr import llvm
from fxcost.expr.bounds import atom_interval
from fxcost.expr.evaluation import evaluate_arrays
from fxcost.expr.native import Native
from fxcost.expr.vectorised import FLOAT, INT64, Array, extremes, narrow

if TYPE_CHECKING:
    from fxcost.expr.kernel import Plan

MOST_TERMS = 4000
"""Plans of more terms are not compiled: that would take longer than it saves."""

MOST_VALUES = 1 << 20
"""Nor are those whose axes or tables have more values."""


class Compiled:
    """A plan's loops, compiled when they are first needed.

    Args:
        plan: How rows are evaluated.

    >>> import sympy
    >>> from fxcost.expr.kernel import Plan
    >>> from fxcost.expr.polynomial import Atom, Polynomial
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x"), 1, 9))
    >>> compiled = Compiled(Plan.of([x**2, 8 * x]))
    >>> compiled.largest({"x": np.array([2, 9])}, (2,))
    array([16, 81])
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tables = [atom.table for atom in plan.atoms if atom.table is not None]
        grids = [table.grid for table in self.tables]
        self.axes = {
            name: _Axis.of(axis) for grid in grids for name, axis in zip(grid.names, grid.axes, strict=True)
        }
        self.listed = [atom for atom in plan.atoms if atom.table is None]
        self.coefficients = narrow(np.array(plan.coefficients, dtype=object))

    @property
    def possible(self) -> bool:
        """Whether compiling pays, and numbers are small enough for it."""
        values = sum(table.full.size for table in self.tables) + sum(
            len(axis.values) for axis in self.axes.values()
        )
        terms = int(np.count_nonzero(self.coefficients)) + len(self.plan.products)
        return self.coefficients.dtype == np.int64 and terms <= MOST_TERMS and values <= MOST_VALUES

    def largest(self, values: Mapping[str, Array], shape: tuple[int, ...]) -> Array | None:
        """Return the largest row's exact value at every point; None where the slow way must be taken.

        That is where a number could pass 2^63, or a value is no int64 or outside its domain.

        Args:
            values: For each hyperparameter, encoded values that broadcast to the shape.
            shape: The shape of what is returned.
        """
        listed = [evaluate_arrays(atom.expression, values) for atom in self.listed] if self.possible else []
        looked_up = [axis.integers(values[name]) for name, axis in self.axes.items()]
        inputs = [array for array in [*looked_up, *listed] if array is not None and array.dtype == np.int64]
        if not self.possible or len(inputs) < len(looked_up) + len(listed):
            return None
        result = np.empty(shape, dtype=np.int64)
        for ranges in self._ranges(listed):
            native = self._native(ranges)
            limits = [*((axis.low, axis.high) for axis in self.axes.values()), *ranges]
            if native is not None and native.run(result, inputs, limits):
                return result
        return None

    def _ranges(self, listed: list[Array]) -> Iterator[list[tuple[int, int]]]:
        """Yield what the values of atoms that are no tables lie between: as declared, then as they are."""
        declared = [atom_interval(atom) for atom in self.listed]
        if not any(None in each for each in declared):
            yield declared  # type: ignore[misc]
        yield [extremes(array) for array in listed]

    def _native(self, ranges: list[tuple[int, int]]) -> Native | None:
        """Return the loop in the fastest number type that holds all values, sums and products."""
        bound = self._bound(iter(ranges))
        return self._floats if bound < FLOAT else self._integers if bound < INT64 else None

    def _bound(self, ranges: Iterator[tuple[int, int]]) -> int:
        """Return what no number exceeds that is calculated on the way from one row to another.

        That is a row, or a sum of terms whose coefficients are differences between those of two rows.
        """
        limits = [
            next(ranges) if atom.table is None else (atom.table.low, atom.table.high)
            for atom in self.plan.atoms
        ]
        return 2 * self.plan.bound([max(-low, high) for low, high in limits])

    @cached_property
    def _floats(self) -> Native:
        return self._compiled(llvm.FLOATS)

    @cached_property
    def _integers(self) -> Native:
        return self._compiled(llvm.INTEGERS)

    def _compiled(self, arithmetic: llvm.Arithmetic) -> Native:
        names, offset, column = list(self.axes), 0, len(self.axes)
        sources: list[llvm.Gather | int] = []
        for atom in self.plan.atoms:
            if atom.table is None:
                sources.append(column)
                column += 1
                continue
            grid = atom.table.grid
            places = tuple(names.index(name) for name in grid.names)
            sources.append(llvm.Gather(offset, places, grid.valid.shape))
            offset += grid.valid.size
        lookups = tuple(llvm.Lookup(axis.shift, axis.index is not None) for axis in self.axes.values())
        loop = llvm.Loop(lookups, tuple(sources), self.plan.products, self.coefficients)
        indices = [axis.index for axis in self.axes.values() if axis.index is not None]
        tables = np.concatenate(
            [np.zeros(0, dtype=np.int64), *(table.full.reshape(-1) for table in self.tables)]
        )
        return Native(loop, arithmetic, [tables, *indices])


@dataclass(frozen=True, eq=False)
class _Axis:
    """Where integers stand on an axis: at `index[(value - low) >> shift]`; without an index, there.

    Attributes:
        values: All values, ascending.
        positional: Whether its integers are positions, as values are no int64 or spread too wide.
        low: The first integer.
        high: The last integer.
        shift: How many last bits of `value - low` are 0.
        index: Positions, -1 for none; None where there are no gaps.
    """

    values: Array
    positional: bool
    low: int
    high: int
    shift: int
    index: Array | None

    @classmethod
    def of(cls, values: Array) -> _Axis:
        positional = values.dtype != np.int64 or int(values[-1]) - int(values[0]) >= MOST_VALUES
        integers = np.arange(len(values)) if positional else values
        low, high = int(integers[0]), int(integers[-1])
        step = int(np.gcd.reduce(integers - low))
        shift = (step & -step).bit_length() - 1 if step else 0
        places = (integers - low) >> shift
        if len(places) == int(places[-1]) + 1:
            return cls(values, positional, low, high, shift, None)
        index = np.full(int(places[-1]) + 1, -1)
        index[places] = np.arange(len(places))
        return cls(values, positional, low, high, shift, index)

    def integers(self, values: Array) -> Array | None:
        """Return the integers that stand for some values, None where one is not on the axis."""
        if not self.positional and values.dtype == np.int64:
            return values
        positions = np.asarray(np.minimum(np.searchsorted(self.values, values), len(self.values) - 1))
        if not np.all(self.values[positions] == values):
            return None
        return positions if self.positional else np.asarray(self.values[positions])
