"""What a table of integers shows itself to be: a line, an exact quotient, a sum of two others."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fxcost.expr.grid import Table
from fxcost.expr.vectorised import INT64, Array, extremes


def line_through(x: Array, y: Array) -> tuple[Fraction, Fraction] | None:
    """Return slope and offset where y is an affine function of x, exactly.

    >>> line_through(np.array([2, 4, 8]), np.array([1, 2, 4]))
    (Fraction(1, 2), Fraction(0, 1))
    """
    if x.dtype != np.int64:
        return None
    other = int(np.argmax(x != x[0]))
    if x[other] == x[0]:
        return None
    slope = Fraction(int(y[other]) - int(y[0]), int(x[other]) - int(x[0]))
    offset = int(y[0]) - slope * int(x[0])
    scale, rise, start = slope.denominator, slope.numerator, int(offset * slope.denominator)
    if abs(rise) * _largest(x) + abs(start) + scale * _largest(y) >= INT64:
        return None
    return (slope, offset) if np.array_equal(x * rise + start, y * scale) else None


def floor_of_sum(x: Array, y: Array) -> tuple[int, int, int] | None:
    """Return `k, first, last` where y is `(x + c) // k` for every c from first to last, None if it is not.

    >>> x = np.arange(33, 65)
    >>> floor_of_sum(x, (x - 1) // 4), floor_of_sum(2 * x, x // 2), floor_of_sum(x, x % 4)
    ((4, -1, -1), (4, 0, 1), None)
    """
    if x.dtype != np.int64 or y[-1] <= y[0]:
        return None
    steps = (int(x[-1]) - int(x[0])) // (int(y[-1]) - int(y[0]))
    for k in (steps, steps + 1):
        if k * _largest(y) + _largest(x) >= INT64:
            return None
        smallest, largest = extremes(k * y - x)
        if largest <= smallest + k - 1:
            return k, largest, smallest + k - 1
    return None


def constant_ratio(quotient: Array, divisor: Array, dividend: Array) -> Fraction | None:
    """Return the one ratio `quotient * divisor / dividend`, None where it varies or is 0.

    >>> constant_ratio(np.array([3, 5]), np.array([2, 4]), np.array([6, 20]))
    Fraction(1, 1)
    """
    if divisor.dtype != np.int64 or dividend.dtype != np.int64 or not dividend.all():
        return None
    ratio = Fraction(int(quotient[0]) * int(divisor[0]), int(dividend[0]))
    above = _largest(quotient) * _largest(divisor) * ratio.denominator
    if not ratio or max(above, _largest(dividend) * abs(ratio.numerator)) >= INT64:
        return None
    same = np.array_equal(quotient * divisor * ratio.denominator, dividend * ratio.numerator)
    return ratio if same else None


def is_separable(table: Table) -> bool:
    """Say whether a table of two hyperparameters, all combinations being valid, is a sum `f(x) + g(y)`.

    >>> from fxcost.expr.grid import Grid
    >>> grid = Grid(("x", "y"), (np.arange(3), np.arange(2)), np.ones((3, 2), dtype=bool))
    >>> is_separable(Table(grid, np.array([0, 5, 1, 6, 9, 14]))), is_separable(Table(grid, np.arange(6) ** 2))
    (True, False)
    """
    if not table.grid.valid.all() or 2 * max(abs(table.low), abs(table.high)) >= INT64:
        return False
    full = table.full
    return np.array_equal(full + full[0, 0], full[:, :1] + full[:1, :])


def constant_slices(table: Table, axis: int) -> dict[int, int] | None:
    """Return the one value of each slice that has valid points, by position; None where one has several.

    >>> from fxcost.expr.grid import Grid
    >>> grid = Grid(("x", "y"), (np.arange(3), np.arange(2)), np.array([[1, 1], [1, 0], [0, 0]], dtype=bool))
    >>> constant_slices(Table(grid, np.array([4, 4, 5])), axis=0)
    {0: 4, 1: 5}
    """
    positions = np.nonzero(table.grid.valid)[axis]
    order = np.argsort(positions, kind="stable")
    index, starts = np.unique(positions[order], return_index=True)
    values = table.valid[order]
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    if not np.array_equal(low, high):
        return None
    return dict(zip(index.tolist(), low.tolist(), strict=True))


def _largest(array: Array) -> int:
    return max(map(abs, extremes(array)))
