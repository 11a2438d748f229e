"""Integer hyperparameters as quantities, to ask which of their values are possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fxcost.expr import Atom, Expression, Polynomial
from fxcost.solve.quantities import Regions
from fxcost.units import Unit


@dataclass(frozen=True, eq=False)
class Hyperparameter:
    """A hyperparameter whose values are integers.

    Attributes:
        name: What it is called.
        regions: The paths of a factory that has it.
    """

    name: str
    regions: Regions

    @property
    def unit(self) -> Unit:
        """The unit of its values."""
        return Unit.COUNT

    def among(self, regions: Regions) -> Hyperparameter:
        """Return the same hyperparameter of other paths."""
        return Hyperparameter(self.name, regions)

    def expression(self, region: object) -> Expression:
        """Return it in closed form, which is the same in every region."""
        del region
        axis = self.regions.domain.axes[self.name]
        return Expression.of(Polynomial.of_atom(Atom.variable(axis.symbol, axis.low, axis.high)))

    def __call__(self, **config: Any) -> int:
        """Return its value at a setting."""
        return int(config[self.name])
