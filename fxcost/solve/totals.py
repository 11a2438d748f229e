"""Sums of costs as costs: `cost.peak_memory + 2 * cost.weight_bytes <= "48 GiB"`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fxcost.errors import DeclarationError, UnitError
from fxcost.expr import Expression, Polynomial, Row
from fxcost.expr.prune import prune
from fxcost.solve import limits
from fxcost.solve.limits import Limit
from fxcost.solve.quantities import Quantity, Regions
from fxcost.units import Unit

BOXES = 2_000
"""Boxes searched to prove that a row of a sum is not needed."""

MOST = 10_000
"""A sum of maxima has a row for each combination of theirs; of more combinations it is refused."""


class Summand:
    """What is added, multiplied and compared as a cost is: its sums are costs, its comparisons limits."""

    def __add__(self, other: object) -> Total:
        return Total.of((1, self), (1, other))

    def __radd__(self, other: object) -> Total:
        return Total.of((1, other), (1, self))

    def __mul__(self, times: object) -> Total:
        return Total.of((times, self))

    __rmul__ = __mul__

    def __le__(self: Quantity, bound: object) -> Limit:
        return limits.at_most(self, bound)

    def __lt__(self: Quantity, bound: object) -> Limit:
        return limits.less_than(self, bound)

    def __ge__(self: Quantity, bound: object) -> Limit:
        return limits.at_least(self, bound)

    def __gt__(self: Quantity, bound: object) -> Limit:
        return limits.more_than(self, bound)


@dataclass(frozen=True)
class Total(Summand):
    """A sum of multiples of costs of one factory under one recipe: exact where they are.

    The sum of maxima is the maximum over all combinations of their rows.

    Attributes:
        parts: How often each cost is counted.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> both = cost.peak_memory + 2 * cost.weight_bytes
        >>> both.name, both(width=8, batch=2)
        ('peak_memory + 2*weight_bytes', 576)
        >>> print((both <= "4 KiB").prove(width=8))
        peak_memory + 2*weight_bytes <= 4 KiB: proved for all 31 settings (1 region, ... s)
    """

    parts: tuple[tuple[int, Quantity], ...]

    @classmethod
    def of(cls, *parts: tuple[object, object]) -> Total:
        """Return a sum of multiples of costs, or of sums.

        Raises:
            DeclarationError: One of them is no cost, a multiple is no integer above 0, or they belong to
                different factories or recipes.
            UnitError: They have different units.
        """
        flat: dict[Quantity, int] = {}
        for times, quantity in parts:
            if isinstance(times, bool) or not isinstance(times, int) or times < 1:
                raise DeclarationError(f"{times!r} times a cost: write an integer above 0")
            if not hasattr(quantity, "expression") or not hasattr(quantity, "regions"):
                raise DeclarationError(
                    f"{quantity!r} is no cost: a number belongs to the other side of a limit"
                )
            several: Sequence[tuple[int, Any]] = getattr(quantity, "parts", [(1, quantity)])
            for count, each in several:
                flat[each] = flat.get(each, 0) + count * times
        first, *others = flat
        for other in others:
            if other.unit is not first.unit:
                raise UnitError(f"{first.name} + {other.name}: {first.unit} are added to {other.unit}")
            if other.regions is not first.regions:
                both = f"{first.name} + {other.name}"
                raise DeclarationError(f"{both}: they belong to different factories or recipes")
        return cls(tuple((count, each) for each, count in flat.items()))

    @property
    def name(self) -> str:
        """The sum as it is written."""
        return " + ".join(each.name if count == 1 else f"{count}*{each.name}" for count, each in self.parts)

    @property
    def unit(self) -> Unit:
        """The unit of its values."""
        return self.parts[0][1].unit

    @property
    def regions(self) -> Regions:
        """The paths of the factory."""
        return self.parts[0][1].regions

    def among(self, regions: Regions) -> Total:
        """Return the same sum of other paths of the factory."""
        return Total(tuple((count, each.among(regions)) for count, each in self.parts))

    def expression(self, region: Any) -> Expression:
        """Return its closed form in a region; it is kept.

        Raises:
            DeclarationError: It has too many rows.
        """
        key = ("total", region, self)
        if key not in self.regions.kept:
            self.regions.kept[key] = self._expression(region)
        found: Expression = self.regions.kept[key]
        return found

    def _expression(self, region: Any) -> Expression:
        sides = [(count, each.expression(region).rows, each.name) for count, each in self.parts]
        if math.prod(len(rows) for _, rows, _ in sides) > MOST:
            raise DeclarationError(f"{self.name} has more than {MOST:,} rows")
        counts, names = [count for count, _, _ in sides], [name for _, _, name in sides]
        made = []
        for rows in itertools.product(*(rows for _, rows, _ in sides)):
            total = sum(
                (count * row.polynomial for count, row in zip(counts, rows, strict=True)), Polynomial()
            )
            labels = [row.label for row, name in zip(rows, names, strict=True) if row.label != name]
            made.append(Row(total, " and ".join(filter(None, labels)) or self.name))
        return prune(made, self.regions.domain, BOXES).expression

    def __call__(self, **config: Any) -> int:
        """Return its value at a setting."""
        return sum(count * each(**config) for count, each in self.parts)

    def __str__(self) -> str:
        return self.name
