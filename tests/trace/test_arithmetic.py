"""Expressions that operations on symbolic numbers stand for."""

from __future__ import annotations

import sympy
from torch.utils._sympy.functions import CeilToInt, Max, Min, ToFloat

from fxcost.expr import evaluate
from fxcost.expr.functions import FloatMul, FloatSub
from fxcost.trace.arithmetic import LONG, floor_division

WIDTH = sympy.Symbol("width", integer=True, positive=True)


def rounded_channels(size):
    """Return channels as `make_divisible` writes them, 8 more where rounding took too much away."""
    lost = FloatSub(FloatMul(sympy.Float(0.9), ToFloat(size)), ToFloat(size - 5))
    return 8 * Max(0, Min(1, CeilToInt(lost))) + size


def test_a_quotient_of_long_expressions_cancels_and_has_the_value_of_pythons():
    channels = rounded_channels(rounded_channels(rounded_channels(WIDTH)))
    assert channels.count_ops() > LONG
    assert floor_division(72 * channels, 8 * channels) == 9
    quotient = floor_division(3 * channels * WIDTH, 7 * channels + 1)
    for width in range(1, 40):
        value = evaluate(channels, {"width": width})
        assert evaluate(quotient, {"width": width}) == 3 * value * width // (7 * value + 1)
