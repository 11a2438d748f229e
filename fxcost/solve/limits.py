"""Limits on costs: comparisons, and what `&`, `|` and `~` make of them."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias, TypeGuard, TypeVar

from fxcost import units
from fxcost.errors import UnitError
from fxcost.solve.quantities import Quantity
from fxcost.solve.spelling import amount
from fxcost.solve.verdicts import Found, Infeasible, Proved, Refuted, Unknown

Truth = TypeVar("Truth")
Relation: TypeAlias = Literal["<=", "<", ">=", ">"]

_OPPOSITE: Mapping[Relation, Relation] = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}


class Limit(ABC):
    """A statement about costs that is true or false at every setting.

    `a & b`, `a | b` and `~a` are limits too. As a truth value (`assert cost.peak_memory <= "24 GiB"`) a limit
    is proved over the whole space: False where it is refuted, an error where neither is proved in time.
    """

    @property
    @abstractmethod
    def comparisons(self) -> tuple[Comparison, ...]:
        """All comparisons it is made of."""

    @abstractmethod
    def __invert__(self) -> Limit: ...

    def __and__(self, other: object) -> Limit:
        return Every((self, other)) if isinstance(other, Limit) else NotImplemented

    def __or__(self, other: object) -> Limit:
        return Some((self, other)) if isinstance(other, Limit) else NotImplemented

    def __bool__(self) -> bool:
        return bool(self.prove())

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities it is about, each once."""
        found = [quantity for comparison in self.comparisons for quantity in comparison.sides]
        return tuple({id(quantity): quantity for quantity in found}.values())

    def true_of(self, value: Callable[[Quantity], int]) -> bool:
        """Return its truth where the quantities have these values."""
        return folded(self, lambda comparison: comparison.compare(value), all, any)

    def holds(self, **config: Any) -> bool:
        """Return its truth at one setting, every hyperparameter by name."""
        return self.true_of(lambda quantity: quantity(**config))

    def prove(self, **question: Any) -> Proved | Refuted | Unknown:
        """Prove it for all settings: `fxcost.solve.prove` with this limit."""
        from fxcost.solve.questions import prove

        return prove(self, **question)

    def find(self, **question: Any) -> Found | Infeasible | Unknown:
        """Find a setting for which it holds: `fxcost.solve.find` with this limit."""
        from fxcost.solve.questions import find

        return find(self, **question)


@dataclass(frozen=True)
class Comparison(Limit):
    """A quantity compared with a number or with another quantity.

    Attributes:
        quantity: What is limited.
        relation: How it must compare.
        bound: In the quantity's base unit, or a quantity of the same unit.
        written: The bound as the user wrote it.
    """

    quantity: Quantity
    relation: Relation
    bound: int | Fraction | Quantity
    written: str

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Itself."""
        return (self,)

    @property
    def sides(self) -> tuple[Quantity, ...]:
        """The quantity, and the one it is compared with."""
        return (self.quantity,) if isinstance(self.bound, int | Fraction) else (self.quantity, self.bound)

    @property
    def at_most(self) -> tuple[int, bool]:
        """The integer `c` and the truth of `quantity - other <= c` that say the same as this comparison."""
        bound = self.bound if isinstance(self.bound, int | Fraction) else 0
        inclusive = self.relation in ("<=", ">")
        return math.floor(bound) if inclusive else math.ceil(bound) - 1, self.relation in ("<=", "<")

    def compare(self, value: Callable[[Quantity], int]) -> bool:
        """Return its truth where the quantities have these values."""
        other = 0 if isinstance(self.bound, int | Fraction) else value(self.bound)
        bound, truth = self.at_most
        return (value(self.quantity) - other <= bound) is truth

    def __invert__(self) -> Comparison:
        return Comparison(self.quantity, _OPPOSITE[self.relation], self.bound, self.written)

    def __str__(self) -> str:
        return f"{self.quantity.name} {self.relation} {self.written}"


@dataclass(frozen=True)
class _Parts(Limit):
    """Several limits taken together."""

    parts: tuple[Limit, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Those of its parts."""
        return tuple(comparison for part in self.parts for comparison in part.comparisons)


class Every(_Parts):
    """All parts hold."""

    def __invert__(self) -> Some:
        return Some(tuple(~part for part in self.parts))

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, Some) else str(part) for part in self.parts)


class Some(_Parts):
    """At least one part holds."""

    def __invert__(self) -> Every:
        return Every(tuple(~part for part in self.parts))

    def __str__(self) -> str:
        return " | ".join(map(str, self.parts))


def folded(
    limit: Limit,
    leaf: Callable[[Comparison], Truth],
    every: Callable[[list[Truth]], Truth],
    some: Callable[[list[Truth]], Truth],
) -> Truth:
    """Return what `leaf` makes of a limit's comparisons, put together by `every` and `some`."""
    if isinstance(limit, Comparison):
        return leaf(limit)
    parts = [folded(part, leaf, every, some) for part in getattr(limit, "parts", ())]
    return every(parts) if isinstance(limit, Every) else some(parts)


def at_most(quantity: Quantity, bound: object) -> Comparison:
    """Return `quantity <= bound`; the bound is a quantity, text with a unit, or a number in the base unit.

    Raises:
        UnitError: The bound's unit is another one than the quantity's, missing or ambiguous.
    """
    return _comparison(quantity, "<=", bound)


def less_than(quantity: Quantity, bound: object) -> Comparison:
    """Return `quantity < bound`."""
    return _comparison(quantity, "<", bound)


def at_least(quantity: Quantity, bound: object) -> Comparison:
    """Return `quantity >= bound`."""
    return _comparison(quantity, ">=", bound)


def more_than(quantity: Quantity, bound: object) -> Comparison:
    """Return `quantity > bound`."""
    return _comparison(quantity, ">", bound)


def _comparison(quantity: Quantity, relation: Relation, bound: object) -> Comparison:
    if _is_quantity(bound):
        if bound.unit is not quantity.unit:
            raise UnitError(
                f"{quantity.name} {relation} {bound.name}: {quantity.unit} are compared with {bound.unit}"
            )
        return Comparison(quantity, relation, bound, bound.name)
    parsed = units.parse(bound, quantity.unit)
    if isinstance(bound, numbers.Rational | float):
        exact = Fraction(bound)
        parsed = int(exact) if exact.denominator == 1 else exact
    written = bound if isinstance(bound, str) else amount(parsed, quantity.unit)
    return Comparison(quantity, relation, parsed, written)


def every(*limits: Limit) -> Limit:
    """Return the limit that holds where all of these do; always, if there are none."""
    return limits[0] if len(limits) == 1 else Every(limits)


def _is_quantity(bound: object) -> TypeGuard[Quantity]:
    return hasattr(bound, "expression") and hasattr(bound, "regions")
