"""Evaluate expressions over PyTorch tensors, with gradients.

All arithmetic is float64. What rounds passes the gradient of what it rounds straight through: the value of
`width // heads` is the whole quotient, its gradient that of `width / heads`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import sympy
import torch
import torch.utils._sympy.functions as torch_functions
from torch import Tensor

from fxcost.errors import ExpressionError
from fxcost.expr import exact, functions
from fxcost.expr.kernel import Plan

Function = Callable[..., Tensor]

SMALL = range(1, 65)
"""Powers that are taken as products, exact while these are."""

OPAQUE = (
    *("sqrt", "exp", "log", "log2", "cos", "cosh", "sin", "sinh", "tan", "tanh"),
    *("asin", "acos", "atan", "asinh"),
)
"""Functions of a float that traces hold."""


def evaluate_tensors(expression: sympy.Basic, values: Mapping[str, Tensor]) -> Tensor:
    """Return an expression's values over tensors that broadcast against each other.

    At valid settings, and while integers stay below 2^53, it is what Python calculates.

    Raises:
        ExpressionError: A value is missing, or a function has no gradient to pass on.

    >>> width = torch.tensor([10.0, 11.0], requires_grad=True)
    >>> quotient = evaluate_tensors(torch_functions.FloorDiv(sympy.Symbol("width"), 4), {"width": width})
    >>> quotient.sum().backward()
    >>> quotient.tolist(), width.grad.tolist()
    ([2.0, 2.0], [0.25, 0.25])
    """
    return _Tensors(values).value(expression)


class _Tensors:
    """Tensors of subexpressions' values, each calculated once."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self.values = values
        self.known: dict[sympy.Basic, Tensor] = {}

    def value(self, expression: sympy.Basic) -> Tensor:
        if expression not in self.known:
            self.known[expression] = self._calculated(expression)
        return self.known[expression]

    def _calculated(self, expression: sympy.Basic) -> Tensor:
        if expression.is_Symbol:
            if expression.name not in self.values:
                raise ExpressionError(f"no value is given for {expression.name}")
            return self.values[expression.name].to(torch.float64)
        number = exact.number(expression)
        if isinstance(number, bool):
            return torch.tensor(number)
        if number is not None:
            return torch.tensor(float(number), dtype=torch.float64)
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression)
        function = FUNCTIONS.get(type(expression))
        if function is None:
            raise ExpressionError(f"{type(expression).__name__} has no gradient, in {expression}")
        return function(*[self.value(argument) for argument in expression.args])

    def _piecewise(self, expression: sympy.Piecewise) -> Tensor:
        *pairs, (result, _) = expression.args
        total = self.value(result)
        for chosen, condition in reversed(pairs):
            total = torch.where(self.value(condition), self.value(chosen), total)
        return total


def _through(value: Tensor, smooth: Tensor) -> Tensor:
    """Return a value with the gradient of another one."""
    return value.detach() + (smooth - smooth.detach())


def _rounded(rounding: Function) -> Function:
    return lambda tensor: _through(rounding(tensor), tensor)


def _true_div(base: Tensor, divisor: Tensor) -> Tensor:
    """Divide; NaN for a zero divisor, without a gradient that would spoil other branches."""
    zero = divisor == 0
    return torch.where(zero, math.nan, base / torch.where(zero, 1.0, divisor))


def _floor_div(base: Tensor, divisor: Tensor) -> Tensor:
    quotient = _true_div(base, divisor)
    whole = torch.div(base.detach(), divisor.detach(), rounding_mode="floor")
    return _through(torch.where(quotient.isnan(), quotient.detach(), whole), quotient)


def _mod(base: Tensor, divisor: Tensor) -> Tensor:
    return base - divisor * _floor_div(base, divisor)


def _modular_indexing(base: Tensor, divisor: Tensor, modulus: Tensor) -> Tensor:
    return _mod(_floor_div(base, divisor), modulus)


def _as_python(python: Callable[..., float], smooth: Function, arguments: int = 1) -> Function:
    """Return Python's function: PyTorch's own may differ in the last bit, which a rounding would show."""
    elementwise = np.frompyfunc(python, arguments, 1)

    def function(*tensors: Tensor) -> Tensor:
        values = elementwise(*(tensor.detach().cpu().numpy() for tensor in tensors))
        value = torch.as_tensor(np.asarray(values, dtype=np.float64), device=tensors[0].device)
        return _through(value, smooth(*tensors))

    return function


_POWER = _as_python(exact.float_power, torch.pow, 2)
_SQUARE_ROOT = _as_python(math.sqrt, torch.sqrt)


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    number = exponent.item() if exponent.ndim == 0 and not exponent.requires_grad else math.nan
    if number in SMALL:
        return functools.reduce(torch.mul, [base] * int(number))
    return _SQUARE_ROOT(base) if number == 0.5 else _POWER(base, exponent)


def _folded(function: Function) -> Function:
    return lambda *tensors: functools.reduce(function, tensors)


_ADD, _MUL = _folded(torch.add), _folded(torch.mul)
_MAX, _MIN = _folded(torch.maximum), _folded(torch.minimum)
_FLOOR, _CEILING = _rounded(torch.floor), _rounded(torch.ceil)


def _same(tensor: Tensor) -> Tensor:
    return tensor


FUNCTIONS: Mapping[type, Function] = MappingProxyType(
    {
        sympy.Add: _ADD,
        sympy.Mul: _MUL,
        sympy.Pow: _power,
        sympy.Abs: torch.abs,
        sympy.Mod: _mod,
        sympy.floor: _FLOOR,
        sympy.ceiling: _CEILING,
        sympy.Max: _MAX,
        sympy.Min: _MIN,
        functions.FloatAdd: torch.add,
        functions.FloatSub: torch.sub,
        functions.FloatMul: torch.mul,
        functions.FloatNeg: torch.neg,
        functions.Log: _as_python(math.log, torch.log),
        functions.Log10: _as_python(math.log10, torch.log10),
        functions.Hypot: _as_python(math.hypot, torch.hypot, 2),
        torch_functions.FloorDiv: _floor_div,
        torch_functions.CleanDiv: _floor_div,
        torch_functions.Mod: _mod,
        torch_functions.PythonMod: _mod,
        torch_functions.ModularIndexing: _modular_indexing,
        torch_functions.IntTrueDiv: _true_div,
        torch_functions.FloatTrueDiv: _true_div,
        torch_functions.ToFloat: _same,
        torch_functions.Identity: _same,
        torch_functions.FloorToInt: _FLOOR,
        torch_functions.CeilToInt: _CEILING,
        torch_functions.TruncToInt: _rounded(torch.trunc),
        torch_functions.TruncToFloat: _rounded(torch.trunc),
        torch_functions.RoundToInt: _rounded(torch.round),
        torch_functions.PowByNatural: _power,
        torch_functions.FloatPow: _POWER,
        torch_functions.Max: _MAX,
        torch_functions.Min: _MIN,
        torch_functions.Where: torch.where,
        sympy.ITE: torch.where,
        **{
            getattr(torch_functions, f"OpaqueUnaryFn_{name}"): _as_python(
                getattr(math, name), getattr(torch, name)
            )
            for name in OPAQUE
        },
        sympy.Eq: torch.eq,
        sympy.Ne: torch.ne,
        sympy.Lt: torch.lt,
        sympy.Le: torch.le,
        sympy.Gt: torch.gt,
        sympy.Ge: torch.ge,
        sympy.Not: torch.logical_not,
        sympy.And: _folded(torch.logical_and),
        sympy.Or: _folded(torch.logical_or),
    }
)
"""What has a gradient, or decides between what has; bitwise functions and common divisors have none."""


def largest_row(plan: Plan, values: Mapping[str, Tensor]) -> Tensor:
    """Return the largest row at every point, in float64, with gradients.

    >>> from fxcost.expr.polynomial import Atom, Polynomial
    >>> x = Polynomial.of_atom(Atom.variable(sympy.Symbol("x")))
    >>> values = torch.tensor([2.0, 9.0], requires_grad=True)
    >>> largest = largest_row(Plan.of([x**2, 8 * x]), {"x": values})
    >>> largest.sum().backward()
    >>> largest.tolist(), values.grad.tolist()
    ([16.0, 81.0], [8.0, 18.0])
    """
    tensors = _Tensors(values)
    atoms = [tensors.value(atom.expression) for atom in plan.atoms]
    one = torch.ones((), dtype=torch.float64, device=next((each.device for each in values.values()), None))
    shape = np.broadcast_shapes(*(tuple(tensor.shape) for tensor in values.values()))
    columns = [one, *atoms]
    for left, right in plan.products:
        columns.append(columns[left] * columns[right])
    matrix = torch.tensor(plan.coefficients, dtype=torch.float64, device=one.device)
    stacked = torch.stack([column.expand(shape) for column in columns], dim=-1)
    return (stacked @ matrix.T).amax(dim=-1)
