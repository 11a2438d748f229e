"""How small and how large a number over hyperparameters can get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partialmethod
from typing import Any

from fxcost.space.domains import AnyDomain, Bool, Choice


@dataclass(frozen=True, slots=True)
class Extent:
    """The integers from low to high; calculating with extents gives one that holds every result.

    >>> batch, seq = Extent(1, 8), Extent(16, 128)
    >>> 2 * batch * seq - 1
    Extent(low=31, high=2047)
    """

    low: int
    high: int

    @classmethod
    def of(cls, domain: AnyDomain) -> Extent:
        """Return the extent of a domain's values, or raise a TypeError where they are not all integers."""
        options = domain.options if isinstance(domain, Choice) else (domain.low, domain.high)
        if isinstance(domain, Bool) or not all(type(option) is int for option in options):
            raise TypeError(f"{domain} holds other values than integers")
        numbers: list[int] = [option for option in options if isinstance(option, int)]
        return cls(min(numbers), max(numbers))

    def _with(self, other: Any, calculate: Callable[[int, int], int]) -> Any:
        if type(other) is int:
            other = Extent(other, other)
        if not isinstance(other, Extent):
            return NotImplemented
        ends = [calculate(mine, its) for mine in (self.low, self.high) for its in (other.low, other.high)]
        return Extent(min(ends), max(ends))

    __add__ = __radd__ = partialmethod(_with, calculate=lambda left, right: left + right)
    __mul__ = __rmul__ = partialmethod(_with, calculate=lambda left, right: left * right)
    __sub__ = partialmethod(_with, calculate=lambda left, right: left - right)
    __rsub__ = partialmethod(_with, calculate=lambda left, right: right - left)

    def __floordiv__(self, other: Any) -> Any:
        if type(other) is int:
            other = Extent(other, other)
        if not isinstance(other, Extent) or other.low < 1:
            return NotImplemented
        return self._with(other, lambda left, right: left // right)

    def __mod__(self, other: Any) -> Any:
        if type(other) is int:
            other = Extent(other, other)
        if not isinstance(other, Extent) or other.low < 1:
            return NotImplemented
        return Extent(0, other.high - 1)
