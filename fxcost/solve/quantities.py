"""What the solver asks of a quantity: its closed form in each path of a factory."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import sympy

from fxcost.expr import Domain, Expression
from fxcost.expr.functions import Number
from fxcost.program import Question
from fxcost.space import Config, Space
from fxcost.units import Unit


class Region(Protocol):
    """One path of a factory: the settings for which its closed forms hold, or which it refuses alike."""

    @property
    def hint(self) -> Config:
        """A setting of the region."""

    @property
    def conditions(self) -> tuple[sympy.Basic, ...]:
        """What all its settings satisfy, and no others."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """The conditions, each with who asked."""

    @property
    def refusal(self) -> str | None:
        """Why the factory refuses these settings, None where it builds the model."""

    @property
    def basis(self) -> str:
        """What its closed forms rest on: "exact", or what was enumerated or verified."""

    def covers(self, values: Mapping[str, Number]) -> bool:
        """Tell whether a setting, encoded by the domain, is one of them."""


class Regions(Protocol):
    """The paths known of one factory."""

    @property
    def space(self) -> Space:
        """The factory's hyperparameters."""

    @property
    def domain(self) -> Domain:
        """The space as symbols and numbers."""

    @property
    def known(self) -> Sequence[Region]:
        """The regions traced so far."""

    @property
    def kept(self) -> MutableMapping[Any, Any]:
        """What the solver calculated of closed forms, kept for the next question."""

    def at(self, config: Config) -> Region:
        """Return the region of a setting, traced now where none is known."""

    def widened(self, space: Space) -> Any:
        """Return the paths of the factory in a space that holds this one; nothing is taken over."""


class Quantity(Protocol):
    """A cost of a model, an exact int at every setting that the factory accepts."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def unit(self) -> Unit:
        """The unit of its values."""

    @property
    def regions(self) -> Regions:
        """The paths of the factory it belongs to."""

    def among(self, regions: Any) -> Quantity:
        """Return the same quantity of other paths of the factory."""

    def expression(self, region: Any) -> Expression:
        """Return its closed form in a region that the factory does not refuse."""

    def __call__(self, **config: Any) -> int:
        """Return its value at a setting."""
