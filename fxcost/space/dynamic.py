"""`Dynamic`: what the user says of a size, a number or an answer that a tensor's data decides."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.space.bounds import is_integer
from fxcost.space.conditions import Condition
from fxcost.space.domains import AnyDomain, Bool, Int
from fxcost.space.extents import Extent
from fxcost.space.lambda_text import text_of
from fxcost.space.space import Space
from fxcost.space.spelling import did_you_mean, spelled
from fxcost.space.text import parse_number

LINE = re.compile(r".+:\d+")
NAMES = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
EXAMPLE_PLACE = 'at="model.py:57" for a line, or at="Router.forward" for a function'


@dataclass(frozen=True, slots=True, repr=False)
class Dynamic:
    """One more hyperparameter: what data decides at a place of the model's code.

    With bounds it stands for a size (`nonzero`, `x[mask]`, `unique`, ...) or an integer (`.item()`,
    `.tolist()`); without, for the answer of a branch (`if score.max() > 0.9:`). The real model never sees it.

    Args:
        name: The hyperparameter.
        low: Smallest value; left out, with `high`, for a branch.
        high: Largest value: an integer, or what it is in other hyperparameters, as text ("batch * seq") or
            as a function of them.
        at: Who asks: a line "model.py:57" with as much of the path as is needed, or the name of a function,
            class or module, such as "Router.forward"; several in a tuple.
        step: Distance between values.
        each: For a place that asks several times, as a loop over experts does: use 0, 1, ... gets
            `name_0`, `name_1`, ..., and after `each` of them `name_0` again, as the next layer does.
            Left out, every use gets the same value.

    Raises:
        DeclarationError: A name, a bound or a place cannot be what it is for.

    >>> Dynamic("routed", 0, "batch * seq", at="moe.py:57", each=2).names
    ('routed_0', 'routed_1')
    >>> Dynamic("routed", 0, at="moe.py:57")
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: Dynamic('routed', 0, at='moe.py:57'): a size has a largest value; ...
    """

    name: str
    low: int | None = None
    high: int | str | Callable[..., object] | None = None
    at: str | tuple[str, ...] = field(default=(), kw_only=True)
    step: int = field(default=1, kw_only=True)
    each: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        fault = self._fault_of_place() or self._fault_of_count() or self._fault_of_bounds()
        if fault:
            raise DeclarationError(f"{self}: {fault}")

    def __repr__(self) -> str:
        bounds = [spelled(bound) for bound in (self.low, self.high) if bound is not None]
        at = self.at[0] if isinstance(self.at, tuple) and len(self.at) == 1 else self.at
        more = [f"at={at!r}"]
        more += [f"step={spelled(self.step)}"] if self.step != 1 else []
        more += [f"each={spelled(self.each)}"] if self.each is not None else []
        return f"Dynamic({', '.join([repr(self.name), *bounds, *more])})"

    @property
    def places(self) -> tuple[str, ...]:
        """Who asks."""
        return self.at if isinstance(self.at, tuple) else (self.at,)

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters it stands for."""
        return (self.name,) if self.each is None else tuple(f"{self.name}_{i}" for i in range(self.each))

    @property
    def is_branch(self) -> bool:
        """Whether it answers a branch: it has no bounds."""
        return self.low is None

    def _fault_of_place(self) -> str:
        if not self.places:
            return f"say who asks: {EXAMPLE_PLACE}"
        for place in self.places:
            if not _is_place(place):
                return f"{place!r} is no place in the code; write {EXAMPLE_PLACE}"
        return ""

    def _fault_of_count(self) -> str:
        if self.each is None or (is_integer(self.each) and self.each > 0):
            return ""
        return f"each is {self.each!r}; write how many uses are told apart, such as each=8"

    def _fault_of_bounds(self) -> str:
        if self.low is None and self.high is None:
            return "" if self.step == 1 else "a branch has no step; give bounds, or leave it out"
        if self.low is None or self.high is None:
            missing = "smallest" if self.low is None else "largest"
            return f'a size has a {missing} value; write Dynamic({self.name!r}, 0, "batch * seq", at=...)'
        if not is_integer(self.low):
            return f"low is {spelled(self.low)}; write an integer, such as 0"
        if self.low < 0:
            return f"low is {self.low}; nothing has fewer than 0 elements, write 0"
        if isinstance(self.high, str) or (callable(self.high) and not isinstance(self.high, type)):
            return ""
        if not is_integer(self.high):
            return f'high is {spelled(self.high)}; write an integer, or text such as "batch * seq"'
        return ""


def _is_place(place: object) -> bool:
    return isinstance(place, str) and any(kind.fullmatch(place) for kind in (LINE, NAMES))


def with_dynamic(space: Space, declarations: Iterable[Dynamic]) -> Space:
    """Return a space with one more hyperparameter for each that declarations stand for.

    Raises:
        DeclarationError: A name is there twice, or a bound cannot be read or is no integer.

    >>> declared = with_dynamic(Space(batch=Int(1, 4)), [Dynamic("kept", 0, "3 * batch", at="net.py:9")])
    >>> declared
    Space(batch=Int(1, 4), kept=Int(0, 12)).where('kept <= 3 * batch')
    """
    for declaration in declarations:
        if not isinstance(declaration, Dynamic):
            raise DeclarationError(
                f"dynamic=[{spelled(declaration)}]: no declaration; write "
                'dynamic=[fc.Dynamic("kept", 0, "batch * seq", at="model.py:57")]'
            )
        taken = [name for name in declaration.names if name in space.names]
        if taken:
            raise DeclarationError(
                f"{declaration}: {taken[0]} is a hyperparameter already; write another name"
            )
        space = _with_one(space, declaration)
    return space


def _with_one(space: Space, declaration: Dynamic) -> Space:
    names, bound = declaration.names, _Bound.of(declaration, space)
    added = dict.fromkeys(names, _domain(declaration, space, bound))
    conditions = [] if bound is None else [bound.condition(name) for name in names]
    return Space(dict(space.domains) | added).where(*space.conditions, *conditions)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A largest value that the hyperparameters `names` decide: its text, and it as a function of them."""

    names: tuple[str, ...]
    text: str
    function: Callable[..., Any]

    @classmethod
    def of(cls, declaration: Dynamic, space: Space) -> _Bound | None:
        high = declaration.high
        if high is None or is_integer(high):
            return None
        try:
            bound = cls._written(high) if isinstance(high, str) else cls._function(high)
        except (DeclarationError, ValueError, TypeError) as error:
            raise DeclarationError(f"{declaration}: {error}") from error
        for name in bound.names:
            if name not in space.names:
                raise DeclarationError(
                    f'{declaration}: "{bound.text}" names {name}: {did_you_mean(name, space.names)}'
                )
        return bound

    @classmethod
    def _written(cls, text: str) -> _Bound:
        parsed = parse_number(text)
        return cls(parsed.names, parsed.text, parsed)

    @classmethod
    def _function(cls, function: Any) -> _Bound:
        names = tuple(inspect.signature(function).parameters)
        return cls(names, text_of(function, names), function)

    def condition(self, name: str) -> Condition:
        """Return that a hyperparameter is at most this."""

        def holds(**values: Any) -> object:
            return values[name] <= self.function(**{read: values[read] for read in self.names})

        return Condition(tuple(dict.fromkeys((name, *self.names))), f"{name} <= {self.text}", holds)

    def largest(self, space: Space) -> int:
        """Return a number that it never exceeds; a TypeError where that cannot be told."""
        value = self.function(**{name: Extent.of(space[name]) for name in self.names})
        high = value.high if isinstance(value, Extent) else value
        if not is_integer(high):
            raise TypeError(f"it is {spelled(high)}")
        return high


def _domain(declaration: Dynamic, space: Space, bound: _Bound | None) -> AnyDomain:
    """Return the values that a declaration allows."""
    if declaration.low is None:
        return Bool()
    try:
        high: Any = declaration.high if bound is None else bound.largest(space)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise DeclarationError(
            f"{declaration}: the largest value cannot be told ({error}); "
            "calculate with integers, +, -, *, // and %"
        ) from error
    try:
        return Int(declaration.low, high, step=declaration.step)
    except DeclarationError as error:
        raise DeclarationError(f"{declaration}: {error}") from None
