"""What a report is about: a factory, how it is used, its hyperparameters, its formulas."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from fxcost import units
from fxcost.compilation import Cost
from fxcost.costs import Region
from fxcost.expr import conditions
from fxcost.quantity import Quantity
from fxcost.report.places import line_of, relative
from fxcost.report.text import columns, indented, remarked
from fxcost.space import Choice, Config, Space
from fxcost.space.spelling import assignments_text, spelled

if TYPE_CHECKING:
    from fxcost.trace import Inference, Training


@dataclass(frozen=True)
class Subject:
    """A factory's costs, and what is set of its hyperparameters.

    Attributes:
        target: What the user wrote for the factory.
        cost: Its costs.
        restriction: What is set, as `Space.restrict` takes it.
        region: The path of the factory whose formulas are shown; some of the settings left open take it.
    """

    target: str
    cost: Cost
    restriction: Mapping[str, Any]
    region: Region

    @cached_property
    def space(self) -> Space:
        """The settings left open."""
        return self.cost.space.restrict(**self.restriction)

    @property
    def config(self) -> Config | None:
        """The one setting left, None where there are more."""
        if any(domain.size != 1 for domain in self.space.domains.values()):
            return None
        return self.space.config(**{name: domain.values[0] for name, domain in self.space.domains.items()})

    @property
    def open_names(self) -> tuple[str, ...]:
        """The hyperparameters that have more than one value left."""
        return tuple(name for name, domain in self.space.domains.items() if domain.size != 1)

    def heading(self) -> Group:
        """Return the factory, how it is used, and its hyperparameters."""
        place, _, line = self.cost.factory.place.rpartition(":")
        name = str(getattr(self.cost.factory, "__name__", self.target))
        where = (f"  {relative(place)}:{line}", "cyan")
        title = Text.assemble((name, "bold"), f": {self._use()}", where)
        rows = [(name, _values(domain)) for name, domain in self.space.domains.items()]
        return Group(title, indented(columns(rows, ("", "dim"))))

    def formulas(self, names: Sequence[str], most: int | None = None) -> Table:
        """Return the closed forms of some quantities, what they hold under, and what they rest on.

        Args:
            names: The quantities.
            most: So many rows of a maximum are shown; all where it is None.
        """
        rows = [row for name in names for row in self._formula(self.cost.quantities[name], most)]
        for index, (condition, kind, line) in enumerate(self._conditions()):
            why = ", ".join(filter(None, (kind, line)))
            rows.append(("" if index else "where", "", remarked(condition, why)))
        if self.region.basis != "exact":
            rows.append(("basis", "", Text(self.region.basis)))
        if self.config is None:
            return columns([(name, formula) for name, _, formula in rows], ("bold", ""))
        return columns(rows, ("bold", "green", ""), right=(1,))

    def costs_at(self, config: Config) -> dict[str, int]:
        """Return all quantities at a setting."""
        return {name: quantity(**config) for name, quantity in self.cost.quantities.items()}

    def costs_shown(self, config: Config) -> Table:
        """Return all quantities at a setting, with their units."""
        unit_of = {name: quantity.unit for name, quantity in self.cost.quantities.items()}
        rows = [(name, units.format(value, unit_of[name])) for name, value in self.costs_at(config).items()]
        return columns(rows, ("", "bold"), right=(1,))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        config = self.config
        return {
            "target": self.target,
            "use": use_of(self.cost.training, self.cost.inference),
            "device": self.cost.device,
            "space": {name: str(domain) for name, domain in self.cost.space.domains.items()},
            "set": dict(self.restriction),
            "config": None if config is None else dict(config),
        }

    def formulas_as_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what `--json` prints of some quantities, with their values where everything is set."""
        config = self.config
        keys = ("condition", "kind", "line")
        quantities = {
            name: {
                "unit": quantity.unit.symbol,
                "counts": quantity.counts,
                "formula": str(quantity.expression(self.region)),
                "rows": len(quantity.expression(self.region).rows),
                "dropped_rows": dict(quantity.expression(self.region).dropped),
                "value": None if config is None else quantity(**config),
            }
            for name, quantity in self.cost.quantities.items()
            if name in names
        }
        return {
            "quantities": quantities,
            "conditions": [dict(zip(keys, row, strict=True)) for row in self._conditions()],
            "basis": self.region.basis,
        }

    def _use(self) -> str:
        """Return how the model is used, and on which GPU."""
        on = "" if self.cost.gpu is None else f", on {self.cost.device}"
        return use_of(self.cost.training, self.cost.inference) + on

    def _formula(self, quantity: Quantity, most: int | None) -> list[tuple[str, str, Text]]:
        """Return a quantity's name, value and formula; the rows of a maximum below it."""
        value = "" if self.config is None else units.format(quantity(**self.config), quantity.unit)
        rows = quantity.expression(self.region).rows
        if len(rows) == 1:
            return [(quantity.name, value, Text(str(rows[0])))]
        shown = [("", "", remarked(str(row), row.label.removesuffix(".default"))) for row in rows[:most]]
        if len(shown) < len(rows):
            shown.append(("", "", remarked(f"and {len(rows) - len(shown)} more", "`fxcost cost` shows all")))
        return [(quantity.name, value, Text(f"the largest of {len(rows)}:")), *shown]

    def _conditions(self) -> list[tuple[str, str, str]]:
        domain = self.cost.regions.domain
        return [
            (conditions.readable(question.condition, domain), str(question.kind), line_of(question.source))
            for question in self.region.questions
        ]


def use_of(training: Training | None, inference: Inference | None = None) -> str:
    """Return how the model is used, in words.

    Example:
        >>> import torch, fxcost as fc
        >>> use_of(None)
        'one inference (model.eval(), no gradients)'
        >>> use_of(fc.Training(torch.optim.SGD, options={"lr": 0.1}, precision="bf16-mixed", ema=0.9))
        "one training step with SGD(lr=0.1), precision='bf16-mixed', ema=0.9"
    """
    if training is None:
        told = _told(inference, ())
        return "one inference (model.eval(), no gradients)" + (f", {told}" if told else "")
    options, told = assignments_text(training.options), _told(training, ("optimizer", "options"))
    named = spelled(training.optimizer) + (f"({options})" if options else "")
    return f"one training step with {named}" + (f", {told}" if told else "")


def _told(recipe: Training | Inference | None, without: tuple[str, ...]) -> str:
    """Return the fields of a recipe that are not as they are if nothing is said."""
    told = dataclasses.fields(recipe) if recipe is not None else ()
    values = {field.name: (getattr(recipe, field.name), field.default) for field in told}
    changed = {
        name: value for name, (value, default) in values.items() if name not in without and value != default
    }
    return assignments_text(changed)


def _values(domain: Any) -> str:
    """Return a domain, or the value that is left of it."""
    if domain.size != 1:
        return str(domain)
    return spelled(domain.options[0] if isinstance(domain, Choice) else domain.values[0])
