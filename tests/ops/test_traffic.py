"""Bytes by hand: what is gathered, overwritten, only looked at, or written behind the schema's back."""

from __future__ import annotations

import pytest
import torch

from fxcost import ops
from tests.ops.calls import call

aten = torch.ops.aten
FLOAT, HALF, LONG, BOOL = 4, 2, 8, 1


def ones(*shape, dtype=torch.float32):
    return torch.ones(shape, dtype=dtype)


def longs(*shape):
    return torch.zeros(shape, dtype=torch.long)


CASES = {
    "elementwise": (lambda: call(aten.add.Tensor, ones(3, 4), ones(4)), 16 * FLOAT, 12 * FLOAT),
    "mixed types": (lambda: call(aten.lt.Tensor, ones(5), ones(5, dtype=torch.half)), 5 * 6, 5 * BOOL),
    "in place": (lambda: call(aten.mul_.Tensor, ones(5), ones(5)), 10 * FLOAT, 5 * FLOAT),
    "out": (
        lambda: call(aten.mul.out, ones(5), ones(5), out=ones(5), result=ones(5)),
        10 * FLOAT,
        5 * FLOAT,
    ),
    "matrix product": (lambda: call(aten.mm.default, ones(2, 3), ones(3, 5)), 21 * FLOAT, 10 * FLOAT),
    "view": (lambda: call(aten.transpose.int, ones(2, 3), 0, 1), 0, 0),
    "view in place": (lambda: call(aten.unsqueeze_.default, ones(2, 3), 0), 0, 0),
    "silent view": (lambda: call(aten._unsafe_view.default, ones(2, 3), [6]), 0, 0),
    "views": (lambda: call(aten.split.Tensor, ones(6), 2), 0, 0),
    "copy of a view": (lambda: call(aten.slice_copy.Tensor, ones(6), 0, 0, 2), 6 * FLOAT, 2 * FLOAT),
    "clone": (lambda: call(aten.clone.default, ones(6)), 6 * FLOAT, 6 * FLOAT),
    "copy": (lambda: call(aten.copy_.default, ones(6), ones(6, dtype=torch.half)), 6 * HALF, 6 * FLOAT),
    "conversion": (
        lambda: call(aten._to_copy.default, ones(6), dtype=torch.half),
        6 * FLOAT,
        6 * HALF,
    ),
    "concatenation": (lambda: call(aten.cat.default, [ones(2), ones(3)]), 5 * FLOAT, 5 * FLOAT),
    "factory": (lambda: call(aten.zeros.default, [6]), 0, 6 * FLOAT),
    "uninitialised": (lambda: call(aten.empty.memory_format, [6]), 0, 0),
    "like": (lambda: call(aten.zeros_like.default, ones(6)), 0, 6 * FLOAT),
    "fill": (lambda: call(aten.fill_.Scalar, ones(6), 1), 0, 6 * FLOAT),
    "random": (lambda: call(aten.uniform_.default, ones(6)), 0, 6 * FLOAT),
    "embedding": (
        lambda: call(aten.embedding.default, ones(1000, 4), longs(2, 3)),
        6 * LONG + 24 * FLOAT,
        24 * FLOAT,
    ),
    "its gradient": (
        lambda: call(aten.embedding_dense_backward.default, ones(2, 3, 4), longs(2, 3), 10, -1, False),
        24 * FLOAT + 6 * LONG,
        40 * FLOAT,
    ),
    "gather": (lambda: call(aten.gather.default, ones(9, 9), 1, longs(9, 1)), 9 * 12, 9 * FLOAT),
    "index": (lambda: call(aten.index.Tensor, ones(9, 4), [longs(3)]), 3 * LONG + 12 * FLOAT, 12 * FLOAT),
    "index put": (
        lambda: call(aten.index_put_.default, ones(9, 4), [longs(3)], ones(3, 4)),
        3 * LONG + 12 * FLOAT,
        12 * FLOAT,
    ),
    "index put, broadcast": (
        lambda: call(aten.index_put_.default, ones(9, 5, 4), [longs(3, 1), None, longs(2)], ones(1), True),
        5 * LONG + FLOAT + 30 * FLOAT,
        30 * FLOAT,
    ),
    "mask put": (
        lambda: call(aten.index_put_.default, ones(3, 4), [ones(3, dtype=torch.bool)], ones(1)),
        3 * BOOL + FLOAT,
        12 * FLOAT,
    ),
    "scatter": (
        lambda: call(aten.scatter_.src, ones(9, 9), 1, longs(9, 2), ones(9, 5)),
        18 * (LONG + FLOAT),
        18 * FLOAT,
    ),
    "scatter add": (
        lambda: call(aten.scatter_add_.default, ones(9, 9), 1, longs(9, 2), ones(9, 5)),
        18 * (LONG + FLOAT + FLOAT),
        18 * FLOAT,
    ),
    "index fill": (
        lambda: call(aten.index_fill_.int_Scalar, ones(3, 4), -1, longs(2), 1.0),
        2 * LONG,
        6 * FLOAT,
    ),
    "loss": (
        lambda: call(aten.nll_loss_forward.default, ones(3, 1000), longs(3), None, 1, -100),
        3 * (LONG + FLOAT),
        2 * FLOAT,
    ),
    "batch norm": (
        lambda: call(
            aten.native_batch_norm.default, ones(2, 3, 5), ones(3), ones(3), ones(3), ones(3), True, 0.1, 1e-5
        ),
        (30 + 4 * 3) * FLOAT,
        (30 + 2 * 3 + 2 * 3) * FLOAT,
    ),
    "foreach": (
        lambda: call(aten._foreach_add_.List, [ones(2), ones(3)], [ones(2), ones(3)], result=()),
        10 * FLOAT,
        5 * FLOAT,
    ),
    "foreach copy": (
        lambda: call(aten._foreach_copy_.default, [ones(2)], [ones(2, dtype=torch.half)], result=()),
        2 * HALF,
        2 * FLOAT,
    ),
    "scalar read back": (lambda: call(aten._local_scalar_dense.default, ones(1)), FLOAT, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_traffic_by_hand(name):
    make, read, written = CASES[name]
    assert ops.traffic(make()) == ops.Traffic(read, written)


def test_a_fused_step_reads_gradients_and_writes_parameters_and_moments():
    four = [[ones(6)] for _ in range(4)]
    hyperparameters = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "eps": 1e-8}
    step = call(
        aten._fused_adamw_.default,
        *four,
        [],
        [ones()],
        **hyperparameters,
        amsgrad=False,
        maximize=False,
        result=(),
    )
    assert ops.traffic(step) == ops.Traffic(read=(4 * 6 + 1) * FLOAT, written=3 * 6 * FLOAT)
    assert ops.flops(step) == ops.Flops(pointwise=14 * 6)
