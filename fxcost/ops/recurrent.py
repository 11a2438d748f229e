# ruff: noqa: A002 - parameters carry the names of ATen's schemas, `input` among them.
"""Recurrent layers and cells.

Every weight matrix meets every position of every sequence once, in each direction it belongs to, so the
contraction FLOP are 2 · positions · weights; the gradients of the data and of the weights are as much again,
each. Besides, per position and hidden unit, each gate adds its two products and two biases (3, also where
there are no biases). An LSTM has 4 gates, 5 activations and 4 operations that combine them; a GRU 3 gates, 3
activations and 5 operations; a plain RNN 1 gate and 1 activation. Backward counts twice that.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxcost.ops.call import Flops, Size, Traffic, elements, nbytes, product
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten

CELL = (4, 4, 21, 17)
"""Operations per hidden unit and step, by cuDNN's mode: RNN with ReLU, RNN with tanh, LSTM, GRU."""

LSTM, GRU = 2, 3


def matrices(weights: Sequence[TensorMeta]) -> list[TensorMeta]:
    """Return the weights that multiply, without the biases.

    >>> from fxcost.program import TensorMeta
    >>> len(matrices([TensorMeta((8, 2), torch.float32, 0), TensorMeta((8,), torch.float32, 1)]))
    1
    """
    return [weight for weight in weights if len(weight.shape) == 2]


@registry.formula(aten.mkldnn_rnn_layer)
def mkldnn_rnn_layer(
    input: TensorMeta, weight0: TensorMeta, weight1: TensorMeta, mode: int, hidden_size: Size
) -> Flops:
    """Count one layer in one direction: input and hidden weights at every position."""
    return _layer(input, (weight0, weight1), CELL[mode] * hidden_size)


@registry.formula(aten.mkldnn_rnn_layer_backward)
def mkldnn_rnn_layer_backward(
    input: TensorMeta, weight1: TensorMeta, weight2: TensorMeta, mode: int, hidden_size: Size
) -> Flops:
    """Count the gradients of the data and of the weights, each as much as the forward."""
    forward = _layer(input, (weight1, weight2), CELL[mode] * hidden_size)
    return forward + forward


@registry.formula(aten._cudnn_rnn)
def _cudnn_rnn(
    input: TensorMeta,
    weight: Sequence[TensorMeta],
    mode: int,
    hidden_size: Size,
    num_layers: int,
    bidirectional: bool,
) -> Flops:
    """Count all layers and directions; packed sequences count their own positions only."""
    cells = num_layers * (2 if bidirectional else 1)
    return _layer(input, matrices(weight), CELL[mode] * cells * hidden_size)


@registry.formula(aten._cudnn_rnn_backward)
def _cudnn_rnn_backward(
    input: TensorMeta,
    weight: Sequence[TensorMeta],
    mode: int,
    hidden_size: Size,
    num_layers: int,
    bidirectional: bool,
    output_mask: Sequence[bool],
) -> Flops:
    """Count the data's gradient, which always runs, and the weights' where it is asked for."""
    forward = _cudnn_rnn(input, weight, mode, hidden_size, num_layers, bidirectional)
    return Flops(
        contraction=(2 if output_mask[3] else 1) * forward.contraction, pointwise=2 * forward.pointwise
    )


@registry.traffic_formula(aten._cudnn_rnn)
def cudnn_rnn_traffic(
    input: TensorMeta,
    weight: Sequence[TensorMeta],
    weight_buf: TensorMeta | None,
    hx: TensorMeta,
    cx: TensorMeta | None,
    result: Sequence[TensorMeta],
) -> Traffic:
    """Count the weights once, in their buffer; one that is made of them is written, and read, besides."""
    *results, buffer = result
    made = Traffic(read=nbytes(weight), written=nbytes(buffer)) if weight_buf is None else Traffic()
    return made + Traffic(read=nbytes([input, buffer, hx, cx]), written=nbytes(results))


@registry.traffic_formula(aten._cudnn_rnn_backward)
def cudnn_rnn_backward_traffic(  # noqa: PLR0913, PLR0917 - as the operator's
    input: TensorMeta,
    weight_buf: TensorMeta,
    hx: TensorMeta,
    cx: TensorMeta | None,
    output: TensorMeta,
    grad_output: TensorMeta | None,
    grad_hy: TensorMeta | None,
    grad_cy: TensorMeta | None,
    reserve: TensorMeta,
    result: Sequence[TensorMeta],
) -> Traffic:
    """Count the weights once, in their buffer, and what the forward pass kept."""
    gradients = (grad_output, grad_hy, grad_cy)
    return Traffic(
        read=nbytes([input, weight_buf, hx, cx, output, gradients, reserve]), written=nbytes(result)
    )


@registry.formula(aten._thnn_fused_lstm_cell)
def _thnn_fused_lstm_cell(cx: TensorMeta) -> Flops:
    """Count the gates of an LSTM cell, whose matrix products are operators of their own."""
    return Flops(pointwise=CELL[LSTM] * elements(cx))


@registry.formula(aten._thnn_fused_lstm_cell_backward_impl)
def _thnn_fused_lstm_cell_backward_impl(cx: TensorMeta) -> Flops:
    """Count the gradients of the gates."""
    return Flops(pointwise=2 * CELL[LSTM] * elements(cx))


@registry.formula(aten._thnn_fused_gru_cell)
def _thnn_fused_gru_cell(hx: TensorMeta) -> Flops:
    """Count the gates of a GRU cell, whose matrix products are operators of their own."""
    return Flops(pointwise=CELL[GRU] * elements(hx))


@registry.formula(aten._thnn_fused_gru_cell_backward)
def _thnn_fused_gru_cell_backward(grad_hy: TensorMeta) -> Flops:
    """Count the gradients of the gates."""
    return Flops(pointwise=2 * CELL[GRU] * elements(grad_hy))


def _layer(input: TensorMeta, weights: Sequence[TensorMeta], cell: Size) -> Flops:
    positions = product(input.shape[:-1])
    return Flops(contraction=2 * positions * elements(list(weights)), pointwise=positions * cell)
