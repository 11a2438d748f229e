"""Arithmetic that is not a contraction, by the documented count per element."""

from __future__ import annotations

import pytest
import torch

from fxcost import ops
from tests.ops.calls import call

aten = torch.ops.aten


def ones(*shape):
    return torch.ones(shape)


CASES = {
    "broadcast": (lambda: call(aten.add.Tensor, ones(3, 1), ones(4)), 12),
    "in place": (lambda: call(aten.mul_.Tensor, ones(5), 2.0), 5),
    "multiply-add": (lambda: call(aten.addcmul_.default, ones(5), ones(5), ones(5)), 10),
    "foreach": (
        lambda: call(aten._foreach_addcdiv_.Scalar, *[[ones(2), ones(3)]] * 3, result=()),
        2 * 5,
    ),
    "foreach norm": (lambda: call(aten._foreach_norm.Scalar, [ones(2), ones(3)]), 2 * 5),
    "copy": (lambda: call(aten.clone.default, ones(5)), 0),
    "activation": (lambda: call(aten.silu.default, ones(5)), 10),
    "gated": (lambda: call(aten.glu.default, ones(3, 4)), 2 * 6),
    "sum": (lambda: call(aten.sum.dim_IntList, ones(3, 4), [1]), 12),
    "variance": (lambda: call(aten.var_mean.correction, ones(3, 4), [1]), 48),
    "running sum": (lambda: call(aten.cumsum.default, ones(3, 4), 1), 12),
    "softmax": (lambda: call(aten._softmax.default, ones(3, 4), -1, False), 60),
    "layer norm": (
        lambda: call(aten.native_layer_norm.default, ones(3, 4), [4], ones(4), ones(4), 1e-5),
        8 * 12,
    ),
    "layer norm without weights": (
        lambda: call(aten.native_layer_norm.default, ones(3, 4), [4], None, None, 1e-5),
        6 * 12,
    ),
    "pooling": (lambda: call(aten.max_pool2d_with_indices.default, ones(1, 2, 4, 4), [2, 2]), 4 * 8),
    "pooling, one size": (lambda: call(aten.avg_pool2d.default, ones(1, 2, 4, 4), [2], [2]), 5 * 8),
    "nearest": (lambda: call(aten.upsample_nearest2d.default, ones(1, 2, 4, 4), [8, 8]), 0),
    "bilinear": (
        lambda: call(aten.upsample_bilinear2d.default, ones(1, 2, 4, 4), [8, 8], False),
        8 * 128,
    ),
    "sorting": (lambda: call(aten.sort.default, ones(9)), 0),
    "view": (lambda: call(aten.view.default, ones(9), [3, 3]), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_operations_by_hand(name):
    make, pointwise = CASES[name]
    assert ops.flops(make()) == ops.Flops(pointwise=pointwise)


def test_a_bias_is_pointwise_and_its_product_a_contraction():
    product = call(aten.addmm.default, ones(5), ones(2, 3), ones(3, 5))
    assert ops.flops(product) == ops.Flops(contraction=60, pointwise=10)
