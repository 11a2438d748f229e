"""Contraction FLOP of real models, forward and backward, against an oracle that shares no code."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from tests.ops.calls import tally
from tests.oracles.flops import oracle_flops


class Attention(nn.Module):
    def __init__(self, heads, shared_heads, **options):
        super().__init__()
        self.heads, self.shared_heads, self.options = heads, shared_heads, options
        self.query, self.key = nn.Linear(24, 24), nn.Linear(24, 24 // heads * shared_heads)
        self.value = nn.Linear(24, 24 // heads * shared_heads)

    def forward(self, x):
        query, key, value = (
            layer(x).unflatten(-1, (count, -1)).transpose(1, 2)
            for layer, count in (
                (self.query, self.heads),
                (self.key, self.shared_heads),
                (self.value, self.shared_heads),
            )
        )
        return functional.scaled_dot_product_attention(query, key, value, **self.options)


class Products(nn.Module):
    """Products with vectors, which FlopCounterMode leaves out."""

    def __init__(self):
        super().__init__()
        self.matrix, self.vector = nn.Parameter(torch.randn(5, 7)), nn.Parameter(torch.randn(7))

    def forward(self, x):
        rows = torch.mv(self.matrix, self.vector)
        rows = torch.addmv(rows, self.matrix, self.vector)
        outer = torch.addr(self.matrix, rows, self.vector)
        batches = torch.addbmm(outer, x, x.transpose(1, 2) @ x)
        return batches.sum() + torch.dot(self.vector, self.vector) + torch.vdot(rows, rows)


class Positional(nn.Module):
    """Passes several inputs to a module."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, inputs):
        return self.module(*inputs)


def convolutions(dimension):
    convolution = getattr(nn, f"Conv{dimension}d")
    transposed = getattr(nn, f"ConvTranspose{dimension}d")
    return nn.Sequential(
        convolution(4, 8, 3, padding=1, groups=2),
        convolution(8, 8, 3, stride=2, groups=8, bias=False),
        transposed(8, 4, 3, stride=2, groups=4, output_padding=1),
        transposed(4, 6, 2, padding=1),
        convolution(6, 3, 2, dilation=2),
    )


LSTM_OPTIONS = {"num_layers": 2, "bidirectional": True, "batch_first": True}

MODELS = {
    "linear": lambda: (nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), torch.randn(2, 4, 6)),
    "conv1d": lambda: (convolutions(1), torch.randn(2, 4, 9)),
    "conv2d": lambda: (convolutions(2), torch.randn(2, 4, 9, 7)),
    "conv3d": lambda: (convolutions(3), torch.randn(2, 4, 9, 7, 8)),
    "unbatched conv2d": lambda: (nn.Conv2d(4, 6, 3), torch.randn(4, 5, 6)),
    "attention": lambda: (Attention(4, 4), torch.randn(2, 5, 24)),
    "masked attention": lambda: (Attention(4, 4, is_causal=True), torch.randn(2, 5, 24)),
    "grouped-query attention": lambda: (Attention(4, 2, enable_gqa=True), torch.randn(2, 5, 24)),
    "attention with dropout": lambda: (Attention(4, 4, dropout_p=0.1), torch.randn(2, 5, 24)),
    "multi-head attention": lambda: (
        Positional(nn.MultiheadAttention(8, 2, batch_first=True)),
        (torch.randn(2, 5, 8),) * 3,
    ),
    "cross attention": lambda: (
        Positional(nn.MultiheadAttention(8, 2)),
        (torch.randn(5, 2, 8), torch.randn(7, 2, 8), torch.randn(7, 2, 8)),
    ),
    "encoder": lambda: (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        torch.randn(2, 5, 8),
    ),
    "decoder": lambda: (
        Positional(nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)),
        (torch.randn(5, 2, 8), torch.randn(7, 2, 8)),
    ),
    "lstm": lambda: (nn.LSTM(3, 5, **LSTM_OPTIONS), torch.randn(2, 4, 3)),
    "lstm with projection": lambda: (nn.LSTM(3, 5, 2, proj_size=2), torch.randn(4, 2, 3)),
    "gru": lambda: (nn.GRU(3, 5, **LSTM_OPTIONS), torch.randn(2, 4, 3)),
    "rnn": lambda: (nn.RNN(3, 5, **LSTM_OPTIONS), torch.randn(2, 4, 3)),
    "lstm cell": lambda: (nn.LSTMCell(3, 5), torch.randn(2, 3)),
    "gru cell": lambda: (nn.GRUCell(3, 5), torch.randn(2, 3)),
    "bilinear": lambda: (Positional(nn.Bilinear(3, 4, 5)), (torch.randn(2, 3), torch.randn(2, 4))),
    "products": lambda: (Products(), torch.randn(3, 5, 7)),
}


def first_tensor(output):
    return first_tensor(output[0]) if isinstance(output, tuple) else output


def steps(name):
    """Return the model's inference and one training step, without an optimizer."""
    torch.manual_seed(0)
    model, batch = MODELS[name]()

    def inference():
        model.eval()
        with torch.no_grad():
            model(batch)

    def training():
        model.train()
        first_tensor(model(batch)).sum().backward()

    return inference, training


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", MODELS)
def test_contraction_flops_equal_the_oracle_forward_and_backward(name):
    for step in steps(name):
        counted = tally(step)
        assert counted.flops.contraction == oracle_flops(step) > 0


def test_the_oracle_is_needed_where_torch_is_wrong():
    _, training = steps("conv2d")
    with FlopCounterMode(display=False) as counter:
        training()
    assert counter.get_total_flops() > oracle_flops(training)


def test_the_oracle_is_torch_where_torch_is_right():
    _, training = steps("linear")
    with FlopCounterMode(display=False) as counter:
        training()
    assert counter.get_total_flops() == oracle_flops(training)
