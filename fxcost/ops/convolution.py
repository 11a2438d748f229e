# ruff: noqa: A002 - parameters carry the names of ATen's schemas, `input` among them.
"""Convolutions of any dimension, grouped, dilated or transposed.

Every weight meets every position of the map that the kernel is laid on: the output of an ordinary
convolution, the input of a transposed one. So the FLOP are 2 · batch · positions · weights, with padding
counted as if it were data (the convention of `torch.utils.flop_counter`). The weight holds the channels
of one group only, hence groups need no term of their own, in the gradients neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxcost.ops.call import Flops, Size, Traffic, elements, nbytes, product
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


def places(image: TensorMeta) -> Size:
    """Return batch · positions of a map laid out (batch, channels, *positions).

    >>> places(TensorMeta((2, 3, 5, 7), torch.float32, 0))
    70
    """
    return image.shape[0] * product(image.shape[2:])


@registry.formula(aten.convolution, aten._convolution, aten.convolution_overrideable)
def convolution(
    input: TensorMeta, weight: TensorMeta, bias: TensorMeta | None, transposed: bool, result: TensorMeta
) -> Flops:
    """Count the weights at each place, and the bias."""
    return _forward(input if transposed else result, weight, bias, result)


@registry.formula(aten.conv1d, aten.conv2d, aten.conv3d)
def conv(input: TensorMeta, weight: TensorMeta, bias: TensorMeta | None, result: TensorMeta) -> Flops:
    """Count the weights at each output place, and the bias."""
    batch = input.shape[0] if len(input.shape) == len(weight.shape) else 1
    positions = product(result.shape[2 - len(weight.shape) :])
    return Flops(
        contraction=2 * batch * positions * elements(weight),
        pointwise=0 if bias is None else elements(result),
    )


@registry.formula(
    aten.cudnn_convolution,
    aten.cudnn_convolution_relu,
    aten.cudnn_convolution_add_relu,
    aten.mkldnn_convolution,
    aten.miopen_convolution,
    aten.miopen_depthwise_convolution,
    aten._conv_depthwise2d,
    aten.conv_depthwise3d,
    aten._slow_conv2d_forward,
    aten.slow_conv3d_forward,
    aten.slow_conv_dilated2d,
    aten.slow_conv_dilated3d,
)
def cudnn_convolution(weight: TensorMeta, result: TensorMeta, bias: TensorMeta | None = None) -> Flops:
    """Count the weights at each output place, and the bias."""
    return _forward(result, weight, bias, result)


@registry.formula(
    aten.cudnn_convolution_transpose,
    aten.miopen_convolution_transpose,
    aten.slow_conv_transpose2d,
    aten.slow_conv_transpose3d,
)
def cudnn_convolution_transpose(
    self: TensorMeta, weight: TensorMeta, result: TensorMeta, bias: TensorMeta | None = None
) -> Flops:
    """Count the weights at each input place, and the bias."""
    return _forward(self, weight, bias, result)


@registry.formula(aten.conv_tbc)
def conv_tbc(weight: TensorMeta, result: TensorMeta) -> Flops:
    """Count a convolution laid out (time, batch, channels) with weight (kernel, in, out), and the bias."""
    return Flops(contraction=2 * product(result.shape[:2]) * elements(weight), pointwise=elements(result))


@registry.formula(aten.convolution_backward, aten.convolution_backward_overrideable)
def convolution_backward(
    grad_output: TensorMeta,
    input: TensorMeta,
    weight: TensorMeta,
    transposed: bool,
    output_mask: Sequence[bool],
) -> Flops:
    """Count, for the input's and for the weight's gradient, as much as the forward; a sum for the bias's."""
    asked = int(output_mask[0]) + int(output_mask[1])
    kernel_places = places(input if transposed else grad_output)
    return Flops(
        contraction=2 * asked * kernel_places * elements(weight),
        pointwise=elements(grad_output) if output_mask[2] else 0,
    )


@registry.traffic_formula(aten.convolution_backward, aten.convolution_backward_overrideable)
def convolution_backward_traffic(
    grad_output: TensorMeta,
    input: TensorMeta,
    weight: TensorMeta,
    output_mask: Sequence[bool],
    result: Sequence[TensorMeta | None],
) -> Traffic:
    """Count the output's gradient, and the weight and the input where a gradient asked for needs them."""
    read = nbytes(grad_output)
    if output_mask[0]:
        read = read + nbytes(weight)
    if output_mask[1]:
        read = read + nbytes(input)
    return Traffic(read=read, written=nbytes(result))


def _forward(places_of: TensorMeta, weight: TensorMeta, bias: TensorMeta | None, result: TensorMeta) -> Flops:
    return Flops(
        contraction=2 * places(places_of) * elements(weight),
        pointwise=0 if bias is None else elements(result),
    )
