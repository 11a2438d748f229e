"""A space's hyperparameters as SymPy symbols, and their values as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import sympy

from fxcost.errors import ConfigError
from fxcost.expr.functions import Number
from fxcost.space import AnyDomain, Bool, Config, Float, Int, Space

LISTABLE = 1 << 22
"""An axis with more values than this is never written out as an array."""


def is_number(option: object) -> TypeGuard[Number]:
    """Say whether an option is a number to calculate with; a bool is not.

    >>> is_number(2), is_number(0.5), is_number(True), is_number("gelu")
    (True, True, False, False)
    """
    return isinstance(option, int | float) and not isinstance(option, bool)


@dataclass(frozen=True)
class Axis:
    """The encoded values of one hyperparameter, ascending where they are integers from an `Int`.

    Attributes:
        name: The hyperparameter.
        low: Smallest encoded value.
        high: Largest encoded value.
        listed: The encoded values in the order of their declaration; None for a `Float`.
        options: What the values 0, 1, ... stand for where they are positions, else None.
    """

    name: str
    low: Number
    high: Number
    listed: range | tuple[Number, ...] | None
    options: tuple[object, ...] | None = None

    @classmethod
    def of(cls, name: str, domain: AnyDomain) -> Axis:
        """Return the axis of a declared domain."""
        if isinstance(domain, Int):
            return cls(name, domain.values[0], domain.values[-1], domain.values)
        if isinstance(domain, Float):
            return cls(name, float(domain.low), float(domain.high), None)
        options = (False, True) if isinstance(domain, Bool) else domain.options
        numbers = tuple(option for option in options if is_number(option))
        if len(numbers) == len(options):
            return cls(name, min(numbers), max(numbers), numbers)
        return cls(name, 0, len(options) - 1, range(len(options)), options)

    @property
    def size(self) -> float:
        """Number of values; infinite for a `Float`."""
        return math.inf if self.listed is None else len(self.listed)

    @property
    def integral(self) -> bool:
        """Whether every value is a Python int."""
        if isinstance(self.listed, tuple):
            return all(isinstance(value, int) for value in self.listed)
        return self.listed is not None

    @cached_property
    def values(self) -> npt.NDArray[Any] | None:
        """The encoded values ascending, None where they are too many to list."""
        if self.listed is None or self.size > LISTABLE:
            return None
        if not self.integral:
            return np.array(sorted(self.listed), dtype=np.float64)
        fits = self.low >= -(2**63) and self.high < 2**63
        if isinstance(self.listed, range) and fits:
            return int(self.low) + self.listed.step * np.arange(len(self.listed))
        return np.array(sorted(self.listed), dtype=np.int64 if fits else object)

    @cached_property
    def symbol(self) -> sympy.Symbol:
        """The symbol, with what is known of its values."""
        sign = {"positive": True} if self.low > 0 else {"nonnegative": True} if self.low >= 0 else {}
        return sympy.Symbol(self.name, **({"integer": True} if self.integral else {"real": True}), **sign)

    def encode(self, value: object) -> Number:
        """Return the number that stands for a hyperparameter's value."""
        if self.options is None:
            return value  # type: ignore[return-value]
        same = [i for i, option in enumerate(self.options) if option is value or _alike(option, value)]
        if not same:
            raise ConfigError(f"{self.name}={value!r} is none of {', '.join(map(repr, self.options))}")
        return same[0]

    def encode_many(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the numbers that stand for an array of values."""
        if self.options is None:
            return values
        known = {(type(option), option): i for i, option in enumerate(self.options)}
        keys = [(type(value), value) for value in values.ravel().tolist()]
        numbers = [known[key] if key in known else self.encode(key[1]) for key in keys]
        return np.array(numbers, dtype=np.int64).reshape(values.shape)

    def nearest(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the encoded values nearest to some numbers.

        >>> Axis.of("width", Int(64, 256, step=64)).nearest(np.array([0.0, 90.5, 100.0, 999.0]))
        array([ 64,  64, 128, 256])
        """
        inside = np.asarray(np.clip(values, self.low, self.high))
        if self.listed is None:
            return inside
        if isinstance(self.listed, range):
            steps = np.rint((inside - self.low) / self.listed.step).astype(np.int64)
            return np.asarray(self.listed.start + self.listed.step * steps)
        options = np.array(sorted(self.listed))
        return np.asarray(options[np.searchsorted((options[1:] + options[:-1]) / 2, inside)])

    def decode(self, value: Number) -> object:
        """Return the hyperparameter's value that a number stands for."""
        if self.options is not None:
            return self.options[int(value)]
        return (
            int(value)
            if self.integral
            else next((option for option in self.listed or () if option == value), float(value))
        )


def _alike(option: object, value: object) -> bool:
    return type(option) is type(value) and bool(option == value)


@dataclass(frozen=True)
class Domain:
    """The hyperparameters of a space, as symbols to calculate with.

    An `Int`, and a `Choice` of numbers, stands for its own value; any other `Choice`, and a `Bool`,
    for the position of the option chosen.

    >>> from fxcost.space import Choice
    >>> domain = Domain(Space(width=Int(64, 256, step=64), act=Choice("relu", "gelu")))
    >>> domain.symbols["width"].is_positive, domain.values("act")
    (True, array([0, 1]))
    >>> domain.encode(Config(width=128, act="gelu"))
    {'width': 128, 'act': 1}
    >>> domain.decode({"width": 128, "act": 1})
    Config(width=128, act='gelu')
    """

    space: Space

    @cached_property
    def axes(self) -> Mapping[str, Axis]:
        """One axis per hyperparameter, by name."""
        return {name: Axis.of(name, self.space[name]) for name in self.space.names}

    @cached_property
    def symbols(self) -> Mapping[str, sympy.Symbol]:
        """One symbol per hyperparameter, by name."""
        return {name: axis.symbol for name, axis in self.axes.items()}

    def values(self, symbol: sympy.Symbol | str) -> npt.NDArray[Any] | None:
        """Return the encoded values, ascending; None for a `Float` or a very long `Int`."""
        return self.axes[str(symbol)].values

    def bounds(self, symbol: sympy.Symbol | str) -> tuple[Number, Number]:
        """Return the smallest and the largest encoded value."""
        axis = self.axes[str(symbol)]
        return axis.low, axis.high

    def encode(self, config: Mapping[str, object]) -> dict[str, Number]:
        """Return a configuration's values as numbers."""
        return {name: axis.encode(config[name]) for name, axis in self.axes.items()}

    def decode(self, values: Mapping[str, Number]) -> Config:
        """Return the configuration that numbers stand for."""
        return Config(**{name: axis.decode(values[name]) for name, axis in self.axes.items()})
