"""Which positions in loops a model looks at: a special seventh layer shows in no shorter trace.

While a model runs, `range` and `enumerate` yield integers that note where they are compared, computed with
or looked up. A line that gets further when a hyperparameter is larger tells layers apart by their position.
"""

from __future__ import annotations

import builtins
import operator
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from fxcost.trace.questions import OWN_FOLDER, TORCH_FOLDER

SYMBOLIC = (torch.SymInt, torch.SymFloat)
LONGEST = 4096
"""Longer ranges are no loop over layers."""

SILENT = frozenset(
    {"__index__", "__repr__", "__str__", "__format__", "__reduce__", "__reduce_ex__", "__getnewargs__"}
    | {
        name
        for name in dir(object)
        if name not in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
    }
) - {"__hash__"}


@dataclass
class Positions:
    """Notes how far along loops a model looks at its position.

    Attributes:
        furthest: By file and line, the largest position looked at.

    Example:
        >>> positions = Positions()
        >>> walk = positions.twins()["range"]
        >>> [layer for layer in walk(4)], positions.furthest
        ([0, 1, 2, 3], {})
        >>> [layer % 2 for layer in walk(4)], list(positions.furthest.values())
        ([0, 1, 0, 1], [3])
    """

    furthest: dict[tuple[str, int], int] = field(default_factory=dict)

    def look(self, position: int) -> None:
        """Note that the calling line looks at a position; torch's own code names modules only."""
        code = sys._getframe(2)
        file = code.f_code.co_filename
        if not file.startswith((TORCH_FOLDER, OWN_FOLDER)):
            key = (file, code.f_lineno)
            self.furthest[key] = max(self.furthest.get(key, -1), position)

    def twins(self) -> dict[str, Any]:
        """Return twins of the builtins that yield positions."""
        return {"range": self._range(), "enumerate": self._enumerate}

    def _range(self) -> type:
        """Return a type that makes ranges, and whose instances they are."""

        def made(_cls: type, *args: Any) -> Any:
            walked = builtins.range(*args)
            return Walked(walked, self) if len(walked) <= LONGEST else walked

        return _Ranges("range", (), {"__new__": made})

    def _enumerate(self, iterable: Iterable[Any], start: int = 0) -> Iterator[tuple[int, Any]]:
        return ((Position(index, self), each) for index, each in builtins.enumerate(iterable, start))


class _Ranges(type):
    """Metaclass of the twin of `range`."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (builtins.range, Walked))


class Walked(tuple[int, ...]):  # noqa: SLOT001 (CPython allows a tuple no slots of its own)
    """A range's positions, each of which notes who looks at it."""

    start: int
    stop: int
    step: int

    def __new__(cls, walked: range, positions: Positions) -> Self:
        """Return the positions of a range."""
        self = super().__new__(cls, (Position(each, positions) for each in walked))
        self.start, self.stop, self.step = walked.start, walked.stop, walked.step
        return self


class Position(int):
    """A position in a loop; whatever computes with it is noted, its text and its use as an index are not."""

    positions: Positions

    def __new__(cls, value: int, positions: Positions) -> Self:
        """Return a position that notes at `positions` who looks at it."""
        self = super().__new__(cls, value)
        self.positions = positions
        return self

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return int, (int.__index__(self),)


def _looking(name: str) -> Callable[..., Any]:
    original = getattr(int, name)

    def method(self: Position, *args: Any) -> Any:
        plain = int.__index__(self)
        self.positions.look(plain)
        if args and isinstance(args[0], SYMBOLIC):
            return _with_symbolic(name, plain, args[0])
        return original(plain, *args)

    method.__name__ = name
    return method


def _with_symbolic(name: str, plain: int, symbolic: Any) -> Any:
    """Return an operation of a position and a symbolic number, which knows plain integers only."""
    reflected = "__" + name.removeprefix("__r")
    if name.startswith("__r") and hasattr(operator, reflected):
        return getattr(operator, reflected)(symbolic, plain)
    return getattr(operator, name)(plain, symbolic)


def _install() -> None:
    for name in dir(int):
        if name.startswith("__") and name not in SILENT and callable(getattr(int, name)):
            setattr(Position, name, _looking(name))


_install()
