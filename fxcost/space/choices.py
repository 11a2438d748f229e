"""Unordered domains: Choice and Bool."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from numbers import Rational, Real
from typing import Self

from fxcost.errors import ConfigError, DeclarationError
from fxcost.space.bounds import is_integer, is_real, nothing_between, number_bound
from fxcost.space.spelling import spelled


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Choice:
    """One of the options, which may be anything hashable: numbers, text, None, classes, functions.

    Args:
        *options: The options, each once.

    Raises:
        DeclarationError: There is no option, one is there twice, is not hashable, or is no finite number.

    >>> Choice(4, 8, 16).options
    (4, 8, 16)
    >>> Choice([4, 8, 16])
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: Choice([4, 8, 16]): the options are arguments; write Choice(4, 8, 16)
    """

    options: tuple[object, ...]

    def __init__(self, *options: object) -> None:
        object.__setattr__(self, "options", tuple(_plain(option) for option in options))
        if not options:
            raise DeclarationError("Choice(): there is no option; write, for example, Choice(4, 8, 16)")
        if len(options) == 1 and isinstance(options[0], list | set | dict | range):
            inside = ", ".join(spelled(option) for option in options[0])
            raise DeclarationError(f"{self}: the options are arguments; write Choice({inside})")
        for index, option in enumerate(self.options):
            self._check_option(option, self.options[:index])

    def __repr__(self) -> str:
        return f"Choice({', '.join(spelled(option) for option in self.options)})"

    def __len__(self) -> int:
        return len(self.options)

    def __contains__(self, value: object) -> bool:
        return any(_same(option, value) for option in self.options)

    @property
    def finite(self) -> bool:
        """Whether `values` can be listed: always."""
        return True

    @property
    def size(self) -> int:
        """How many options there are."""
        return len(self.options)

    @property
    def values(self) -> tuple[object, ...]:
        """The options, in the order written."""
        return self.options

    def accept(self, value: object) -> object:
        """Return the option equal to `value`, or raise a ConfigError."""
        for option in self.options:
            if _same(option, value):
                return option
        raise ConfigError(f"{spelled(value)} is not in {self}")

    def between(self, low: object, high: object) -> Choice:
        """Return the options from low to high, where all are numbers."""
        first, last = number_bound(self, low), number_bound(self, high)
        numbers = [option for option in self.options if is_real(option)]
        if len(numbers) < len(self.options):
            raise DeclarationError(
                f"({spelled(low)}, {spelled(high)}) bounds numbers; write an option of {self}"
            )
        inside = [option for option in numbers if first <= option <= last]
        if not inside:
            raise nothing_between(self, low, high)
        return Choice(*inside)

    def fixed(self, value: object) -> Self:
        """Return the domain of this option alone."""
        return type(self)(self.accept(value))

    def sample(self, rng: random.Random) -> object:
        """Draw an option."""
        return rng.choice(self.options)

    def _check_option(self, option: object, earlier: tuple[object, ...]) -> None:
        if not _hashable(option):
            raise DeclarationError(f"{self}: {option!r} cannot be hashed; {_advice(option)}")
        if isinstance(option, float) and not math.isfinite(option):
            raise DeclarationError(f"{self}: {option!r} is not a finite number; write None or text for it")
        for other in earlier:
            if other == option:
                equal = "is there twice" if repr(other) == repr(option) else f"equals {spelled(other)}"
                raise DeclarationError(f"{self}: {spelled(option)} {equal}; write each option once")


class Bool(Choice):
    """False or True.

    Args:
        *options: What is left of the two in a restricted space; both where none is given.

    >>> True in Bool(), 1 in Bool()
    (True, False)
    """

    __slots__ = ()

    def __init__(self, *options: object) -> None:
        super().__init__(*(options or (False, True)))
        for option in self.options:
            if not isinstance(option, bool):
                raise DeclarationError(f"{self}: {spelled(option)} is neither False nor True; write Bool()")

    def __repr__(self) -> str:
        return "Bool()" if len(self.options) > 1 else f"Bool({self.options[0]})"


def _plain(option: object) -> object:
    """Return NumPy's numbers as Python's."""
    if is_integer(option):
        return int(option)
    return float(option) if isinstance(option, Real) and not isinstance(option, Rational) else option


def _same(option: object, value: object) -> bool:
    """Tell whether `value` means `option`: an int may stand for a float, not a bool or a float for an int."""
    if isinstance(option, bool) or isinstance(value, bool):
        return option is value
    if isinstance(option, int) and not is_integer(value):
        return False
    return bool(option == value)


def _advice(option: object) -> str:
    if isinstance(option, list):
        return f"write {tuple(option)!r}"
    if isinstance(option, dict | set):
        return "write something immutable"
    return "choose between names and look the object up in the factory, or freeze it: @dataclass(frozen=True)"


def _hashable(option: object) -> bool:
    try:
        hash(option)
    except TypeError:
        return False
    return True
