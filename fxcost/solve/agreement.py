"""Whether one closed form is right in several regions: by normal forms and proofs, never by samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from fxcost.errors import FxcostError
from fxcost.expr import Domain, Expression, Normaliser, Polynomial, Row
from fxcost.expr.prune import prune
from fxcost.solve.quantities import Quantity, Region
from fxcost.solve.refusals import Refusal
from fxcost.space import Config

BOXES = 2_000
"""Boxes searched to prove that a row of a maximum is not above those of another."""


@dataclass(frozen=True, eq=False)
class Part:
    """A region within the part of a space that is asked about.

    Attributes:
        region: A path of the factory.
        hint: A setting of it within the part.
    """

    region: Region
    hint: Config

    @cached_property
    def refusal(self) -> Refusal | None:
        """What the factory raises, None where it builds the model."""
        return Refusal.of(self.region)


@dataclass(frozen=True, eq=False)
class Group:
    """Regions in which the same closed forms are right.

    Attributes:
        parts: The regions, in the order they were traced.
        formulas: The closed forms by the quantity's name, where they are not those of the first region.
    """

    parts: tuple[Part, ...]
    formulas: Mapping[str, Expression] = field(default_factory=dict)

    @property
    def refusal(self) -> Refusal | None:
        """What the factory raises in all regions, None where it builds the model."""
        return self.parts[0].refusal

    def formula(self, quantity: Quantity) -> Expression:
        """Return a closed form that is right in all regions, which the factory does not refuse."""
        return self.formulas.get(quantity.name) or quantity.expression(self.parts[0].region)


class Agreement:
    """Compares closed forms of different regions.

    Args:
        domain: The hyperparameters.
        held: What holds in the part of the space asked about.
    """

    def __init__(self, domain: Domain, held: Iterable[sympy.Basic]) -> None:
        self.domain = domain
        self.held = tuple(held)
        self._normalisers: dict[int, Normaliser] = {}

    def groups(self, parts: Sequence[Part], quantities: Sequence[Quantity]) -> list[Group]:
        """Return regions that share closed forms of some quantities, or a refusal, together."""
        groups: list[Group] = []
        for part in parts:
            for group in sorted(groups, key=lambda group: _shared_conditions(group, part), reverse=True):
                joined = self._joined(group, part, quantities)
                if joined is not None:
                    groups[groups.index(group)] = joined
                    break
            else:
                groups.append(Group((part,)))
        return groups

    def _joined(self, group: Group, part: Part, quantities: Sequence[Quantity]) -> Group | None:
        """Return a group with one more region; None where a closed form differs."""
        if part.refusal != group.refusal:
            return None
        if part.refusal is not None:
            return Group((*group.parts, part))
        formulas: dict[str, Expression] = {}
        for quantity in quantities:
            formula = self._shared(quantity, group, part)
            if formula is None:
                return None
            formulas[quantity.name] = formula
        return Group((*group.parts, part), formulas)

    def _shared(self, quantity: Quantity, group: Group, part: Part) -> Expression | None:
        """Return a quantity's closed form that is right in a group and in one more region."""
        formula, own = group.formula(quantity), quantity.expression(part.region)
        if self.right(formula, part, own):
            return formula
        if all(self.right(own, each, quantity.expression(each.region)) for each in group.parts):
            return own
        return None

    def throughout(self, group: Group, quantity: Quantity) -> Expression:
        """Return a quantity's closed form in a group, its bounds those of all regions together."""
        formula = group.formula(quantity)
        if len(group.parts) == 1:
            return formula
        first, *others = (part.region.conditions for part in group.parts)
        common = [condition for condition in first if all(condition in other for other in others)]
        normaliser = Normaliser(self.domain, [*self.held, *common])
        rows = [Row(normaliser.polynomial(row.polynomial.sympy()), row.label) for row in formula.rows]
        return Expression(tuple(rows))

    def right(self, expression: Expression, part: Part, own: Expression) -> bool:
        """Tell whether an expression is proved to be equal to a region's own closed form throughout it."""
        values = self.domain.encode(part.hint)
        try:
            if expression.evaluate(values) != own.evaluate(values):
                return False
            normaliser = self._normaliser(part.region)
            mine, others = (_rows(each, normaliser) for each in (expression, own))
        except (ArithmeticError, ValueError, FxcostError):
            return False
        if len(mine) == len(others) == 1:
            return normaliser.prover.zero(mine[0] - others[0])
        return self._covers(others, mine) and self._covers(mine, others)

    def _normaliser(self, region: Region) -> Normaliser:
        if id(region) not in self._normalisers:
            self._normalisers[id(region)] = Normaliser(self.domain, [*self.held, *region.conditions])
        return self._normalisers[id(region)]

    def _covers(self, rows: Sequence[Polynomial], others: Sequence[Polynomial]) -> bool:
        """Tell whether no other row is ever above all of these: pruned together, none of them stays."""
        more = [row for row in others if row not in rows]
        kept = prune([Row(row) for row in (*rows, *more)], self.domain, BOXES).rows if more else ()
        return not any(row.polynomial in more for row in kept)


def _shared_conditions(group: Group, part: Part) -> int:
    """Return how many conditions a region shares with one of a group."""
    own = set(part.region.conditions)
    return max(len(own.intersection(other.region.conditions)) for other in group.parts)


def _rows(expression: Expression, normaliser: Normaliser) -> list[Polynomial]:
    """Return the rows in normal form, equal ones once."""
    return list(dict.fromkeys(normaliser.polynomial(row.polynomial.sympy()) for row in expression.rows))
