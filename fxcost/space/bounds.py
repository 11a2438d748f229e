"""What counts as a number in a declaration, and the bounds of a restriction."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TypeGuard

from fxcost.errors import DeclarationError, EmptySpaceError
from fxcost.space.spelling import spelled


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether `value` is an integer, NumPy's included and bool excluded."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: object) -> TypeGuard[int | float]:
    """Tell whether `value` is a real number, NumPy's included and bool excluded."""
    return isinstance(value, Real) and not isinstance(value, bool)


def number_bound(domain: object, bound: object) -> int | float:
    """Return one end of a (low, high) pair, or raise a DeclarationError."""
    if is_real(bound) and not math.isnan(bound):
        return bound
    raise DeclarationError(
        f"{domain} cannot be bounded by {spelled(bound)}; write a pair of numbers (low, high)"
    )


def nothing_between(domain: object, low: object, high: object) -> EmptySpaceError:
    """Return the error for a (low, high) pair that holds none of the domain's values."""
    pair = f"({spelled(low)}, {spelled(high)})"
    if low > high:  # type: ignore[operator]
        return EmptySpaceError(f"{pair}: low is above high; write ({spelled(high)}, {spelled(low)})")
    return EmptySpaceError(f"{pair} holds no value of {domain}; write wider bounds")
