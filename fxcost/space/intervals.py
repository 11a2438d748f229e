"""Intervals of numbers as domains: Int and Float.

A domain answers `value in domain`, `accept` (the value as the domain spells it), `between` and `fixed` (parts
of it), `sample`, `finite`, `size` and, where it is finite, `values`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from fxcost.errors import ConfigError, DeclarationError
from fxcost.space.bounds import is_integer, is_real, nothing_between, number_bound
from fxcost.space.spelling import spelled


@dataclass(frozen=True, slots=True, repr=False)
class Int:
    """The integers low, low + step, ... that are not above high.

    Args:
        low: Smallest value.
        high: Upper bound; a value itself where a step reaches it.
        step: Distance between values.
        log: Draw samples evenly on a logarithmic scale.

    Raises:
        DeclarationError: A bound is no integer, low is above high, or step is not positive.

    >>> Int(64, 256, step=64).values
    range(64, 257, 64)
    >>> Int(64, 256, step=-1)
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: Int(64, 256, step=-1): step must be positive; write step=1
    """

    low: int
    high: int
    step: int = field(default=1, kw_only=True)
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, self._integer(name))
        if self.step < 1:
            raise DeclarationError(f"{self}: step must be positive; write step={-self.step or 1}")
        if self.low > self.high:
            raise DeclarationError(f"{self}: low is above high; write Int({self.high}, {self.low})")
        if self.log and self.low < 1:
            raise DeclarationError(f"{self}: a logarithmic scale needs low >= 1; leave out log=True")

    def __repr__(self) -> str:
        step = "" if self.step == 1 else f", step={spelled(self.step)}"
        return f"Int({spelled(self.low)}, {spelled(self.high)}{step}{', log=True' if self.log else ''})"

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, value: object) -> bool:
        return is_integer(value) and int(value) in self.values

    @property
    def finite(self) -> bool:
        """Whether `values` can be listed: always."""
        return True

    @property
    def size(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    @property
    def values(self) -> range:
        """Every value, ascending."""
        return range(self.low, self.high + 1, self.step)

    def accept(self, value: object) -> int:
        """Return `value` as an int, or raise a ConfigError that says which values are near."""
        if is_integer(value) and int(value) in self.values:
            return int(value)
        raise ConfigError(f"{spelled(value)} is not in {self}{self._hint(value)}")

    def between(self, low: object, high: object) -> Int:
        """Return the part from low to high, the bounds moved inwards onto the domain's values."""
        first, last = max(number_bound(self, low), self.low), min(number_bound(self, high), self.high)
        if first > last:
            raise nothing_between(self, low, high)
        start = -((self.low - math.ceil(first)) // self.step)
        inside = self.values[start : (math.floor(last) - self.low) // self.step + 1]
        if not inside:
            raise nothing_between(self, low, high)
        return Int(inside[0], inside[-1], step=self.step, log=self.log)

    def fixed(self, value: object) -> Int:
        """Return the domain of this value alone."""
        only = self.accept(value)
        return Int(only, only)

    def sample(self, rng: random.Random) -> int:
        """Draw a value."""
        if not self.log:
            return self.low + self.step * rng.randrange(self.size)
        half = 0.5 * min(self.step, self.low)
        drawn = math.exp(rng.uniform(math.log(self.low - half), math.log(self.high + half)))
        index = round((drawn - self.low) / self.step)
        return self.low + self.step * min(max(index, 0), self.size - 1)

    def _integer(self, name: str) -> int:
        value = getattr(self, name)
        if is_integer(value):
            return int(value)
        whole = isinstance(value, float) and value.is_integer()
        advice = f"write {int(value)}" if whole else "write an integer, or Float(low, high) for real numbers"
        raise DeclarationError(f"{self}: {name} is {spelled(value)}, which is no integer; {advice}")

    def _hint(self, value: object) -> str:
        if not is_real(value) or math.isnan(value):
            return ""
        if value in self.values:
            return f"; write the integer {int(value)}"
        inside = min(max(value, self.low), self.high)
        index = (math.floor(inside) - self.low) // self.step
        near = [inside] if inside in self.values else self.values[index : index + 2]
        return f"; nearest: {' and '.join(str(other) for other in near)}"


@dataclass(frozen=True, slots=True, repr=False)
class Float:
    """The real numbers from low to high, both included.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Draw samples evenly on a logarithmic scale.

    Raises:
        DeclarationError: A bound is no finite number, or low is above high.

    >>> 0.1 in Float(0, 0.5)
    True
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, self._finite_number(name))
        if self.low > self.high:
            raise DeclarationError(f"{self}: low is above high; write Float({self.high}, {self.low})")
        if self.log and self.low <= 0:
            raise DeclarationError(f"{self}: a logarithmic scale needs low > 0; leave out log=True")

    def __repr__(self) -> str:
        return f"Float({spelled(self.low)}, {spelled(self.high)}{', log=True' if self.log else ''})"

    def __contains__(self, value: object) -> bool:
        return is_real(value) and self.low <= value <= self.high

    @property
    def finite(self) -> bool:
        """Whether `values` can be listed: only where low equals high."""
        return self.low == self.high

    @property
    def size(self) -> int | float:
        """1 where low equals high, else infinity."""
        return 1 if self.finite else math.inf

    @property
    def values(self) -> tuple[float, ...]:
        """The one value of a fixed Float; an error for a real interval."""
        if self.finite:
            return (self.low,)
        raise DeclarationError(f"{self} cannot be listed; write Choice(...), or Float(x, x) for one value")

    def accept(self, value: object) -> float:
        """Return `value` as a float, or raise a ConfigError."""
        if is_real(value) and self.low <= value <= self.high:
            return float(value)
        raise ConfigError(f"{spelled(value)} is not in {self}")

    def between(self, low: object, high: object) -> Float:
        """Return the part from low to high."""
        first, last = max(number_bound(self, low), self.low), min(number_bound(self, high), self.high)
        if first > last:
            raise nothing_between(self, low, high)
        return Float(float(first), float(last), log=self.log)

    def fixed(self, value: object) -> Float:
        """Return the domain of this value alone."""
        only = self.accept(value)
        return Float(only, only)

    def sample(self, rng: random.Random) -> float:
        """Draw a value."""
        if self.log:
            drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            share = rng.random()
            drawn = (1 - share) * self.low + share * self.high
        return min(max(drawn, self.low), self.high)

    def _finite_number(self, name: str) -> float:
        value = getattr(self, name)
        if is_real(value) and math.isfinite(value):
            return float(value)
        raise DeclarationError(f"{self}: {name} is {spelled(value)}; write a finite number")
