"""What a formula sees of an operator, and what it answers.

Sizes are Python ints or any object with +, - and * (a polynomial in the hyperparameters).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from fxcost.ops.schema import arguments
from fxcost.program import TensorMeta


class Size(Protocol):
    """A number of things: an int, or an exact expression with the same arithmetic."""

    def __add__(self, other: Any, /) -> Size: ...

    def __radd__(self, other: Any, /) -> Size: ...

    def __sub__(self, other: Any, /) -> Size: ...

    def __rsub__(self, other: Any, /) -> Size: ...

    def __mul__(self, other: Any, /) -> Size: ...

    def __rmul__(self, other: Any, /) -> Size: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One operator applied to arguments.

    Attributes:
        target: The ATen (or custom) operator overload.
        args: Its positional arguments: `TensorMeta`s, sequences of them, or scalars.
        kwargs: Its keyword arguments, of the same kinds.
        result: What it returned: a `TensorMeta`, a sequence of them, a scalar, or None.
    """

    target: torch._ops.OpOverload
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any

    def arguments(self) -> dict[str, Any]:
        """Return every argument of the operator's schema by name, defaults filled in.

        >>> x = TensorMeta((2, 3), torch.float32, 0)
        >>> Call(torch.ops.aten.add.Tensor, (x, x), {}, x).arguments()["alpha"]
        1
        """
        declared = arguments(self.target)
        values = {argument.name: argument.default for argument in declared}
        values.update(zip(values, self.args, strict=False))
        values.update(self.kwargs)
        return values


@dataclass(frozen=True, slots=True)
class Flops:
    """Arithmetic of an operator.

    Attributes:
        contraction: FLOP of matrix products, convolutions, attention and recurrent layers, 2 per
            multiply-add (the convention of `torch.utils.flop_counter`).
        pointwise: FLOP of everything else, 1 per arithmetic operation and element.

    >>> Flops(contraction=4) + Flops(pointwise=3)
    Flops(contraction=4, pointwise=3)
    """

    contraction: Size = 0
    pointwise: Size = 0

    def __add__(self, other: Flops) -> Flops:
        return Flops(self.contraction + other.contraction, self.pointwise + other.pointwise)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes an operator reads from and writes to memory.

    >>> Traffic(read=8) + Traffic(read=4, written=2)
    Traffic(read=12, written=2)
    """

    read: Size = 0
    written: Size = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.read + other.read, self.written + other.written)


def product(sizes: Iterable[Size]) -> Size:
    """Return the product of sizes, 1 for none.

    >>> product((2, 3, 4))
    24
    """
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def tensors(value: Any) -> Iterator[TensorMeta]:
    """Yield the tensors within an argument or a result, in order.

    >>> x = TensorMeta((2,), torch.float32, 0)
    >>> len(list(tensors([x, None, (x, 3)])))
    2
    """
    if isinstance(value, TensorMeta):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)


def elements(value: Any) -> Size:
    """Return how many elements the tensors within an argument or a result have together.

    >>> elements([TensorMeta((2, 3), torch.float32, 0), TensorMeta((), torch.float32, 1)])
    7
    """
    total: Size = 0
    for tensor in tensors(value):
        total = total + product(tensor.shape)
    return total


@functools.cache
def per_result_element(operations: int) -> Callable[..., Flops]:
    """Return the formula of a number of pointwise operations per element of the (first) result.

    >>> per_result_element(2)(TensorMeta((3,), torch.float32, 0))
    Flops(contraction=0, pointwise=6)
    """

    def formula(result: TensorMeta | Sequence[TensorMeta]) -> Flops:
        return Flops(pointwise=operations * elements(next(tensors(result))))

    return formula


@functools.cache
def per_input_element(operations: int) -> Callable[..., Flops]:
    """Return the formula of a number of pointwise operations per element of the argument `self`.

    >>> per_input_element(2)([TensorMeta((3,), torch.float32, 0), TensorMeta((4,), torch.float32, 1)])
    Flops(contraction=0, pointwise=14)
    """

    def formula(self: TensorMeta | Sequence[TensorMeta]) -> Flops:
        return Flops(pointwise=operations * elements(self))

    return formula


def nbytes(value: Any) -> Size:
    """Return how many bytes the elements within an argument or a result take.

    A broadcast (expanded) tensor counts each of its elements, as the operator sees them.

    >>> nbytes(TensorMeta((2, 3), torch.bfloat16, 0))
    12
    """
    total: Size = 0
    for tensor in tensors(value):
        total = total + product(tensor.shape) * tensor.dtype.itemsize
    return total
