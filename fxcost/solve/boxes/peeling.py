"""Cuts the first positions off a box at which costs do not rise as they do everywhere else.

A network of one block lacks what those of more blocks have between two: from the second depth on, all rows of
a peak rise with everything, and their bounds are exact at the corners of boxes.
"""

from __future__ import annotations

from collections.abc import Sequence

from fxcost.solve.costs import Cost
from fxcost.solve.lattice import Box

MOST = 4
"""So many times a first position is cut off."""


def peeled(box: Box, costs: Sequence[Cost]) -> list[Box]:
    """Return a box in parts, in the last of which it is known of most polynomials how they change.

    >>> from fxcost.expr import Atom, Domain, Expression, Polynomial
    >>> from fxcost.solve.lattice import Lattice
    >>> from fxcost.space import Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(8, 64), depth=Int(1, 12))))
    >>> width, depth = (Polynomial.of_atom(Atom.variable(each)) for each in lattice.domain.symbols.values())
    >>> cost = Cost(Expression.of(2 * width * depth - 3 * width), None, lattice)
    >>> peeled(lattice.whole, [cost])
    [Box(low=(0, 0), high=(56, 0)), Box(low=(0, 1), high=(56, 11))]
    """
    parts: list[Box] = []
    unknown = _unknown(box, costs)
    while unknown and len(parts) < MOST:
        open_ = [index for index, (low, high) in enumerate(zip(box.low, box.high, strict=True)) if low < high]
        left = {index: _unknown(_split(box, index)[1], costs) for index in open_ if _is_listed(box, index)}
        best = min(left, key=left.__getitem__, default=None)
        if best is None or left[best] >= unknown:
            break
        first, box = _split(box, best)
        parts.append(first)
        unknown = left[best]
    return [*parts, box]


def _is_listed(box: Box, index: int) -> bool:
    return isinstance(box.low[index], int)


def _split(box: Box, index: int) -> tuple[Box, Box]:
    """Return the first position of one hyperparameter, and the others."""
    first = int(box.low[index])
    high = (*box.high[:index], first, *box.high[index + 1 :])
    low = (*box.low[:index], first + 1, *box.low[index + 1 :])
    return Box(box.low, high), Box(low, box.high)


def _unknown(box: Box, costs: Sequence[Cost]) -> int:
    """Return how many times it is not known how a polynomial changes with a hyperparameter."""
    return sum(signature.count(None) for cost in costs for signature in cost.within(box).signatures)
