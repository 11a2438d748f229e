"""LSTM and GRU with the operators that the CPU runs.

A fake tensor takes other operators: LSTM and GRU are then unrolled as torch's decompositions have it. These
follow ATen's `native/mkldnn/RNN.cpp` (one fused `mkldnn_rnn_layer` per layer and direction) and
`native/RNN.cpp` (GRU, one step after the other), down to which temporaries live how long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import torch
from torch.nn import functional

from fxcost.errors import UnknownOperatorError
from fxcost.trace.questions import user_source

Weights: TypeAlias = "Sequence[torch.Tensor]"
LSTM_MODE = 2


class Kernels:
    """Stands in for `torch._VF` in torch.nn.modules.rnn; forwards what it does not define."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def lstm(self, *args: Any) -> Any:
        """Run an LSTM over padded sequences; packed ones, whose lengths are data, go on."""
        if isinstance(args[3], (list, tuple)):
            return self._original.lstm(*args)
        if len(args[2]) != _weights_per_layer(args[3]) * _layers(args):
            raise UnknownOperatorError(
                f"{user_source()}: nn.LSTM(proj_size=...) cannot be traced; write an nn.Linear after it"
            )
        inputs, (hidden, cell), weights, biases, layers, dropout, train, bidirectional, batch_first = args
        inputs = (inputs.transpose(0, 1) if batch_first else inputs).contiguous()
        layer_input = inputs  # the first one lives to the end, as in C++
        hidden, cell = hidden.contiguous(), cell.contiguous()
        directions = 2 if bidirectional else 1
        last_hidden, last_cell = [], []
        outputs = [layer_input] * directions  # each lives until the next layer's replaces it
        for layer in range(layers):
            for direction in range(directions):
                index = layer * directions + direction
                outputs[direction], layer_hidden, layer_cell, _ = torch.ops.aten.mkldnn_rnn_layer(
                    layer_input, *_four_weights(weights, index, biases), hidden[index], cell[index],
                    direction == 1, [], LSTM_MODE, _at_hint(hidden.shape[2]), layers, biases, bidirectional,
                    batch_first, train,
                )  # fmt: skip
                last_hidden.append(layer_hidden)
                last_cell.append(layer_cell)
            layer_input = outputs[0] if directions == 1 else torch.cat(outputs, -1)
            if dropout != 0 and train and layer < layers - 1:
                layer_input = torch.dropout(layer_input, dropout, True)
        output = layer_input.transpose(0, 1) if batch_first else layer_input
        return output, torch.stack(last_hidden, 0), torch.stack(last_cell, 0)

    def gru(self, *args: Any) -> Any:
        """Run a GRU over padded sequences; packed ones go on."""
        if isinstance(args[3], (list, tuple)):
            return self._original.gru(*args)
        inputs, hidden, weights, biases, layers, dropout, train, bidirectional, batch_first = args
        layer_input = inputs.transpose(0, 1) if batch_first else inputs
        hiddens = hidden.unbind(0)
        directions = 2 if bidirectional else 1
        per_layer = _weights_per_layer(biases)
        cells = [weights[start : start + per_layer] for start in range(0, len(weights), per_layer)]
        last_hidden: list[torch.Tensor] = []
        for layer in range(layers):
            own = slice(layer * directions, (layer + 1) * directions)
            run = _gru_both_directions if bidirectional else _gru_one_direction
            layer_input, last = run(layer_input, hiddens[own], cells[own])
            last_hidden += last
            if dropout != 0 and train and layer < layers - 1:
                layer_input = torch.dropout(layer_input, dropout, True)
        result = layer_input.transpose(0, 1) if batch_first else layer_input
        return result, torch.stack(last_hidden, 0)

    def lstm_cell(
        self, inputs: torch.Tensor, state: Weights, *weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run one step of an LSTM."""
        hidden, cell = state
        gates = _linear(hidden, weights[1::2]).add_(_linear(inputs, weights[0::2]))
        gate = torch.unsafe_split(gates, hidden.shape[1], 1)
        ingate, forget = gate[0].sigmoid_(), gate[1].sigmoid_()
        new, outgate = gate[2].tanh_(), gate[3].sigmoid_()
        cell = (forget * cell).add_(ingate * new)
        return outgate * cell.tanh(), cell

    def rnn_tanh_cell(
        self, inputs: torch.Tensor, hidden: torch.Tensor, *weights: torch.Tensor
    ) -> torch.Tensor:
        """Run one step of a plain recurrence."""
        return _simple_cell(inputs, hidden, weights, torch.tanh)

    def rnn_relu_cell(
        self, inputs: torch.Tensor, hidden: torch.Tensor, *weights: torch.Tensor
    ) -> torch.Tensor:
        """Run one step of a plain recurrence with a rectifier."""
        return _simple_cell(inputs, hidden, weights, torch.relu)

    def gru_cell(self, inputs: torch.Tensor, hidden: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Run one step of a GRU."""
        return _gru_cell(_linear(inputs, weights[0::2]), hidden, weights)


class Operator:
    """Stands in for `torch.ops.aten.lstm`, whose overload for padded sequences is called `input`."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    @property
    def input(self) -> Callable[..., Any]:
        """The overload that takes padded sequences."""
        return Kernels(torch._VF).lstm


def _linear(inputs: torch.Tensor, weights: Weights) -> torch.Tensor:
    weight, bias = weights
    return functional.linear(inputs, weight, bias)


def _simple_cell(
    inputs: torch.Tensor, hidden: torch.Tensor, weights: Weights, activation: Callable[..., torch.Tensor]
) -> torch.Tensor:
    """Run ATen's SimpleCell: both projections live until the activation is done."""
    from_hidden = _linear(hidden, weights[1::2])
    from_inputs = _linear(inputs, weights[0::2])
    return activation(from_hidden.add_(from_inputs))


def _gru_one_direction(
    inputs: torch.Tensor, hiddens: Weights, cells: Sequence[Weights]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    projected = _projected(inputs, cells[0])
    outputs = _gru_steps(projected.unbind(0), hiddens[0], cells[0])
    return torch.stack(outputs, 0), outputs[-1:]


def _gru_both_directions(
    inputs: torch.Tensor, hiddens: Weights, cells: Sequence[Weights]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Run FullBidirectionalLayer: the first direction's steps live until the second's replace them."""
    projected = _projected(inputs, cells[0])
    steps = projected.unbind(0)
    forward = _gru_steps(steps, hiddens[0], cells[0])
    forward_output = torch.stack(forward, 0)
    projected = _projected(inputs, cells[1])
    steps = projected.unbind(0)
    backward = _gru_steps(steps[::-1], hiddens[1], cells[1])
    backward_output = torch.stack(backward[::-1], 0)
    return torch.cat([forward_output, backward_output], -1), [forward[-1], backward[-1]]


def _projected(inputs: torch.Tensor, weights: Weights) -> torch.Tensor:
    return functional.linear(inputs, weights[0], weights[2] if len(weights) > 2 else None)


def _gru_steps(steps: Sequence[torch.Tensor], hidden: torch.Tensor, weights: Weights) -> list[torch.Tensor]:
    outputs = []
    for step in steps:
        hidden = _gru_cell(step, hidden, weights)
        outputs.append(hidden)
    return outputs


def _gru_cell(step: torch.Tensor, hidden: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Run ATen's GRUCell: in place where it is, so that autograd keeps the same tensors."""
    size = hidden.shape[1]
    from_input = torch.unsafe_split(step, size, 1)
    projected = functional.linear(hidden, weights[1], weights[3] if len(weights) > 2 else None)
    from_hidden = torch.unsafe_split(projected, size, 1)
    del projected
    reset_gate = from_hidden[0].add_(from_input[0]).sigmoid_()
    input_gate = from_hidden[1].add_(from_input[1]).sigmoid_()
    new_gate = from_input[2].add(from_hidden[2].mul_(reset_gate)).tanh_()
    return (hidden - new_gate).mul_(input_gate).add_(new_gate)


def _weights_per_layer(biases: bool) -> int:
    return 4 if biases else 2


def _layers(args: Sequence[Any]) -> int:
    layers, bidirectional = args[4], args[7]
    return int(layers) * (2 if bidirectional else 1)


def _four_weights(weights: Weights, index: int, biases: bool) -> list[torch.Tensor]:
    per_layer = _weights_per_layer(biases)
    layer = list(weights[index * per_layer : (index + 1) * per_layer])
    if biases:
        return layer
    return [*layer, *(torch.zeros(weight.shape, dtype=weight.dtype) for weight in layer)]


def _at_hint(size: Any) -> int:
    """Return a size as the int that the operator's schema wants; the weights' shapes say it symbolically."""
    return cast("int", size.node.hint) if isinstance(size, torch.SymInt) else int(size)


def lstm_workspace(
    steps: Any, batch: Any, inputs: Any, hidden: Any, maximum: Callable[[Any, Any], Any]
) -> Any:
    """Return the bytes of the workspace that oneDNN's LSTM keeps for training.

    Sections for the gates, the hidden state, and the states and their gradients, each a matrix of floats with
    padded rows, rounded up to whole pages (oneDNN `src/cpu/rnn/rnn_utils.cpp`, `set_workspace_sizes`).
    """
    states = 2 * (steps + 1) * batch
    widest = _padded(maximum(inputs, hidden))
    sections = [steps * batch * _padded(4 * hidden), steps * batch * _padded(hidden)]
    sections += 3 * [states * widest] + 2 * [states * hidden]
    return sum(_round_up(4 * section, 4096) for section in sections)


def _padded(width: Any) -> Any:
    """Return the row length of a matrix: whole cache lines, one more where the rows would alias."""
    line = 16
    length = _round_up(width, line)
    return length + line if length % 256 == 0 else length


def _round_up(size: Any, unit: int) -> Any:
    return (size + unit - 1) // unit * unit
