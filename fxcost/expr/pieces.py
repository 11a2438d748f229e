"""Tables as Z3 terms: affine pieces under balanced Ifs, one for each run of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from fxcost.expr.grid import Table
from fxcost.expr.terms import Term
from fxcost.expr.vectorised import Array


@dataclass(frozen=True, slots=True)
class Piece:
    """`slope * index + offset` from index `start` on, up to the next piece."""

    start: int
    slope: Fraction
    offset: Fraction


def affine_pieces(positions: Sequence[int], values: Sequence[int | Fraction]) -> list[Piece]:
    """Split a sequence of values into runs that are affine in the position; gaps belong to the run before.

    >>> [(piece.start, int(piece.slope)) for piece in affine_pieces(range(6), [0, 2, 4, 7, 7, 7])]
    [(0, 2), (3, 0)]
    """
    pieces: list[Piece] = []
    at, end = 0, len(positions)
    while at < end:
        start = at
        slope = Fraction(0)
        if at + 1 < end:
            slope = Fraction(values[at + 1] - values[at], positions[at + 1] - positions[at])
        offset = values[start] - slope * positions[start]
        while at < end and values[at] == slope * positions[at] + offset:
            at += 1
        if at - start == 1:
            slope, offset = Fraction(0), Fraction(values[start])
        pieces.append(Piece(positions[start], slope, offset))
    return pieces


def balanced(index: Term, starts: Sequence[int], terms: Sequence[Term]) -> Term:
    """Return the term whose start is the last one not above the index, as a balanced tree of Ifs.

    >>> x = z3.Int("x")
    >>> balanced(x, [0, 3], [z3.IntVal(7), z3.IntVal(8)])
    If(x < 3, 7, 8)
    """
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    low = balanced(index, starts[:middle], terms[:middle])
    high = balanced(index, starts[middle:], terms[middle:])
    return low if low.eq(high) else z3.If(index < starts[middle], low, high)


def line_term(index: Term, positions: Sequence[int], values: Sequence[int | Fraction]) -> tuple[Term, int]:
    """Return the term of a univariate table and its number of pieces.

    >>> line_term(z3.Int("i"), range(4), [0, 2, 4, 9])
    (If(i < 3, 2*i, 9), 2)
    """
    pieces = affine_pieces(positions, values)
    lines = [affine(index, piece.slope, piece.offset) for piece in pieces]
    if any(line.is_real() for line in lines):
        lines = [z3.ToReal(line) if line.is_int() else line for line in lines]
    return balanced(index, [piece.start for piece in pieces], lines), len(pieces)


def affine(index: Term, slope: Fraction, offset: Fraction) -> Term:
    """Return `slope * index + offset`, an Int where both are whole.

    >>> affine(z3.Int("i"), Fraction(64), Fraction(128))
    64*i + 128
    """
    if slope.denominator == offset.denominator == 1:
        line = index if slope == 1 else int(slope) * index
        return (line + int(offset) if offset else line) if slope else z3.IntVal(int(offset))
    constant = z3.Q(offset.numerator, offset.denominator)
    return constant + z3.Q(slope.numerator, slope.denominator) * z3.ToReal(index) if slope else constant


def table_term(table: Table, indices: Mapping[str, Term], limit: int) -> Term | None:
    """Return a table of one or two hyperparameters as a term in their positions; None past so many pieces.

    Where a combination is not valid the term may have any value.

    >>> from fxcost.expr.grid import Grid
    >>> grid = Grid(("x",), (np.array([1, 2, 4]),), np.array([True, True, True]))
    >>> table_term(Table(grid, np.array([5, 7, 9])), {"x": z3.Int("i")}, limit=9)
    2*i + 5
    """
    grid = table.grid
    if not 1 <= len(grid.names) <= 2:
        return None
    inner, outer = _ordered(table)
    if outer is None:
        positions = np.flatnonzero(grid.valid)
        term, count = line_term(indices[inner], _ints(positions), _ints(table.valid))
        return term if count <= limit else None
    return _two_axes(table, indices, inner, outer, limit)


def _ordered(table: Table) -> tuple[str, str | None]:
    """Return the hyperparameter with most values, and the other one."""
    names = sorted(zip((-len(axis) for axis in table.grid.axes), table.grid.names, strict=True))
    return names[0][1], names[1][1] if len(names) > 1 else None


def _two_axes(table: Table, indices: Mapping[str, Term], inner: str, outer: str, limit: int) -> Term | None:
    flip: Callable[[Array], Array] = (
        (lambda array: array.T) if table.grid.names[0] == inner else (lambda array: array)
    )
    valid, full = flip(table.grid.valid), flip(table.full)
    starts: list[int] = []
    terms: list[Term] = []
    total = 0
    for position in np.flatnonzero(valid.any(axis=1)):
        inside = np.flatnonzero(valid[position])
        term, count = line_term(indices[inner], _ints(inside), _ints(full[position][inside]))
        total += count
        if total > limit:
            return None
        starts.append(int(position))
        terms.append(term)
    return balanced(indices[outer], starts, terms)


def _ints(array: Any) -> list[int]:
    return [int(value) for value in array]
