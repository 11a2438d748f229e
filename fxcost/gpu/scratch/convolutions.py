"""The workspaces that cuDNN would like to have for convolutions, as far as shapes tell.

cuDNN's kernels for tensor cores want channels last, and rows of channels that are multiples of 16 bytes: what
is laid out otherwise is converted in the workspace (NVIDIA's developer.nvidia.com/blog/
tensor-core-ai-performance-milestones). PyTorch asks the caching allocator for a workspace at every call, and
takes another plan where it gets none: `run_single_conv` of aten/src/ATen/native/cudnn/Conv_v8.cpp, `try_all`
of Conv_v7.cpp in github.com/pytorch/pytorch. So it never stops a step, but what is cached lies otherwise.

Which tensors are converted was measured on an H100 with torch 2.11 and cuDNN 9.19: of 702 calls, forward and
for each gradient, of 39 convolutions in three types and two layouts, the rule is within 5 % or 4 MiB of 573;
those that are further off are mostly of images with three channels and of grouped convolutions. Elsewhere it
is a forecast. Before torch 2.0, whose calls are of an older interface of cuDNN, the forecast is that half
precision is converted always.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.torch_version import TorchVersion

from fxcost.gpu.scratch.kernel import Kernel, Scratch, Tensor

HALF = (torch.float16, torch.bfloat16)
ALIGNED = 16
"""Bytes of which a row of channels is a multiple."""

FEW_CHANNELS = 4
"""So many at most, such as an image's three, are rounded up to so many."""

NEW_INTERFACE = "2.0"


def scratch(kernel: Kernel) -> Iterator[Scratch]:
    """Yield what a convolution, or its gradient, would like to have for each tensor that it makes."""
    arguments = kernel.arguments
    image, weight = arguments["input"], arguments["weight"]
    backward = kernel.operator == "convolution_backward"
    made: Any = arguments["grad_output"] if backward else kernel.results[0]
    if kernel.card.device.compute_capability < (8, 0) and image.dtype not in HALF:
        return
    results = kernel.results[:2] if backward else kernel.results
    for after, result in enumerate(each for each in results if each is not None):
        gradient = backward and result.shape == weight.shape
        nbytes = _wanted(kernel, image, weight, made, gradient=gradient)
        if nbytes:
            yield Scratch(nbytes, needed=False, after=after)


def seen(kernel: Kernel) -> int:
    """Return the bytes of a dense convolution's input and output; nothing of a depthwise one."""
    image, made = kernel.arguments["input"], kernel.results[0]
    return 0 if made is None or is_depthwise(kernel) else image.nbytes + made.nbytes


def _wanted(kernel: Kernel, image: Tensor, weight: Tensor, made: Tensor, *, gradient: bool) -> int:
    """Return the bytes of a call's workspace; a gradient is the weight's."""
    if TorchVersion(kernel.card.release) < NEW_INTERFACE:
        old = image.dtype in HALF and not kernel.channels_last
        return image.nbytes + weight.nbytes + made.nbytes if old else 0
    if image.dtype not in (*HALF, torch.float32) or is_depthwise(kernel):
        return 0
    split = _split(kernel, weight) if gradient and image.dtype == torch.float32 else 0
    if kernel.channels_last:
        pair = (each for each in (image, made) if each.shape[1] * each.dtype.itemsize % ALIGNED)
        converted = sum(map(_padded, pair))
        return split + (converted + weight.nbytes + ALIGNED if converted else 0)
    if _is_a_product(kernel, image, weight, gradient=gradient):
        return image.shape[0] * weight.count * 4 if gradient else 0
    kernels = weight.nbytes if math.prod(weight.shape[2:]) > 1 else 0
    return split + _padded(image) + _padded(made) + kernels + ALIGNED


TILE = 128
"""A weight's gradient is made in squares so wide, those of a narrow weight half as wide."""


def _split(kernel: Kernel, weight: Tensor) -> int:
    """Return the bytes of the parts of a weight's gradient in fp32, one for each square and multiprocessor.

    Where there are fewer squares than multiprocessors, several of these make parts of the same square: so it
    was with seven sizes of weights on the H100. In half precision there are parts by no rule that was found.
    """
    rows, columns = weight.shape[0], weight.count // weight.shape[0]
    side = TILE if min(rows, columns) >= TILE else TILE // 2
    squares = -(-rows // side) * -(-columns // side)
    if squares > kernel.multiprocessors:
        return kernel.multiprocessors * side * side * 4
    return kernel.multiprocessors // squares * weight.count * 4


def _is_a_product(kernel: Kernel, image: Tensor, weight: Tensor, *, gradient: bool) -> bool:
    """Tell whether a convolution is a product of matrices in place: its kernel is 1 wide, its rows aligned.

    The gradient of its weight is then made for each image alone, in fp32, and added up.
    """
    pointwise = math.prod(weight.shape[2:]) == 1 and all(each == 1 for each in kernel.arguments["stride"])
    row = math.prod(image.shape[2:]) * image.dtype.itemsize
    return pointwise and row % (ALIGNED if gradient else ALIGNED // 2) == 0


def is_depthwise(kernel: Kernel) -> bool:
    """Tell whether each channel is convolved alone, by PyTorch's own kernels, which have no workspace."""
    channels = kernel.arguments["input"].shape[1]
    return bool(1 < channels == kernel.arguments["groups"])


def _padded(tensor: Tensor) -> int:
    """Return a tensor's bytes with its channels rounded up as cuDNN does it."""
    channels, size = tensor.shape[1], tensor.dtype.itemsize
    if channels < FEW_CHANNELS:
        wide = FEW_CHANNELS if tensor.dtype in HALF else channels
    else:
        wide = -(-channels * size // ALIGNED) * ALIGNED // size
    return tensor.nbytes // channels * wide
