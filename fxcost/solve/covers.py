"""Boxes that together hold every setting, each with a fact that holds nowhere in it: no setting is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxcost.expr.functions import Number
from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.tree import UndecidedError, spread
from fxcost.solve.budget import Budget
from fxcost.solve.facts import Claim, Fact
from fxcost.solve.lattice import Box, Boxes, Lattice, Point

MOST = 200_000
"""A cover of more boxes is given up."""


@dataclass(frozen=True, eq=False)
class Cover:
    """A box of settings, cut into boxes that are each closed by a fact.

    Attributes:
        box: The settings.
        closed: Facts, each with the boxes where it holds nowhere.
    """

    box: Box
    closed: tuple[tuple[Fact, Boxes], ...]

    def __len__(self) -> int:
        return sum(len(boxes) for _, boxes in self.closed)

    @property
    def complete(self) -> bool:
        """Whether the boxes share no setting and leave none: they are cut apart until each is alone."""
        if not self.box.low:
            return len(self) == 1
        low, high = (
            np.array([np.concatenate(ends) for ends in zip(*columns, strict=True)], dtype=object)
            for columns in ([boxes.low for _, boxes in self.closed], [boxes.high for _, boxes in self.closed])
        )
        return _tile(self.box, low, high)


def cover(lattice: Lattice, box: Box, facts: Sequence[Fact], budget: Budget) -> Cover:
    """Return boxes that leave no setting where facts hold.

    Args:
        lattice: The settings.
        box: Where to look.
        facts: What holds together nowhere in the box.
        budget: When to stop.

    Raises:
        UndecidedError: The facts hold at some setting, or bounds do not tell; or it takes too many boxes.
        OutOfBudgetError: The time is over.
    """
    closed: list[tuple[Fact, Boxes]] = []
    boxes, number = Boxes.of(box), 0
    if not box.low:
        return Cover(box, tuple((fact, boxes) for fact in facts if fact.truth(boxes)[1].all())[:1])
    listed = [index for index, values in enumerate(lattice.listed) if values is not None]
    fibre = max(listed, key=lambda index: box.high[index] - box.low[index], default=None)
    while len(boxes):
        budget.left()
        for fact in facts:
            pieces, boxes = _closed(fact, boxes, fibre)
            closed += [(fact, piece) for piece in pieces if len(piece)]
            number += sum(map(len, pieces))
        if number > MOST:
            raise UndecidedError(f"it takes more than {MOST:,} boxes")
        boxes = _halves(lattice, boxes)
    return Cover(box, tuple(closed))


def _closed(fact: Fact, boxes: Boxes, fibre: int | None) -> tuple[list[Boxes], Boxes]:
    """Return boxes, and ends of boxes along the fibre, that a fact closes, and what is left."""
    nowhere = fact.truth(boxes)[1]
    pieces, left = [boxes.take(nowhere)], boxes.take(~nowhere)
    if isinstance(fact, Claim) and fibre is not None and len(left):
        for upper in (True, False):
            piece, left = _end(fact, left, fibre, upper=upper)
            pieces.append(piece)
    return pieces, left


def _end(fact: Fact, boxes: Boxes, fibre: int, *, upper: bool) -> tuple[Boxes, Boxes]:
    """Return the ends of boxes along the fibre that a fact closes, as long as they get, and the rest."""
    low, high = boxes.low[fibre], boxes.high[fibre]
    length, most = np.zeros_like(low), high - low  # the rest keeps one position: it is not closed as a whole
    while (length < most).any():
        middle = np.maximum((length + most + 1) // 2, 1)
        ends = (high - middle + 1, high) if upper else (low, low + middle - 1)
        nowhere = fact.truth(boxes.between(fibre, *ends))[1] & (middle <= most)
        length, most = (
            np.where(nowhere, middle, length),
            np.where(nowhere, most, np.minimum(most, middle - 1)),
        )
    if upper:
        piece, rest = boxes.between(fibre, high - length + 1, high), boxes.between(fibre, low, high - length)
    else:
        piece, rest = boxes.between(fibre, low, low + length - 1), boxes.between(fibre, low + length, high)
    return piece.take(length > 0), rest


def _halves(lattice: Lattice, boxes: Boxes) -> Boxes:
    """Return the halves of boxes, along the hyperparameter whose values differ most in each."""
    if not len(boxes):
        return boxes
    places = [index for index, listed in enumerate(lattice.listed) if listed is not None]
    widths = [np.where(boxes.fixed(index), -1.0, spread(lattice, boxes, index) + 1e-9) for index in places]
    scores = np.array(widths).reshape(len(places), len(boxes))
    if not places or (scores.max(axis=0) < 0).any():
        raise UndecidedError("there is a setting that no fact excludes by its bounds")
    return boxes.halved(places, scores, 1)


def _tile(box: Box, low: Array, high: Array) -> bool:
    """Tell whether boxes, a column each, tile a box: it is cut where no box is, until one is left."""
    if low.shape[1] == 1:
        return tuple(low[:, 0]) == box.low and tuple(high[:, 0]) == box.high
    for index in range(len(low)):
        order = np.argsort(low[index], kind="stable")
        reached = np.maximum.accumulate(high[index][order])
        cuts = np.flatnonzero(low[index][order][1:] > reached[:-1]) + 1
        if not len(cuts):
            continue
        starts = [box.low[index], *low[index][order][cuts]]
        for part, start, end in zip(np.split(order, cuts), starts, [*starts[1:], None], strict=True):
            last = box.high[index] if end is None else end - 1
            inside = Box(_set(box.low, index, start), _set(box.high, index, last))
            if not _tile(inside, low[:, part], high[:, part]):
                return False
        return True
    return False


def _set(point: Point, index: int, value: Number) -> Point:
    return (*point[:index], value, *point[index + 1 :])
