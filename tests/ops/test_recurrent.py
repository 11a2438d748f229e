"""cuDNN's recurrent layers, which no CPU runs: counted like the same layers of oneDNN."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fxcost import ops
from tests.ops.calls import call, meta
from tests.oracles.flops import cudnn_rnn, cudnn_rnn_backward

aten = torch.ops.aten
TIME, BATCH, WIDTH, HIDDEN = 4, 2, 3, 5
MODES = {"RNN": 1, "LSTM": 2, "GRU": 3}


def layer(kind, layers, bidirectional, projection=0):
    options = {"proj_size": projection} if projection else {}
    module = getattr(nn, kind)(WIDTH, HIDDEN, layers, bidirectional=bidirectional, **options)
    return meta([weight.detach() for weight in module.parameters()])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("kind", "projection"), [("RNN", 0), ("LSTM", 0), ("LSTM", 2), ("GRU", 0)])
def test_cudnn_counts_every_weight_at_every_position(kind, projection, layers, bidirectional):
    weights = layer(kind, layers, bidirectional, projection)
    tokens = meta(torch.zeros(TIME, BATCH, WIDTH))
    options = (MODES[kind], HIDDEN, projection, layers, False, 0.0, True, bidirectional)
    forward = ops.Call(
        aten._cudnn_rnn.default, (tokens, weights, 4, None, None, None, *options, (), None), {}, None
    )
    shapes = (torch.Size((TIME, BATCH, WIDTH)), [], 4, None, None, None)
    assert ops.flops(forward).contraction == cudnn_rnn(*shapes, *options, [], None)

    for weights_asked in (False, True):
        mask = [True, True, True, weights_asked]
        gradients = (None, None, None, None)
        arguments = (tokens, weights, 4, None, None, None, *gradients, *options, (), None, None, mask)
        backward = ops.Call(aten._cudnn_rnn_backward.default, arguments, {}, None)
        expected = cudnn_rnn_backward(*shapes, *gradients, *options, [], None, None, mask)
        assert ops.flops(backward).contraction == expected


def test_cells_count_no_matrix_product_of_their_own():
    gates, state = torch.zeros(BATCH, 4 * HIDDEN), torch.zeros(BATCH, HIDDEN)
    result = (state, state, gates)
    flops = ops.flops(call(aten._thnn_fused_lstm_cell.default, gates, gates, state, result=result))
    assert flops == ops.Flops(pointwise=21 * BATCH * HIDDEN)
