# ruff: noqa: ARG001, PLR0913, PLR0917 - a kernel takes what its operator takes
"""How much memory cuDNN's recurrent layers take: what they reserve for the backward pass, and a workspace.

cuDNN does not say; only a call tells. The sizes were measured on an H100 with torch 2.11.0 and cuDNN 9.19: of
732 random layers over padded sequences, of all modes, with 1 to 3 layers, one and both directions, hidden
sizes 16, 64, 100, 256 and 512, inputs of 32, 100 and 256, 1 to 128 steps, batches of 1 to 64 and three types.
The forms were found on 352 of them, and tried on the other 380:

- what is reserved is right to the byte for all 198 that were in training;
- the workspace is right within 256 bytes for 369. For 10 of the others, which have one direction and several
  layers, the backward pass is given as much as it takes at most: up to 7.8 % too much. The last one ran
  cuDNN's persistent algorithm, which PyTorch takes for one layer in float16 where sizes are multiples of 128
  and the batch is one of 8: 12.6 % too little. Of that only two were drawn, and its workspace is not known.

On other cards, with other releases of cuDNN and beyond those sizes all of it is a forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

LSTM, GRU = 2, 3
GATES = (1, 1, 4, 3)
"""By mode, as cuDNN numbers them: RNN with ReLU, RNN with tanh, LSTM, GRU."""

SMALL_FORWARD, SMALL_BACKWARD = (384, 384, 192, 192), (256, 256, 128, 128)
"""By mode, up to which hidden size PyTorch asks for the algorithm for small ones: `use_rnn_persist_small_h`
of aten/src/ATen/native/cudnn/RNN.cpp in github.com/pytorch/pytorch. In bfloat16 it changes no workspace."""

STEP, SMALL_STEP = (1, 1, 6, 3), (1, 1, 3, 1)
"""By mode, how many states each layer and direction holds in the workspace of the forward pass."""

SMALL_EXTRA = (9, 9, 12, 14)
"""By mode, how many more activations the algorithm for small hidden sizes holds in the backward pass."""

PRODUCTS = 8 * 2**20
"""Bytes of workspace that each layer and direction has for its products."""

UNIT, FIXED = 32, 256


@dataclass(frozen=True)
class Recurrence:
    """A call of cuDNN's recurrent layers over padded sequences.

    Attributes:
        mode: As cuDNN numbers them.
        layers: How many.
        directions: 1 or 2.
        inputs: Elements of an input's position.
        hidden: Elements of a hidden state.
        steps: Positions of a sequence.
        batch: Sequences.
        dtype: Of all tensors.
        dropout: Whether the outputs of layers are dropped before the next one.
    """

    mode: int
    layers: int
    directions: int
    inputs: Any
    hidden: Any
    steps: Any
    batch: Any
    dtype: torch.dtype
    dropout: bool

    @classmethod
    def of(cls, inputs: torch.Tensor, batch_first: bool, *options: Any) -> Recurrence:
        """Return the call of an operator by its arguments.

        Args:
            inputs: The sequences.
            batch_first: Whether their first dimension is the batch's.
            options: The operator's mode, hidden size, layers, dropout, and whether there are two directions.
        """
        mode, hidden, layers, dropout, bidirectional = options
        batch, steps = inputs.shape[:2] if batch_first else (inputs.shape[1], inputs.shape[0])
        directions = 2 if bidirectional else 1
        dropped = dropout > 0 and layers > 1
        return cls(mode, layers, directions, inputs.shape[2], hidden, steps, batch, inputs.dtype, dropped)

    @property
    def weights(self) -> Any:
        """How many elements the buffer of all weights has: with both biases, whether or not there are any.

        >>> Recurrence(LSTM, 2, 2, 10, 20, 5, 3, torch.float32, False).weights == sum(
        ...     weight.numel() for weight in torch.nn.LSTM(10, 20, 2, bidirectional=True).parameters()
        ... )
        True
        """
        return self._matrices + 2 * self._rows

    @cached_property
    def _rows(self) -> Any:
        return self.layers * self.directions * GATES[self.mode] * self.hidden

    @cached_property
    def _matrices(self) -> Any:
        wide, deep = self.directions * self.hidden, self.layers - 1
        columns = self.inputs + deep * wide + self.layers * self.hidden
        return self.directions * GATES[self.mode] * self.hidden * columns

    @cached_property
    def _activations(self) -> Any:
        return self.steps * self.batch * self.hidden

    @cached_property
    def _states(self) -> Any:
        """Elements of the state of one direction in all layers."""
        return self.layers * self.batch * self.hidden

    @property
    def reserve(self) -> Any:
        """Bytes that are kept for the backward pass: gates, layers' outputs, bits that say what is dropped.

        >>> Recurrence(LSTM, 1, 2, 100, 64, 35, 32, torch.float16, False).reserve
        1433856
        """
        width = self.dtype.itemsize * self.directions * self._activations
        kept = (1, 1, 5, 6)[self.mode] * self.layers
        nbytes = _up(kept * width) + _up((self.layers - 1) * width) + FIXED
        if self.dropout:
            bits = self.directions * self._activations
            nbytes += (self.layers - 1) * self.directions * _up(bits // 8)
        return nbytes

    def workspace(self, *, training: bool, backward: bool = False) -> Any:
        """Return the bytes of a call's workspace; for training the larger of forward and backward pass.

        Args:
            training: Whether what the backward pass needs is kept.
            backward: Whether it is a call of the backward pass, for which another algorithm may be asked.

        >>> Recurrence(LSTM, 1, 2, 100, 64, 35, 32, torch.float16, False).workspace(training=True)
        21544192
        """
        limit = (SMALL_BACKWARD if backward else SMALL_FORWARD)[self.mode]
        has_small = self.dtype in (torch.float16, torch.float32)
        small = has_small and bool(self.hidden <= limit)
        elements = self._forward(small=small, training=training)
        if training:
            elements = torch.sym_max(elements, self._backward(small=small))
        fixed = PRODUCTS * self.layers * self.directions + FIXED + _up(8 * self.batch)
        return fixed + _up(self.dtype.itemsize * (self._matrices + elements))

    def _forward(self, *, small: bool, training: bool) -> Any:
        two = self.directions == 2
        gates = GATES[self.mode]
        activations = self.directions * gates + 4 * two + 4 * gates * small
        states = self.directions * (SMALL_STEP if small else STEP)[self.mode] + 4 * two
        states += small and not two
        between = training and self.dropout and not two
        elements = (activations + between) * self._activations + states * self._states
        return elements + self._unpadded

    def _backward(self, *, small: bool) -> Any:
        two, deep, lstm = self.directions == 2, self.layers > 1, self.mode == LSTM
        widest = self.steps * self.batch * torch.sym_max(self.inputs, self.hidden)
        extra = SMALL_EXTRA[self.mode] * small
        if two:
            activations, widest, states = 2 + 2 * deep + extra, 4 * widest, 6 + 4 * lstm
        elif small:
            activations, states = 1 + deep + extra, 2 + 2 * lstm
        else:
            activations, states = 1, 1 + 2 * lstm
        return activations * self._activations + widest + states * self._states + 2 * self._unpadded

    @property
    def _unpadded(self) -> Any:
        """Elements of input, output, and states before and after, which cuDNN lays out without padding."""
        states = 2 if self.mode == LSTM else 1
        positions = self.steps * self.batch * self.inputs + self.directions * self._activations
        return positions + 2 * states * self.directions * self._states


def _up(nbytes: Any) -> Any:
    return (nbytes + UNIT - 1) // UNIT * UNIT


def cudnn_rnn(
    inputs: torch.Tensor,
    weight: Sequence[torch.Tensor],
    weight_stride0: int,
    weight_buf: torch.Tensor | None,
    hx: torch.Tensor,
    cx: torch.Tensor | None,
    mode: int,
    hidden_size: Any,
    proj_size: Any,
    num_layers: int,
    batch_first: bool,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_sizes: Sequence[int],
    dropout_state: torch.Tensor | None,
) -> tuple[torch.Tensor, ...]:
    """Run recurrent layers: torch's fake kernel reserves nothing and makes no buffer of weights."""
    call = Recurrence.of(inputs, batch_first, mode, hidden_size, num_layers, dropout, bidirectional)
    output = inputs.new_empty((call.steps, call.batch, call.directions * hidden_size))
    state = hx.new_empty(hx.shape)
    cell = hx.new_empty((0,)) if cx is None else cx.new_empty(cx.shape)
    if weight_buf is None:
        weight_buf = inputs.new_empty((call.weights,))
    reserve = inputs.new_empty((call.reserve if train else 0,), dtype=torch.uint8)
    return output.transpose(0, 1) if batch_first else output, state, cell, reserve, weight_buf


def cudnn_rnn_backward(
    inputs: torch.Tensor,
    weight: Sequence[torch.Tensor],
    weight_stride0: int,
    weight_buf: torch.Tensor,
    hx: torch.Tensor,
    cx: torch.Tensor | None,
    *options: Any,
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor | None, list[torch.Tensor]]:
    """Differentiate recurrent layers: the weights' gradients are parts of one buffer."""
    batch_first, output_mask = options[8], options[-1]
    ordered = inputs.transpose(0, 1) if batch_first else inputs
    gradient = ordered.new_empty(ordered.shape)
    gradient = gradient.transpose(0, 1) if batch_first else gradient
    cell = None if cx is None else cx.new_empty(cx.shape)
    weights = parts(weight_buf.new_empty(weight_buf.shape), weight) if output_mask[3] else []
    return gradient, hx.new_empty(hx.shape), cell, weights


def parts(buffer: torch.Tensor, weights: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the parts of a buffer that are for weights, one after the other; cuDNN's order is its own.

    >>> [part.storage_offset() for part in parts(torch.empty(12), list(torch.nn.RNN(1, 2).parameters()))]
    [0, 2, 6, 8]
    """
    found, offset = [], 0
    for weight in weights:
        found.append(buffer.narrow(0, offset, weight.numel()).view(weight.shape))
        offset += weight.numel()
    return found
