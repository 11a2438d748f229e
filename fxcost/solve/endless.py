"""Questions about every value of a hyperparameter, however large: `batch=(1, None)`.

The closed forms of a space rest on its bounds: conditions that these imply were left out, functions were
tabulated within them. So the factory is traced once more, over a space where the hyperparameter ends where no
tensor does; nothing is concluded from the narrower one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from fxcost.errors import DeclarationError
from fxcost.expr import Axis
from fxcost.solve.budget import OutOfBudgetError
from fxcost.solve.limits import Comparison, Every, Limit, Some
from fxcost.solve.quantities import Regions
from fxcost.space import Int, Space

END = 2**62
"""No tensor is as long: that many bytes have no address."""


@dataclass(frozen=True)
class Endless:
    """A limit, a restriction, and which hyperparameters have no end in it.

    Attributes:
        limit: About the wider space, where there are any.
        restriction: As `Space.restrict` takes it.
        lows: The hyperparameters without end, and where they begin.
    """

    limit: Limit
    restriction: Mapping[str, object]
    lows: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return " and ".join(f"every {name} from {low:,} on" for name, low in self.lows.items())


def endless(limit: Limit, restriction: Mapping[str, object]) -> Endless:
    """Return a question with pairs `(low, None)` as one about a wider space.

    Args:
        limit: What is asked about.
        restriction: What is set of the hyperparameters; a pair's second bound may be None.

    Raises:
        DeclarationError: Such a hyperparameter is no `Int`.
        FactoryError: The factory refuses what it did not refuse in the declared space.
        OutOfBudgetError: One of the hyperparameters counts layers: no trace has them all.
    """
    open_ = [name for name, value in restriction.items() if _is_open(value)]
    if not open_:
        return Endless(limit, restriction)
    space = limit.quantities[0].regions.space
    wide = _widened(space, open_)
    among: dict[int, Regions] = {}
    for quantity in limit.quantities:
        _require_no_layers(quantity.regions, open_)
        among.setdefault(id(quantity.regions), quantity.regions.widened(wide))
    bounds = {name: (value[0], END) for name, value in restriction.items() if name in open_}  # type: ignore[index]
    narrowed = wide.restrict(**bounds)
    lows = {name: int(Axis.of(name, narrowed[name]).low) for name in open_}
    return Endless(_moved(limit, among), {**restriction, **bounds}, lows)


def _is_open(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and value[0] is not None and value[1] is None


def _widened(space: Space, names: list[str]) -> Space:
    """Return a space where some hyperparameters end where no tensor does."""
    domains = dict(space.domains)
    for name in names:
        domain = space[name]
        if not isinstance(domain, Int):
            raise DeclarationError(f"{name}={domain} has no values beyond these; (low, None) is about an Int")
        domains[name] = Int(domain.low, END, step=domain.step)
    return Space(domains).where(*space.conditions)


def _require_no_layers(regions: Regions, names: list[str]) -> None:
    """Make sure that no layers are counted by one of some hyperparameters."""
    for region in regions.known:
        for name in re.findall(r"(\w+)=", region.basis):
            if name in names:
                raise OutOfBudgetError(f"{name} counts layers ({region.basis}), and no trace has them all")


def _moved(limit: Limit, among: Mapping[int, Regions]) -> Limit:
    """Return a limit about the same quantities of other regions."""
    if isinstance(limit, Comparison):
        quantity, bound = limit.quantity, limit.bound
        other = bound if isinstance(bound, int | Fraction) else bound.among(among[id(bound.regions)])
        return replace(limit, quantity=quantity.among(among[id(quantity.regions)]), bound=other)
    parts = tuple(_moved(part, among) for part in getattr(limit, "parts", ()))
    return Every(parts) if isinstance(limit, Every) else Some(parts)
