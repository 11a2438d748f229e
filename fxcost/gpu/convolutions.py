"""The workspaces that cuDNN would like to have for convolutions, as far as shapes tell.

A convolution in half precision runs on tensor cores, whose kernels want channels last: with channels first,
cuDNN converts there and back (docs.mosaicml.com/projects/composer/en/v0.3.0/method_cards/channels_last.html,
after NVIDIA's developer.nvidia.com/blog/tensor-core-ai-performance-milestones). That input, output and weight
are all converted in the workspace is a forecast. PyTorch asks the caching allocator for a workspace at every
call, and takes another algorithm where it gets none: `try_all` of aten/src/ATen/native/cudnn/Conv_v7.cpp in
github.com/pytorch/pytorch. So it never stops a step, but what is cached lies otherwise with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from fxcost.costs import Sizes
from fxcost.expr.functions import Number
from fxcost.program import Phase, TensorMeta

aten = torch.ops.aten
HALF = (torch.float16, torch.bfloat16)


def largest_convolution(sizes: Sizes, values: Mapping[str, Number]) -> int:
    """Return the bytes of the input and output of the largest dense convolution; 0 where there is none.

    Depthwise convolutions have kernels of PyTorch's own, without a workspace.
    """
    return max(_convolutions(sizes, values), default=0)


def conversions(sizes: Sizes, values: Mapping[str, Number]) -> dict[str, int]:
    """Return the bytes that cuDNN converts for each tensor that a convolution makes, by its node's name."""
    return {
        node.name: sum(_nbytes(each, values) for each in tensors)
        for node in sizes.operators()
        if (tensors := _tensors(sizes, node)) and tensors[0].dtype in HALF
    }


def _tensors(sizes: Sizes, node: torch.fx.Node) -> tuple[TensorMeta, ...]:
    """Return a convolution's output, input and weight; nothing of another operator."""
    if node.target is aten.convolution.default:
        call = sizes.call(node)
        tensors = (call.result, *call.args[:2])
    elif node.target is aten.convolution_backward.default:
        tensors = sizes.call(node).args[:3]
    else:
        return ()
    return tuple(tensor for tensor in tensors if isinstance(tensor, TensorMeta))


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
