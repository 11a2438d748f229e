"""A hyperparameter that is one of several texts, such as an activation's name.

Code that compares it takes a path, and the trace is of that path. Code that looks something up by it, as in
`{"relu": nn.ReLU, "gelu": nn.GELU}[name]`, is no path: the models of all options are traced together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy

from fxcost.trace.symbols import HyperparameterEnv

OWN = frozenset(
    {
        "__new__",
        "__init__",
        "__hash__",
        "__class__",
        "__getattribute__",
        "__setattr__",
        "__delattr__",
        "__init_subclass__",
    }
    | {
        "__subclasshook__",
        "__doc__",
        "__dir__",
        "__sizeof__",
        "__getnewargs__",
        "__reduce__",
        "__reduce_ex__",
    }
    | {"__getstate__"}
)


class Option(str):  # noqa: SLOT000 (CPython allows a str no slots of its own)
    """The text chosen where the trace runs; whatever looks at it fixes the choice, only `Switch` does not.

    Attributes:
        env: Keeps that the choice was fixed.
        symbol: Stands for the position of the option chosen.
        options: All texts.
    """

    env: HyperparameterEnv
    symbol: sympy.Symbol
    options: tuple[str, ...]

    def __hash__(self) -> int:
        self.env.looked_up[self.symbol.name] = None
        return hash(self.fix())

    def fix(self) -> str:
        """Return the plain text, and keep that it is the one chosen."""
        plain = str.__str__(self)
        self.env.assume(sympy.Eq(self.symbol, self.options.index(plain), evaluate=False))
        return plain


def option(env: HyperparameterEnv, symbol: sympy.Symbol, options: Iterable[object], chosen: object) -> Option:
    """Return the option chosen of a hyperparameter that is one of several texts."""
    found = Option(chosen)
    found.env, found.symbol, found.options = env, symbol, tuple(map(str, options))
    return found


def _fixing(name: str) -> Callable[..., Any]:
    def method(self: Option, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.fix(), name)(*args, **kwargs)

    method.__name__ = name
    return method


def _added_to(self: Option, other: str) -> str:
    return other + self.fix()


def _install() -> None:
    for name in dir(str):
        if name not in OWN and callable(getattr(str, name)):
            setattr(Option, name, _fixing(name))
    Option.__radd__ = _added_to  # type: ignore[attr-defined]


_install()
