"""What an answer took, and what the costs were."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fxcost.solve.spelling import compared
from fxcost.units import Unit

ORDINARY = ("evaluation", "boxes")
"""The engines that are not named in text where they answer."""


@dataclass(frozen=True)
class Effort:
    """What an answer took.

    Attributes:
        regions: Paths of the factory that were looked at.
        seconds: Wall-clock time, tracing included.
        basis: What their closed forms rest on where they are not exact by construction, each once:
            "verified at ...".
        engines: What had a part in the answer, in this order; see `fxcost.solve.routes`.

    >>> print(Effort(1, 0.21, ("verified at depth=5; depth=1",), ("evaluation", "z3")))
    1 region, verified at depth=5; depth=1, by z3, 0.2 s
    """

    regions: int
    seconds: float
    basis: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()

    def __str__(self) -> str:
        regions = f"{self.regions} region{'s' * (self.regions != 1)}"
        special = [engine for engine in self.engines if engine not in ORDINARY]
        by = [f"by {' and '.join(special)}"] if special else []
        return ", ".join((regions, *self.basis, *by, f"{self.seconds:.1f} s"))


@dataclass(frozen=True)
class Reading:
    """A quantity's value at a setting, next to what it was compared with.

    Attributes:
        name: The quantity.
        unit: Its unit.
        value: Its value.
        relation: The comparison asked about.
        bound: The value it was compared with.
        written: The bound as the user wrote it.
        holds: Whether the comparison is true.
        binding: Where the value is reached, of a maximum over program points; "" for any other quantity.
    """

    name: str
    unit: Unit
    value: int
    relation: str
    bound: int | Fraction
    written: str
    holds: bool
    binding: str = ""

    def __str__(self) -> str:
        value, bound = compared(self.value, self.bound, self.unit)
        where = f" ({self.binding.removesuffix('.default')})" if self.binding else ""
        return f"{self.name} is {value}{where}, limit {self.relation} {bound}"
