"""Convolutions against a count of every single product."""

from __future__ import annotations

import itertools

import pytest
import torch

from fxcost import ops
from tests.ops.calls import call

aten = torch.ops.aten


def multiply_adds(image, channels, weight, groups):
    """Count products one by one: every weight at every place of the map it is laid on."""
    batch, _, *positions = image
    channels_per_group = channels // groups
    count = 0
    for _sample, _place in itertools.product(range(batch), itertools.product(*map(range, positions))):
        for channel, _inner in itertools.product(range(channels), range(weight[1])):
            assert channel // channels_per_group < groups
            count += len(list(itertools.product(*map(range, weight[2:]))))
    return count


CASES = [
    pytest.param((2, 4, 5), (6, 4, 3), 1, False, id="1d"),
    pytest.param((2, 4, 5, 6), (6, 2, 3, 2), 2, False, id="2d in groups"),
    pytest.param((1, 4, 5, 6), (8, 1, 3, 3), 4, False, id="2d depthwise"),
    pytest.param((1, 2, 4, 3, 5), (2, 2, 2, 2, 2), 1, False, id="3d"),
    pytest.param((2, 4, 5), (4, 3, 3), 1, True, id="1d transposed"),
    pytest.param((1, 4, 3, 4), (4, 3, 3, 2), 2, True, id="2d transposed in groups"),
]


@pytest.mark.parametrize(("input_shape", "weight_shape", "groups", "transposed"), CASES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("output_mask", [[True, True, True], [False, True, False], [True, False, False]])
def test_convolution_counts_every_product(input_shape, weight_shape, groups, transposed, stride, output_mask):
    image, weight = torch.randn(input_shape), torch.randn(weight_shape)
    rank = len(weight_shape) - 2
    options = ([stride] * rank, [1] * rank, [1] * rank, transposed, [0] * rank, groups)
    forward = call(aten.convolution.default, image, weight, None, *options)
    output = aten.convolution.default(image, weight, None, *options)
    placed, channels = (image, image.shape[1]) if transposed else (output, output.shape[1])
    products = multiply_adds(placed.shape, channels, weight_shape, groups)
    assert ops.flops(forward) == ops.Flops(contraction=2 * products)

    backward = call(aten.convolution_backward.default, output, image, weight, None, *options, output_mask)
    gradients = output_mask[0] + output_mask[1]
    bias = output.numel() if output_mask[2] else 0
    assert ops.flops(backward) == ops.Flops(contraction=2 * gradients * products, pointwise=bias)


def test_a_gradient_not_asked_for_is_neither_read_for_nor_written():
    image, weight = torch.randn(2, 3, 5, 5), torch.randn(4, 3, 3, 3)
    output = torch.randn(2, 4, 3, 3)
    options = (None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    backward = call(aten.convolution_backward.default, output, image, weight, *options, [False, True, False])
    assert ops.traffic(backward) == ops.Traffic(read=4 * (72 + 150), written=4 * 108)
