"""What every function computes over arrays, equal to `exact` at every point or not given at all.

Arrays hold int64, Python ints (dtype object), float64 or bool. A function here returns
NotImplemented where its fast way could differ from Python's answer (integers that could pass
2^63, integers that a float cannot hold, a zero divisor): the exact function then runs per element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
Fast: TypeAlias = "Callable[..., Array | Any]"

INT64 = 2**63
FLOAT = 2**53


def elementwise(function: Callable[..., Any], *arrays: Array) -> Array:
    """Apply a Python function to every element, as Python numbers.

    >>> import operator
    >>> elementwise(operator.pow, np.array([2, 3]), np.array([64, 2]))
    array([18446744073709551616, 9], dtype=object)
    """
    result = np.frompyfunc(function, len(arrays), 1)(*(array.astype(object) for array in arrays))
    return narrow(np.asarray(result, dtype=object))


def plain(array: Array) -> Array:
    """Return an array in one of the types that functions here know.

    >>> plain(np.array([1, 2], dtype=np.uint8)).dtype, plain(np.array([0.5], dtype=np.float32)).dtype
    (dtype('int64'), dtype('float64'))
    """
    if array.dtype.kind in "iu":
        fits = array.dtype != np.uint64 or not array.size or int(array.max()) < INT64
        return array.astype(np.int64 if fits else object, copy=False)
    return array.astype(np.float64, copy=False) if array.dtype.kind == "f" else array


def narrow(array: Array) -> Array:
    """Return an array of Python numbers in the narrowest type that holds each as it is.

    >>> narrow(np.array([1, 2], dtype=object)).dtype, narrow(np.array([1, 0.5], dtype=object)).dtype
    (dtype('int64'), dtype('O'))
    """
    kinds = {type(value) for value in array.flat}
    if kinds == {bool}:
        return array.astype(bool)
    if kinds == {float}:
        return array.astype(np.float64)
    fits = kinds == {int} and min(array.flat) >= -INT64 and max(array.flat) < INT64
    return array.astype(np.int64) if fits else array


def extremes(array: Array) -> tuple[int, int]:
    """Return the smallest and largest element of an integer array as Python ints.

    >>> extremes(np.array([3, -1, 2]))
    (-1, 3)
    """
    return int(array.min()), int(array.max())


def _integers(*arrays: Array) -> bool:
    return all(array.dtype == np.int64 for array in arrays)


def _floats(*arrays: Array) -> tuple[Array, ...] | None:
    """Return arrays as float64 where at least one is and the others convert as Python converts."""
    if not any(array.dtype == np.float64 for array in arrays):
        return None
    if any(array.dtype not in (np.float64, np.int64) for array in arrays):
        return None
    return tuple(array.astype(np.float64) for array in arrays)


def _exact_floats(*arrays: Array) -> tuple[Array, ...] | None:
    """Return arrays as float64 where that changes no value."""
    whole = [array for array in arrays if array.dtype == np.int64]
    if any(max(map(abs, extremes(array))) > FLOAT for array in whole):
        return None
    return _floats(*arrays)


def add(*terms: Array) -> Array | Any:
    """Sum of integers that cannot overflow, or of two floats.

    >>> add(np.array([1, 2]), np.array([3])), add(np.array([2**62]), np.array([2**62]))
    (array([4, 5]), NotImplemented)
    """
    if _integers(*terms):
        lows, highs = zip(*map(extremes, terms), strict=True)
        if sum(min(low, 0) for low in lows) >= -INT64 and sum(max(high, 0) for high in highs) < INT64:
            return sum(terms[1:], start=terms[0])
        return NotImplemented
    floats = _floats(*terms) if len(terms) == 2 else None
    return _quiet(np.add, *floats) if floats else NotImplemented


def mul(*factors: Array) -> Array | Any:
    """Multiply integers that cannot overflow, or two floats.

    >>> mul(np.array([2, 3]), np.array([0.5])), mul(np.array([2**32]), np.array([2**32]))
    (array([1. , 1.5]), NotImplemented)
    """
    if _integers(*factors):
        bound = 1
        for factor in factors:
            bound *= max(1, *map(abs, extremes(factor)))
        return _product(factors) if bound < INT64 else NotImplemented
    floats = _floats(*factors) if len(factors) == 2 else None
    return _quiet(np.multiply, *floats) if floats else NotImplemented


def _product(factors: tuple[Array, ...]) -> Array:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def sub(left: Array, right: Array) -> Array | Any:
    """Subtract integers that cannot overflow, or floats.

    >>> sub(np.array([1, 2]), np.array([3]))
    array([-2, -1])
    """
    if _integers(left, right):
        (a, b), (c, d) = extremes(left), extremes(right)
        return left - right if a - d >= -INT64 and b - c < INT64 else NotImplemented
    floats = _floats(left, right)
    return _quiet(np.subtract, *floats) if floats else NotImplemented


def negative(array: Array) -> Array | Any:
    """Negate integers above -2^63, or floats.

    >>> negative(np.array([1, -2])), negative(np.array([-(2**63)]))
    (array([-1,  2]), NotImplemented)
    """
    safe = array.dtype == np.float64 or (_integers(array) and extremes(array)[0] > -INT64)
    return -array if safe else NotImplemented


def absolute(array: Array) -> Array | Any:
    """Absolute value of integers above -2^63, or floats.

    >>> absolute(np.array([1, -2]))
    array([1, 2])
    """
    safe = array.dtype == np.float64 or (_integers(array) and extremes(array)[0] > -INT64)
    return np.abs(array) if safe else NotImplemented


def power(base: Array, exponent: Array) -> Array | Any:
    """Raise integers to powers that cannot overflow.

    >>> power(np.array([2, 3]), np.array(2)), power(np.array([2]), np.array(63))
    (array([4, 9]), NotImplemented)
    """
    if not _integers(base, exponent) or extremes(exponent)[0] < 0:
        return NotImplemented
    largest = max(map(abs, extremes(base)))
    high = extremes(exponent)[1]
    safe = largest < 2 or (high < 64 and largest**high < INT64)
    return base**exponent if safe else NotImplemented


def floor_div(base: Array, divisor: Array) -> Array | Any:
    """Python's `//` of integers.

    >>> floor_div(np.array([-7, 7]), np.array(2)), floor_div(np.array([1]), np.array(0))
    (array([-4,  3]), NotImplemented)
    """
    return base // divisor if _divisible(base, divisor) else NotImplemented


def mod(base: Array, divisor: Array) -> Array | Any:
    """Python's `%` of integers: the sign of the divisor.

    >>> mod(np.array([-7, 7]), np.array(3))
    array([2, 1])
    """
    return base % divisor if _divisible(base, divisor) else NotImplemented


def _divisible(base: Array, divisor: Array) -> bool:
    return _integers(base, divisor) and extremes(base)[0] > -INT64 and bool(np.all(divisor != 0))


def true_div(base: Array, divisor: Array) -> Array | Any:
    """Python's `/`: one rounding, which float64 gives where it holds both integers.

    >>> true_div(np.array([1, 2]), np.array(4)), true_div(np.array([2**53 + 1]), np.array(2))
    (array([0.25, 0.5 ]), NotImplemented)
    """
    if not bool(np.all(divisor != 0)):
        return NotImplemented
    exact = _exact_floats(base, divisor, np.zeros(1))
    return _quiet(np.divide, exact[0], exact[1]) if exact else NotImplemented


def float_div(base: Array, divisor: Array) -> Array | Any:
    """Divide floats, integers being converted first.

    >>> float_div(np.array([1.0]), np.array([4]))
    array([0.25])
    """
    if not bool(np.all(divisor != 0)):
        return NotImplemented
    floats = _floats(base, divisor, np.zeros(1))
    return _quiet(np.divide, floats[0], floats[1]) if floats else NotImplemented


def to_float(array: Array) -> Array | Any:
    """Convert integers to floats, rounding to even as Python does.

    >>> to_float(np.array([2**53 + 1])) == 2.0**53
    array([ True])
    """
    return array.astype(np.float64) if array.dtype in (np.int64, np.float64) else NotImplemented


def square_root(array: Array) -> Array | Any:
    """IEEE square root of numbers that are not negative.

    >>> square_root(np.array([4, 9])), square_root(np.array([-1]))
    (array([2., 3.]), NotImplemented)
    """
    floats = _floats(array, np.zeros(1))
    return np.sqrt(floats[0]) if floats and bool(np.all(array >= 0)) else NotImplemented


def _whole(round_: Callable[[Array], Array]) -> Fast:
    def to_integer(array: Array) -> Array | Any:
        if array.dtype == np.int64:
            return array
        safe = array.dtype == np.float64 and bool(np.all(np.abs(array) < INT64))
        return round_(array).astype(np.int64) if safe else NotImplemented

    return to_integer


truncate = _whole(np.trunc)
floor = _whole(np.floor)
ceiling = _whole(np.ceil)
round_half_even = _whole(np.rint)


def truncate_to_float(array: Array) -> Array | Any:
    """Cut off what follows the point, as a float.

    >>> truncate_to_float(np.array([-2.5, 2.5]))
    array([-2.,  2.])
    """
    safe = array.dtype == np.float64 and bool(np.all(np.isfinite(array)))
    return np.trunc(array) + 0.0 if safe else NotImplemented


def _comparison(compare: Callable[[Array, Array], Array]) -> Fast:
    def comparison(left: Array, right: Array) -> Array | Any:
        if _integers(left, right) or (left.dtype == bool and right.dtype == bool):
            return compare(left, right)
        floats = _exact_floats(left, right)
        return compare(*floats) if floats else NotImplemented

    return comparison


equal = _comparison(np.equal)
not_equal = _comparison(np.not_equal)
less = _comparison(np.less)
less_equal = _comparison(np.less_equal)
greater = _comparison(np.greater)
greater_equal = _comparison(np.greater_equal)


def _extremum(choose: Callable[[Array, Array], Array]) -> Fast:
    def extremum(*arrays: Array) -> Array | Any:
        same = _integers(*arrays) or all(array.dtype == np.float64 for array in arrays)
        if not same or any(array.dtype == np.float64 and np.isnan(array).any() for array in arrays):
            return NotImplemented
        result = arrays[0]
        for array in arrays[1:]:
            result = choose(result, array)
        return result

    return extremum


maximum = _extremum(np.maximum)
minimum = _extremum(np.minimum)


def complement(condition: Array) -> Array | Any:
    """Return where the condition does not hold.

    >>> complement(np.array([True, False]))
    array([False,  True])
    """
    return ~condition if condition.dtype == bool else NotImplemented


def _quiet(operation: Callable[..., Array], *arrays: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return operation(*arrays)
