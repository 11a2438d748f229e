"""The convolution that cuDNN wants most workspace for, as far as shapes tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from fxcost.costs import Sizes
from fxcost.expr.functions import Number
from fxcost.program import Phase, TensorMeta

aten = torch.ops.aten


def largest_convolution(sizes: Sizes, values: Mapping[str, Number]) -> int:
    """Return the bytes of the input and output of the largest dense convolution; 0 where there is none.

    Depthwise convolutions have kernels of PyTorch's own, without a workspace.
    """
    return max(_convolutions(sizes, values), default=0)


def _convolutions(sizes: Sizes, values: Mapping[str, Number]) -> Iterator[int]:
    for node in sizes.operators():
        if node.target is not aten.convolution.default or node.meta["phase"] is not Phase.FORWARD:
            continue
        call = sizes.call(node)
        image, groups = call.args[0], call.args[8]
        if isinstance(image, TensorMeta):
            channels = _number(image.shape[1], values)
            if channels == 1 or _number(groups, values) < channels:
                yield sum(_nbytes(each, values) for each in (image, call.result))


def _nbytes(tensor: object, values: Mapping[str, Number]) -> int:
    if not isinstance(tensor, TensorMeta):
        return 0
    count = tensor.dtype.itemsize
    for size in tensor.shape:
        count *= _number(size, values)
    return count


def _number(size: object, values: Mapping[str, Number]) -> int:
    return size if isinstance(size, int) else int(size.evaluate(values))  # type: ignore[attr-defined]
