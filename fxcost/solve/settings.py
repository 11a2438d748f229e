"""Many settings, kept as arrays of positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from fxcost.expr.vectorised import Array
from fxcost.solve.lattice import Boxes, Lattice
from fxcost.space import Config


@dataclass(frozen=True, eq=False)
class Settings(Sequence[Config]):
    """Settings in an order.

    Attributes:
        lattice: The settings of the whole space.
        positions: For each hyperparameter, its position in each setting.

    >>> from fxcost.expr import Domain
    >>> from fxcost.space import Choice, Int, Space
    >>> lattice = Lattice(Domain(Space(width=Int(64, 256, step=64), act=Choice("relu", "gelu"))))
    >>> settings = Settings(lattice, (np.array([0, 3]), np.array([1, 0])))
    >>> list(settings)
    [Config(width=64, act='gelu'), Config(width=256, act='relu')]
    >>> settings.arrays["width"]
    array([ 64, 256])
    """

    lattice: Lattice
    positions: tuple[Array, ...]

    @property
    def arrays(self) -> Mapping[str, Array]:
        """The values of each hyperparameter, as `Quantity.many` takes them."""
        return {name: self._decoded(index, name) for index, name in enumerate(self.lattice.names)}

    def _decoded(self, index: int, name: str) -> Array:
        values = self.lattice.values_of(index, self.positions[index])
        options = self.lattice.domain.axes[name].options
        if options is None:
            return values
        table = np.empty(len(options), dtype=object)
        table[:] = options
        decoded: Array = table[values]
        return decoded

    def __len__(self) -> int:
        return len(self.positions[0])

    @overload
    def __getitem__(self, place: int) -> Config: ...
    @overload
    def __getitem__(self, place: slice) -> Settings: ...
    def __getitem__(self, place: int | slice) -> Config | Settings:
        if isinstance(place, slice):
            return Settings(self.lattice, tuple(each[place] for each in self.positions))
        return self.lattice.config(tuple(each.item(place) for each in self.positions))

    def __iter__(self) -> Iterator[Config]:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        return f"Settings({len(self):,} of {self.lattice.domain.space})"


def ranked(boxes: Boxes, ranks: Array) -> tuple[Array, ...]:
    """Return the points of boxes at ranks, counted box by box: an array for each hyperparameter.

    >>> boxes = Boxes((np.array([0, 5]), np.array([3, 0])), (np.array([1, 5]), np.array([4, 2])))
    >>> ranked(boxes, np.array([0, 3, 5]))
    (array([0, 1, 5]), array([3, 4, 1]))
    """
    ends = np.cumsum(boxes.sizes())
    place = np.searchsorted(ends, ranks, side="right")
    rest = ranks - np.where(place > 0, ends[place - 1], 0)
    rows: list[Array] = []
    for low, high in zip(reversed(boxes.low), reversed(boxes.high), strict=True):
        lengths = high - low + 1
        if (lengths == 1).all():
            rows.append(low[place])
            continue
        length = lengths[place]
        rows.append((low[place] + rest % length).astype(low.dtype))
        rest = rest // length
    return tuple(reversed(rows))
