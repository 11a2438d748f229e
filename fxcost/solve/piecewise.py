"""A quantity's closed form over a whole space, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.expr import Expression
from fxcost.solve.agreement import Group
from fxcost.solve.exploration import Exploration
from fxcost.solve.quantities import Quantity
from fxcost.solve.refusals import Refusal
from fxcost.solve.where import Place, Where


@dataclass(frozen=True)
class Branch:
    """A closed form and where it holds.

    Attributes:
        where: Its settings.
        expression: The value there; None where the factory refuses them.
        refusal: The factory's exception and its line, None where it builds the model.
    """

    where: Where
    expression: Expression | None
    refusal: Refusal | None

    def value(self, place: Place = str) -> str:
        """Return the closed form, or what the factory raises, as Python; `place` writes lines of code."""
        return f"raise  # {self.refusal.text(place)}" if self.refusal is not None else str(self.expression)


@dataclass(frozen=True)
class Piecewise:
    """A quantity's closed forms over the pieces of a space.

    Attributes:
        name: The quantity.
        branches: The pieces.
        proved: Whether every setting is proved to lie in one.

    >>> from fxcost.solve.where import Held
    >>> small = Branch(Where(((Held("width <= 8", ()),),)), Expression.of(4), None)
    >>> large = Branch(Where(((Held("width > 8", ()),),)), Expression.of(7), None)
    >>> print(Piecewise("parameters", (small, large), proved=True))
    if width <= 8: 4
    else: 7
    """

    name: str
    branches: tuple[Branch, ...]
    proved: bool

    def __iter__(self) -> Iterator[tuple[str, Expression | None]]:
        return ((branch.where.text, branch.expression) for branch in self.branches)

    def text(self, place: Place = str) -> str:
        """Return it as Python; `place` writes lines of code."""
        ordered = sorted(self.branches, key=lambda branch: len(branch.where.sets))
        if self.proved and len(ordered) == 1:
            return ordered[0].value(place)
        lines = [f"elif {branch.where.text}: {branch.value(place)}" for branch in ordered]
        last = ordered[-1].value(place) if self.proved else "unknown  # not traced"
        lines = [*(lines[:-1] if self.proved else lines), f"else: {last}"]
        return "\n".join(lines).removeprefix("el")

    def __str__(self) -> str:
        return self.text()

    def as_dict(self, place: Place = str) -> dict[str, Any]:
        """Return what `--json` prints; `place` writes lines of code."""
        branches = [
            {
                "condition": branch.where.text,
                "formula": None if branch.expression is None else str(branch.expression),
                "refusal": None if branch.refusal is None else branch.refusal.as_dict(place),
            }
            for branch in self.branches
        ]
        return {"name": self.name, "proved": self.proved, "branches": branches}


def piecewise(exploration: Exploration, quantity: Quantity) -> Piecewise:
    """Return a quantity's closed forms; regions where they agree are one branch.

    Raises:
        DeclarationError: The quantity belongs to another factory.
    """
    if quantity.regions is not exploration.ground.regions[0]:
        raise DeclarationError(f"{quantity.name} belongs to another factory than the partition")
    groups = exploration.agreement.groups(exploration.parts, [quantity])
    branches = tuple(_branch(exploration, group, quantity) for group in groups)
    return Piecewise(quantity.name, branches, exploration.reason is None)


def _branch(exploration: Exploration, group: Group, quantity: Quantity) -> Branch:
    formula = exploration.agreement.throughout(group, quantity) if group.refusal is None else None
    return Branch(exploration.where(group), formula, group.refusal)
