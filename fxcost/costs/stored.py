"""The form of a region that was read from a file: its closed forms are there, its program is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from fxcost.costs.forms import Contributions, Traced
from fxcost.costs.sizes import Sizes
from fxcost.expr import Normaliser, Polynomial, Row
from fxcost.program import Program


@dataclass(frozen=True, eq=False)
class Stored:
    """The form of one program that is traced again once it is asked for more than is stored.

    Attributes:
        normaliser: Brings its sizes into normal form; it has the atoms of the stored closed forms.
        trace: Traces the program.
    """

    normaliser: Normaliser
    trace: Callable[[], Program]

    @cached_property
    def traced(self) -> Traced:
        """The form of the program."""
        return Traced(Sizes(self.trace(), self.normaliser))

    @property
    def alternatives(self) -> frozenset[str]:
        """None: what stands for several programs is stored with all its closed forms."""
        return frozenset()

    def total(self, contributions: Contributions) -> Polynomial:
        """Return a quantity that is a sum."""
        return self.traced.total(contributions)

    def rows(self) -> list[Row]:
        """Return the bytes alive at what may be the worst moments; the peak is their Max."""
        return self.traced.rows()
