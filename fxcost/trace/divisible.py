"""Rounding to a multiple without a branch, for the functions that model code copies from each other.

MobileNet's rule goes up one multiple where rounding took away more than 10 %. Written with an `if` it
splits the space once per layer; written as arithmetic it stays one formula. A function is known by its
bytecode, so that libraries' own copies and the user's are found under every name.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType, MappingProxyType
from typing import Any, TypeAlias

from fxcost.trace.twins import int_twin, is_symbolic, max_twin, min_twin

Rounding: TypeAlias = "Callable[..., Any]"
Key: TypeAlias = "tuple[object, ...]"
Operands: TypeAlias = "tuple[Any, Any, Any, Any]"


def rounded(value: Any, divisor: Any, least: Any, limit: Any) -> Any:
    """Return a value's nearest multiple of a divisor, the next where that is below `limit` times the value.

    Example:
        >>> rounded(18.0, 8, 8, 0.9), rounded(12.0, 8, 8, 0.9), rounded(11.0, 8, 8, 0.9)
        (24, 16, 16)
    """
    nearest = max_twin(least, int_twin(value + divisor / 2) // divisor * divisor)
    missing = limit * value - nearest  # a difference of floats has the right sign
    return nearest + divisor * max_twin(0, min_twin(1, missing.__ceil__()))


def branchless(function: FunctionType) -> Rounding | None:
    """Return what does the same without a branch where a number is symbolic, None for an unknown function."""
    if function.__code__.co_names not in NAMES:
        return None
    operands_of = KNOWN.get(key_of(function.__code__))
    return None if operands_of is None else _twin(function, operands_of)


def _twin(function: FunctionType, operands_of: Callable[..., Operands | None]) -> Rounding:
    signature = inspect.signature(function)

    def twin(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = tuple(bound.arguments.values())
        operands = operands_of(*values) if any(map(is_symbolic, values)) else None
        return function(*args, **kwargs) if operands is None else rounded(*operands)

    return functools.wraps(function)(twin)


def key_of(code: CodeType) -> Key:
    """Return what a function computes: its instructions, whatever its variables and docstring are."""
    return (code.co_argcount, *map(_step, dis.get_instructions(code)))


def _step(instruction: dis.Instruction) -> Key:
    by_value = instruction.opname in ("LOAD_CONST", "LOAD_GLOBAL", "COMPARE_OP")
    return instruction.opname, instruction.argval if by_value else instruction.arg


# The forms that go around, some with a docstring.
# fmt: off
def _tensorflow(v: Any, divisor: Any, min_value: Any = None) -> Any:
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return new_v


def _tensorflow_int(v: Any, divisor: Any, min_value: Any = None) -> Any:
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return int(new_v)


def _divisor_first(value: Any, divisor: Any = 8) -> Any:
    min_value = divisor
    new_value = max(min_value, int(value + divisor / 2) // divisor * divisor)
    if new_value < 0.9 * value:
        new_value += divisor
    return new_value


def _limited(v: Any, divisor: Any = 8, min_value: Any = None, round_limit: Any = 0.9) -> Any:
    min_value = min_value or divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < round_limit * v:
        new_v += divisor
    return new_v


def _either(val: Any, divisor: Any, round_up_bias: Any = 0.9) -> Any:
    if not 0.0 < round_up_bias < 1.0:
        raise ValueError(f"round_up_bias should be greater than 0.0 and smaller than 1.0 instead of {round_up_bias}")  # noqa: E501
    new_val = max(divisor, int(val + divisor / 2) // divisor * divisor)
    return new_val if new_val >= round_up_bias * val else new_val + divisor
# fmt: on


def _of_tensorflow(value: Any, divisor: Any, least: Any) -> Operands:
    return value, divisor, divisor if least is None else least, 0.9


def _of_limited(value: Any, divisor: Any, least: Any, limit: Any) -> Operands:
    return value, divisor, least or divisor, limit


def _of_either(value: Any, divisor: Any, limit: Any) -> Operands | None:
    return (value, divisor, divisor, limit) if 0.0 < limit < 1.0 else None


def _of_divisor_first(value: Any, divisor: Any) -> Operands:
    return value, divisor, divisor, 0.9


KNOWN: Mapping[Key, Callable[..., Operands | None]] = MappingProxyType(
    {
        key_of(_tensorflow.__code__): _of_tensorflow,
        key_of(_tensorflow_int.__code__): _of_tensorflow,
        key_of(_divisor_first.__code__): _of_divisor_first,
        key_of(_limited.__code__): _of_limited,
        key_of(_either.__code__): _of_either,
    }
)
NAMES = frozenset({("max", "int"), ("ValueError", "max", "int")})
