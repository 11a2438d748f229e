"""What is to be best, and what is to be best after that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fxcost.errors import DeclarationError
from fxcost.solve.limits import Comparison, Limit, Relation
from fxcost.solve.quantities import Quantity
from fxcost.solve.spelling import amount


@dataclass(frozen=True, eq=False)
class Goal:
    """A quantity that is to be large, or small.

    Attributes:
        quantity: The quantity.
        sign: 1 where it is to be large, -1 where it is to be small.
    """

    quantity: Quantity
    sign: int

    def no_worse(self, value: int) -> Limit:
        """Return that the quantity is as good as a value."""
        return self._compared(">=" if self.sign > 0 else "<=", value)

    def better(self, value: int) -> Limit:
        """Return that the quantity is better than a value."""
        return self._compared(">" if self.sign > 0 else "<", value)

    def _compared(self, relation: Relation, value: int) -> Limit:
        return Comparison(self.quantity, relation, value, amount(value, self.quantity.unit))

    def __str__(self) -> str:
        return f"{'largest' if self.sign > 0 else 'smallest'} {self.quantity.name}"


def largest(quantity: Quantity) -> Goal:
    """Return that a quantity is to be large: `then=[fc.largest(cost.flops)]`."""
    return Goal(quantity, 1)


def smallest(quantity: Quantity) -> Goal:
    """Return that a quantity is to be small: `then=[fc.smallest(cost.flops)]`."""
    return Goal(quantity, -1)


def goals_of(first: Goal, then: object) -> tuple[Goal, ...]:
    """Return what is to be best, in this order.

    Args:
        first: What comes first.
        then: A goal or several; quantities among them are to be large or small as the first one is.

    Raises:
        DeclarationError: `then` holds something else.
    """
    more = then if isinstance(then, Iterable) else (then,)
    return (first, *(_goal(each, first.sign) for each in more))


def _goal(written: object, sign: int) -> Goal:
    if isinstance(written, Goal):
        return written
    if hasattr(written, "expression") and hasattr(written, "regions"):
        return Goal(written, sign)  # type: ignore[arg-type]
    raise DeclarationError(f"then={written!r}: write quantities, such as then=[fc.smallest(cost.flops)]")
