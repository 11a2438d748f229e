"""The settings of a space as points of a box: one position per hyperparameter.

A position counts the ascending values of a hyperparameter from 0; for a `Float` it is the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from fxcost.errors import DeclarationError
from fxcost.expr import Axis, Domain
from fxcost.expr.functions import Number
from fxcost.space import Config, Space

Point: TypeAlias = "tuple[Number, ...]"
"""A position for each hyperparameter, in the order of the space."""


@dataclass(frozen=True, slots=True)
class Box:
    """All points between two corners, both included."""

    low: Point
    high: Point

    @classmethod
    def at(cls, point: Point) -> Box:
        """Return the box of one point."""
        return cls(point, point)

    def fixed(self, index: int) -> bool:
        """Say whether one hyperparameter has a single position."""
        return self.low[index] == self.high[index]

    def replace(self, index: int, low: Number, high: Number) -> Box:
        """Return the box with other ends for one hyperparameter."""
        lows = (*self.low[:index], low, *self.low[index + 1 :])
        return Box(lows, (*self.high[:index], high, *self.high[index + 1 :]))


@dataclass(frozen=True)
class Lattice:
    """A domain's settings as points.

    >>> from fxcost.space import Choice, Int
    >>> space = Space(width=Int(64, 256, step=64), heads=Choice(16, 4, 8))
    >>> lattice = Lattice(Domain(space))
    >>> lattice.config((1, 0))
    Config(width=128, heads=4)
    >>> lattice.box(space.restrict(width=(100, 200), heads=8))
    Box(low=(1, 1), high=(2, 1))
    """

    domain: Domain

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The hyperparameters' axes, in the order of the space."""
        return tuple(self.domain.axes.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters, in the order of the space."""
        return tuple(self.domain.axes)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Each hyperparameter's place in a point."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def listed(self) -> tuple[Sequence[Number] | None, ...]:
        """Each hyperparameter's values, ascending; None for a `Float`."""
        return tuple(
            sorted(axis.listed) if isinstance(axis.listed, tuple) else axis.listed for axis in self.axes
        )

    @cached_property
    def whole(self) -> Box:
        """All points."""
        ends = [
            (axis.low, axis.high) if listed is None else (0, len(listed) - 1)
            for axis, listed in zip(self.axes, self.listed, strict=True)
        ]
        return Box(tuple(low for low, _ in ends), tuple(high for _, high in ends))

    def values(self, point: Point) -> dict[str, Number]:
        """Return the encoded values at a point."""
        return {
            name: position if listed is None else listed[int(position)]
            for name, position, listed in zip(self.names, point, self.listed, strict=True)
        }

    def config(self, point: Point) -> Config:
        """Return the configuration at a point."""
        return self.domain.decode(self.values(point))

    def point(self, config: Mapping[str, object]) -> Point:
        """Return a configuration's point."""
        return self._point(self.domain.encode(config))

    def _point(self, values: Mapping[str, Number]) -> Point:
        return tuple(
            values[name] if listed is None else listed.index(values[name])
            for name, listed in zip(self.names, self.listed, strict=True)
        )

    def box(self, part: Space) -> Box:
        """Return the box of a part of the space, as `Space.restrict` makes it.

        Raises:
            DeclarationError: Some options are left of a `Choice` that does not list them one after the other.
        """
        low, high = {}, {}
        for name, axis in self.domain.axes.items():
            part_axis = Axis.of(name, part[name])
            if axis.options is None:
                low[name], high[name] = part_axis.low, part_axis.high
                continue
            codes = [axis.encode(option) for option in part[name].values]
            low[name], high[name] = min(codes), max(codes)
            if high[name] - low[name] >= len(codes):
                whole = self.domain.space[name]
                raise DeclarationError(f"{name}: {part[name]} skips options of {whole}; fix one of them")
        return Box(self._point(low), self._point(high))
