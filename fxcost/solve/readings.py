"""What the costs are at a setting, next to what was asked of them."""

from __future__ import annotations

from fractions import Fraction

from fxcost.solve.cells import Cell
from fxcost.solve.effort import Reading
from fxcost.solve.lattice import Point
from fxcost.solve.limits import Comparison, Limit


def readings(limit: Limit, cell: Cell, point: Point) -> tuple[Reading, ...]:
    """Return the value of every quantity that a limit compares, at a point of a cell."""
    return tuple(_reading(comparison, cell, point) for comparison in limit.comparisons)


def _reading(comparison: Comparison, cell: Cell, point: Point) -> Reading:
    bound = comparison.bound
    return Reading(
        name=comparison.quantity.name,
        unit=comparison.quantity.unit,
        value=cell.value(comparison.quantity, point),
        relation=comparison.relation,
        bound=bound if isinstance(bound, int | Fraction) else cell.value(bound, point),
        written=comparison.written,
        holds=comparison.compare(lambda quantity: cell.value(quantity, point)),
        binding=cell.binding(comparison.quantity, point),
    )
