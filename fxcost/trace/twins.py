"""Symbolic twins of Python's number functions.

A twin does what the builtin does for ordinary values and stays symbolic for symbolic ones, where the
builtin would ask for the value and pin it.
"""

from __future__ import annotations

import builtins
import functools
import math
import numbers
import types
from collections.abc import Callable, Iterable
from typing import Any

import torch

from fxcost.trace.arithmetic import MATHEMATICS
from fxcost.trace.symbols import SYMBOLIC


class _Twin(type):
    """Metaclass of a type's twin: `isinstance` accepts symbolic numbers, attributes are the type's."""

    original: type
    symbolic: tuple[type, ...]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (cls.original, *cls.symbolic))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, (cls.original, *cls.symbolic))

    def __eq__(cls, other: object) -> bool:
        return other is cls.original or other is cls or other in cls.symbolic

    def __hash__(cls) -> int:
        return hash(cls.original)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.original, name)


class int_twin(metaclass=_Twin):  # noqa: N801
    """Twin of `int`: truncates a symbolic float, passes a symbolic integer through."""

    original = builtins.int
    symbolic = (torch.SymInt,)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return what `int` does, or a symbolic integer."""
        if len(args) == 1 and isinstance(args[0], torch.SymInt):
            return args[0]
        if len(args) == 1 and isinstance(args[0], torch.SymFloat):
            return args[0].__trunc__()
        return builtins.int(*args, **kwargs)


class float_twin(metaclass=_Twin):  # noqa: N801
    """Twin of `float`: converts a symbolic integer, passes a symbolic float through."""

    original = builtins.float
    symbolic = (torch.SymFloat,)

    def __new__(cls, *args: Any) -> Any:
        """Return what `float` does, or a symbolic float."""
        if len(args) == 1 and isinstance(args[0], SYMBOLIC):
            return torch.sym_float(args[0])
        return builtins.float(*args)


int_twin.__name__, float_twin.__name__ = "int", "float"


class TypeTwin:
    """Twin of `type`: a symbolic number is an `int` or a `float`. In everything else it is `type` itself."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what `type` does."""
        if len(args) == 1 and isinstance(args[0], torch.SymInt):
            return int_twin
        if len(args) == 1 and isinstance(args[0], torch.SymFloat):
            return float_twin
        return builtins.type(*args, **kwargs)

    def __getattribute__(self, name: str) -> Any:
        return getattr(TypeTwin if name == "__mro_entries__" else builtins.type, name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, builtins.type)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, builtins.type)

    @staticmethod
    def __mro_entries__(_bases: tuple[object, ...]) -> tuple[type, ...]:
        return (builtins.type,)

    def __getitem__(self, parameters: Any) -> Any:
        return builtins.type[parameters]

    def __or__(self, other: Any) -> Any:
        return builtins.type | other

    def __eq__(self, other: object) -> bool:
        return other is builtins.type or isinstance(other, TypeTwin)

    def __hash__(self) -> int:
        return hash(builtins.type)


class integral_twin(metaclass=_Twin):  # noqa: N801
    """Twin of `numbers.Integral`, which torch.nn asks a normalised shape for."""

    original = numbers.Integral
    symbolic = (torch.SymInt,)


class real_twin(metaclass=_Twin):  # noqa: N801
    """Twin of `numbers.Real`."""

    original = numbers.Real
    symbolic = (torch.SymInt, torch.SymFloat)


class number_twin(metaclass=_Twin):  # noqa: N801
    """Twin of `numbers.Number`."""

    original = numbers.Number
    symbolic = (torch.SymInt, torch.SymFloat)


NUMBERS_TWIN = types.SimpleNamespace(
    **{name: getattr(numbers, name) for name in numbers.__all__}
    | {"Integral": integral_twin, "Real": real_twin, "Number": number_twin}
)


def is_symbolic(value: object) -> bool:
    """Tell whether a value is one of torch's symbolic numbers."""
    return isinstance(value, SYMBOLIC)


def round_twin(number: Any, ndigits: int | None = None) -> Any:
    """Twin of `round`, half to even."""
    if isinstance(number, torch.SymInt):
        if ndigits is None or ndigits >= 0:
            return number
        unit = 10**-ndigits
        return torch.SymInt((number / unit).node.round()) * unit
    if isinstance(number, torch.SymFloat) and ndigits is None:
        return torch.SymInt(number.node.round())
    return builtins.round(number, ndigits)


def _extreme(original: Callable[..., Any], symbolic: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def twin(*args: Any, **kwargs: Any) -> Any:
        if kwargs or (len(args) == 1 and not isinstance(args[0], Iterable)):
            return original(*args, **kwargs)
        values = list(args[0]) if len(args) == 1 else list(args)
        if not any(map(is_symbolic, values)) or not all(
            isinstance(v, (int, float, *SYMBOLIC)) for v in values
        ):
            return original(values)
        return functools.reduce(symbolic, values)

    return functools.wraps(original)(twin)


max_twin = _extreme(builtins.max, torch.sym_max)
min_twin = _extreme(builtins.min, torch.sym_min)


def divmod_twin(numerator: Any, denominator: Any) -> Any:
    """Twin of `divmod`."""
    if is_symbolic(numerator) or is_symbolic(denominator):
        return numerator // denominator, numerator % denominator
    return builtins.divmod(numerator, denominator)


def _mathematics(name: str) -> Callable[..., Any]:
    original = getattr(math, name)

    def twin(x: Any, *rest: Any) -> Any:
        if not is_symbolic(x) or rest:
            return original(x, *rest)
        node = torch.sym_float(x).node
        return torch.SymFloat(node.unary(f"sym_{name}"))

    return functools.wraps(original)(twin)


def _rounding(name: str) -> Callable[..., Any]:
    original = getattr(math, name)
    method = f"__{name}__"

    def twin(x: Any) -> Any:
        return getattr(x, method)() if is_symbolic(x) else original(x)

    return functools.wraps(original)(twin)


def log_twin(x: Any, *base: Any) -> Any:
    """Twin of `math.log`: with a base it is the quotient of two logarithms, as in CPython."""
    if not any(map(is_symbolic, (x, *base))):
        return math.log(x, *base)
    logarithms = [
        torch.SymFloat(torch.sym_float(value).node.unary("sym_log"))
        if is_symbolic(value)
        else math.log(value)
        for value in (x, *base)
    ]
    return logarithms[0] / logarithms[1] if base else logarithms[0]


def isqrt_twin(n: Any) -> Any:
    """Twin of `math.isqrt`: the floor of the root, which floats have exactly below 2**52."""
    return _mathematics("sqrt")(n).__floor__() if is_symbolic(n) else math.isqrt(n)


def prod_twin(values: Iterable[Any], *, start: Any = 1) -> Any:
    """Twin of `math.prod`."""
    for value in values:
        start = start * value
    return start


def gcd_twin(*values: Any) -> Any:
    """Twin of `math.gcd`."""
    if not any(map(is_symbolic, values)):
        return math.gcd(*values)
    return functools.reduce(lambda a, b: _of_two("gcd", a, b), values) if len(values) > 1 else abs(values[0])


def lcm_twin(*values: Any) -> Any:
    """Twin of `math.lcm`, of integers that are not 0."""
    if not any(map(is_symbolic, values)):
        return math.lcm(*values)
    return (
        functools.reduce(lambda a, b: abs(a * b) // gcd_twin(a, b), values)
        if len(values) > 1
        else abs(values[0])
    )


def hypot_twin(*coordinates: Any) -> Any:
    """Twin of `math.hypot`, symbolic in two dimensions."""
    if len(coordinates) != 2 or not any(map(is_symbolic, coordinates)):
        return math.hypot(*coordinates)
    return _of_two("hypot", *map(torch.sym_float, coordinates))


def _of_two(method: str, a: Any, b: Any) -> Any:
    """Return an operation on two numbers, of which at least one is symbolic or both are plain."""
    if not (is_symbolic(a) or is_symbolic(b)):
        return getattr(math, method)(a, b)
    env = (a if is_symbolic(a) else b).node.shape_env
    first, second = (number.node if is_symbolic(number) else env.constant(number) for number in (a, b))
    wrap = torch.SymInt if first.pytype is int else torch.SymFloat
    return wrap(first.binary(method, second))


def fabs_twin(x: Any) -> Any:
    """Twin of `math.fabs`."""
    return abs(torch.sym_float(x)) if is_symbolic(x) else math.fabs(x)


def isclose_twin(a: Any, b: Any, *, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> bool:
    """Twin of `math.isclose`."""
    if not (is_symbolic(a) or is_symbolic(b)):
        return math.isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
    return bool(abs(a - b) <= max_twin(rel_tol * max_twin(abs(a), abs(b)), abs_tol))


def pow_twin(base: Any, exponent: Any) -> Any:
    """Twin of `math.pow`, which works in floats."""
    if is_symbolic(base) or is_symbolic(exponent):
        return torch.sym_float(base) ** torch.sym_float(exponent)
    return math.pow(base, exponent)


BUILTIN_TWINS: dict[str, Any] = {
    "int": int_twin,
    "float": float_twin,
    "type": TypeTwin(),
    "round": round_twin,
    "max": max_twin,
    "min": min_twin,
    "divmod": divmod_twin,
}
MATH_TWINS: dict[str, Any] = {
    **{name: _mathematics(name) for name in MATHEMATICS},
    **{name: _rounding(name) for name in ("floor", "ceil", "trunc")},
    "log": log_twin,
    "isqrt": isqrt_twin,
    "prod": prod_twin,
    "gcd": gcd_twin,
    "lcm": lcm_twin,
    "hypot": hypot_twin,
    "fabs": fabs_twin,
    "isclose": isclose_twin,
    "pow": pow_twin,
}
NUMPY_METHODS: dict[str, Any] = {
    **{name: MATH_TWINS[name] for name in ("sqrt", "exp", "log", "log2", "log10")},
    "rint": lambda number: float_twin(round_twin(number)),
}
MATH_TWIN = types.SimpleNamespace(**vars(math) | MATH_TWINS)
