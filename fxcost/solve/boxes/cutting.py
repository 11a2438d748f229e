"""Fibres cut by compiled code: every setting of the other hyperparameters inside of small boxes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from fxcost.expr import Atom, Polynomial
from fxcost.expr.native import machine_code
from fxcost.expr.vectorised import Array
from fxcost.solve.boxes import lines
from fxcost.solve.boxes.lines import Lines, Lookup
from fxcost.solve.factors import LONG, Factor, Tabulated, Variable
from fxcost.solve.lattice import Boxes, Lattice

EXACT = 2**53

MOST_TERMS = 4000
"""Costs of more terms are not compiled: that would take longer than it saves."""


class Cutting:
    """Cuts fibres to where a cost is at most a bound, or above it; compiled when it is first used.

    Args:
        compiled: What is calculated.
        tables: The values of all atoms.
        others: The hyperparameters besides the fibre, the innermost loop's last.
        fibre: The fibre.

    >>> from fxcost.expr import Domain
    >>> from fxcost.solve.factors import factor_of
    >>> from fxcost.space import Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(1, 3), batch=Int(1, 9))))
    >>> width = Polynomial.of_atom(Atom.variable(lattice.domain.symbols["width"]))
    >>> factors = {atom: factor_of(atom, lattice) for atom in width.atoms}
    >>> cutting = Cutting.of([(width, width)], factors, lattice, fibre=1, rises=True)
    >>> cutting.cut(Boxes.of(lattice.whole), 7, None, above=False)
    (array([0, 0, 0]), array([6, 2, 1]))
    """

    def __init__(self, compiled: Lines, tables: Array, others: Sequence[int], fibre: int) -> None:
        self.lines = compiled
        self.tables = tables
        self.others = others
        self.fibre = fibre

    @classmethod
    def of(
        cls,
        parts: Sequence[tuple[Polynomial, Polynomial]],
        factors: Mapping[Atom, Factor],
        lattice: Lattice,
        fibre: int,
        *,
        rises: bool,
    ) -> Cutting | None:
        """Return what cuts fibres by rows; None where positions or values are too many or too large for it.

        Args:
            parts: Start and step of each row's line along the fibre.
            factors: The rows' atoms as functions of positions.
            lattice: The settings.
            fibre: The fibre's place.
            rises: Whether no row falls with any hyperparameter.
        """
        others = [index for index in reversed(range(len(lattice.names))) if index != fibre]
        listed = [lattice.listed[index] for index in others]
        atoms = list(dict.fromkeys(atom for pair in parts for each in pair for atom in each.atoms))
        columns = list(dict.fromkeys(monomial for pair in parts for each in pair for monomial in each.terms))
        tables = [_values(factors[atom], lattice) for atom in atoms]
        known = [table for table in tables if table is not None]
        long = any(values is not None and len(values) >= 2**31 for values in listed)
        if not others or long or len(known) < len(tables) or len(parts) * len(columns) > MOST_TERMS:
            return None
        ends = np.cumsum([0, *(table.size for table in known)]).tolist()
        lookups = []
        for atom, table, offset in zip(atoms, known, ends, strict=False):
            loops = tuple(others.index(index) for index in _axes(factors[atom]))
            strides = tuple(stride // table.itemsize for stride in table.strides)
            lookups.append(Lookup(offset, loops, strides))
        products = tuple(
            tuple(atoms.index(atom) for atom, exponent in monomial for _ in range(exponent))
            for monomial in columns
        )
        start, step = (
            np.array([[pair[side].terms.get(monomial, 0) for monomial in columns] for pair in parts], object)
            for side in (0, 1)
        )
        end = len(lattice.listed[fibre] or ()) - 1
        together = np.concatenate([np.zeros(0), *(table.reshape(-1) for table in known)])
        return cls(
            Lines(len(others), tuple(lookups), products, start, step, end, rises), together, others, fibre
        )

    def cut(
        self, boxes: Boxes, bound: int, ends: tuple[Array, Array] | None, *, above: bool
    ) -> tuple[Array, Array]:
        """Return the first and the last position of fibres, cut to where the cost keeps a bound.

        Args:
            boxes: The boxes.
            bound: What the cost is compared with.
            ends: The ends of each fibre known before, in the order of `Boxes.split_up`, which are written
                over; None for the boxes' own.
            above: Whether the cost is to be above the bound.
        """
        sides = [_positions(side[index]) for index in self.others for side in (boxes.low, boxes.high)]
        counts = np.prod([high - low + 1 for low, high in zip(sides[::2], sides[1::2], strict=True)], axis=0)
        starts, fresh = np.cumsum(counts) - counts, ends is None
        first, last = ends or (np.ones(int(counts.sum()), np.int64), np.zeros(int(counts.sum()), np.int64))
        whole = [_positions(side[self.fibre]) for side in (boxes.low, boxes.high)]
        arrays = [starts, self.tables, first, last, *whole, *sides]
        self._function(len(boxes), above, fresh, float(bound), *(each.ctypes.data for each in arrays))
        return first, last

    @cached_property
    def _function(self) -> Any:
        numbers: list[Any] = [ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_double]
        pointers: list[Any] = [ctypes.c_void_p] * (6 + 2 * len(self.others))
        address = self._engine.get_function_address(lines.NAME)
        return ctypes.CFUNCTYPE(None, *numbers, *pointers)(address)

    @cached_property
    def _engine(self) -> Any:
        """The machine code."""
        return machine_code(lines.text(self.lines))


def _positions(ends: Array) -> Array:
    """Return ends as the compiled code reads them; a `Float` is fixed, and read by no table."""
    if ends.dtype.kind == "f":
        return np.zeros(len(ends), dtype=np.int64)
    return np.ascontiguousarray(ends, dtype=np.int64)


def _axes(factor: Factor) -> tuple[int, ...]:
    return factor.indices if isinstance(factor, Tabulated) else tuple(factor.support)


def _values(factor: Factor, lattice: Lattice) -> Array | None:
    """Return an atom's values as floats; None where they are not listed, or not exact."""
    if isinstance(factor, Variable) and len(lattice.listed[factor.index] or ()) <= LONG:
        values = factor.column
    elif isinstance(factor, Tabulated):
        values = factor.array
    else:
        return None
    if values is None or not values.size or int(abs(values).max()) >= EXACT:
        return None
    return np.ascontiguousarray(values, dtype=np.float64)
