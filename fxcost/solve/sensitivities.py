"""How a quantity changes with each hyperparameter, next to a setting and far from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fxcost.errors import ExpressionError, InvalidConfigError
from fxcost.expr import Axis
from fxcost.expr.functions import Number
from fxcost.solve.growth import growth
from fxcost.solve.quantities import Quantity
from fxcost.solve.spelling import amount
from fxcost.space import Config
from fxcost.space.spelling import assignments_text, spelled
from fxcost.units import Unit

SCANNED = 64
"""So many values are looked at for the next one that the space and the factory allow."""


@dataclass(frozen=True)
class Neighbour:
    """A hyperparameter's next value, and what the quantity is there.

    Attributes:
        setting: The hyperparameter's value.
        value: The quantity, exactly.
        change: What it has more than at the setting asked about; below 0 where it has less.
    """

    setting: object
    value: int
    change: int

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"setting": self.setting, "value": self.value, "change": self.change}


@dataclass(frozen=True)
class Response:
    """How a quantity changes with one hyperparameter, the others as they are.

    Attributes:
        name: The hyperparameter.
        setting: Its value.
        neighbours: The next smaller and the next larger value that the space and the factory allow; of
            options that are no numbers, all others.
        elasticity: The slope measured between the neighbours on logarithmic scales,
            d log(cost) / d log(value): an estimate; None where that is not between numbers above 0.
        exponent: The degree of the closed form's row that is largest in the end; None where that is unknown.
        reason: Why it is unknown.
    """

    name: str
    setting: object
    neighbours: tuple[Neighbour, ...]
    elasticity: float | None
    exponent: int | None
    reason: str | None

    @property
    def growth(self) -> str:
        """How the closed form grows, in words."""
        if self.exponent is None:
            return f"growth unknown: {self.reason}"
        powers = {0: "does not grow", 1: f"grows as {self.name}"}
        return powers.get(self.exponent, f"grows as {self.name}**{self.exponent}")

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        near = [neighbour.as_dict() for neighbour in self.neighbours]
        exponents = {"elasticity": self.elasticity, "exponent": self.exponent, "reason": self.reason}
        return {"setting": self.setting, "neighbours": near, **exponents}


@dataclass(frozen=True)
class Sensitivity:
    """How a quantity changes with each hyperparameter.

    Attributes:
        name: The quantity.
        unit: Its unit.
        config: The setting asked about.
        value: The quantity there, exactly.
        responses: One for each hyperparameter.
    """

    name: str
    unit: Unit
    config: Config
    value: int
    responses: tuple[Response, ...]

    def __getitem__(self, name: str) -> Response:
        """Return the response to one hyperparameter."""
        return next(each for each in self.responses if each.name == name)

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield for each hyperparameter: it, its neighbours' changes, the measured elasticity, the growth."""
        for each in self.responses:
            changes = ", ".join(f"{spelled(near.setting)}: {self._signed(near)}" for near in each.neighbours)
            measured = "" if each.elasticity is None else f"{each.elasticity:.2f}"
            yield f"{each.name}={spelled(each.setting)}", changes or "no other value", measured, each.growth

    def _signed(self, near: Neighbour) -> str:
        return f"{'+' * (near.change > 0)}{amount(near.change, self.unit)}"

    def __str__(self) -> str:
        lines = [f"{self.name} is {amount(self.value, self.unit)} at {assignments_text(self.config)}"]
        for name, changes, elasticity, grown in self.rows():
            measured = f"; elasticity {elasticity}, measured" if elasticity else ""
            lines.append(f"  {name}: {changes}{measured}; {grown}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        responses = {each.name: each.as_dict() for each in self.responses}
        return {"quantity": self.name, "unit": self.unit.symbol, "value": self.value, "by": responses}


def sensitivity(quantity: Quantity, config: Mapping[str, object]) -> Sensitivity:
    """Return how a quantity changes with each hyperparameter around a setting.

    Args:
        quantity: The quantity.
        config: Every hyperparameter by name.

    Raises:
        ConfigError: A hyperparameter is missing, unknown or outside the space.
        InvalidConfigError: The factory refuses the setting.
    """
    checked = quantity.regions.space.config(**config)
    around = _Around(quantity, checked, quantity(**checked))
    axes = quantity.regions.domain.axes.values()
    return Sensitivity(quantity.name, quantity.unit, checked, around.value, tuple(map(around.response, axes)))


@dataclass(frozen=True)
class _Around:
    """The settings around one."""

    quantity: Quantity
    config: Config
    value: int

    def response(self, axis: Axis) -> Response:
        """Return how the quantity changes with one hyperparameter."""
        found = [next(self._neighbours(axis, side), None) for side in _sides(axis, self.config)]
        near = tuple(neighbour for neighbour in found if neighbour is not None)
        grown, reason = self._growth(axis, near)
        elasticity = None if axis.options is not None else self._measured(self.config[axis.name], near)
        return Response(axis.name, self.config[axis.name], near, elasticity, grown, reason)

    def _neighbours(self, axis: Axis, side: Sequence[Number]) -> Iterator[Neighbour]:
        """Yield those of some values that the space and the factory allow."""
        for value in side:
            moved = Config({**self.config, axis.name: axis.decode(value)})
            if moved not in self.quantity.regions.space:
                continue
            try:
                there = self.quantity(**moved)
            except InvalidConfigError:
                continue
            yield Neighbour(moved[axis.name], there, there - self.value)

    def _measured(self, setting: Any, near: Sequence[Neighbour]) -> float | None:
        """Return the slope between the neighbours on logarithmic scales; of one, between it and here."""
        points: list[tuple[Any, int]] = [(each.setting, each.value) for each in near]
        points += [(setting, self.value)] if len(points) == 1 else []
        if len(points) < 2 or any(min(point) <= 0 for point in points):
            return None
        (first, low), (last, high) = sorted(points)
        return (math.log(high) - math.log(low)) / (math.log(last) - math.log(first))

    def _growth(self, axis: Axis, near: Sequence[Neighbour]) -> tuple[int | None, str | None]:
        """Return the exponent in the closed form of the setting's path, or why it is unknown."""
        if axis.options is not None:
            return None, "its options are no numbers"
        if not near:
            return None, "there is no other value"
        regions = self.quantity.regions
        region, domain = regions.at(self.config), regions.domain
        moved = [Config({**self.config, axis.name: each.setting}) for each in near]
        if not any(region.covers(domain.encode(config)) for config in moved):
            return None, "the closed form holds at this value alone"
        rows = [row.polynomial for row in self.quantity.expression(region).rows]
        try:
            return growth(rows, axis.name, domain.encode(self.config)), None
        except ExpressionError as error:
            return None, str(error)


def _sides(axis: Axis, config: Config) -> list[Sequence[Number]]:
    """Return the values below and those above a setting's, nearest first; options one by one."""
    if axis.listed is None:
        return []
    listed = axis.listed if isinstance(axis.listed, range) else sorted(axis.listed)
    at = listed.index(axis.encode(config[axis.name]))  # type: ignore[arg-type]
    if axis.options is not None:
        return [[value] for value in listed if value != listed[at]]
    return [listed[max(0, at - SCANNED) : at][::-1], listed[at + 1 : at + 1 + SCANNED]]
