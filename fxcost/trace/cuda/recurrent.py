"""LSTM, GRU and RNN with cuDNN's operator, which a GPU takes, and what it allocates besides its results.

`aten/src/ATen/native/RNN.cpp` takes it wherever cuDNN is there and switched on. The rest follows
`aten/src/ATen/native/cudnn/RNN.cpp`, and `aten/src/ATen/cudnn/AutocastRNN.cpp`, by which autocast is to
float16, whatever type was asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fxcost.errors import UnknownOperatorError
from fxcost.trace.cuda.gpu import Gpu
from fxcost.trace.cudnn import GRU, LSTM, Recurrence, parts
from fxcost.trace.preparing import become
from fxcost.trace.questions import user_source

aten = torch.ops.aten
MODES = {"RNN_RELU": 0, "RNN_TANH": 1, "LSTM": LSTM, "GRU": GRU}
FLATTENED = (torch.float16, torch.float32, torch.float64)
"""The types of weights that get one buffer: `CUDNN_TENSOR_DTYPES` of torch/backends/cudnn/__init__.py."""


class Layers:
    """Stands in for `torch._VF` in torch.nn.modules.rnn; forwards what it does not define."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def lstm(self, inputs: torch.Tensor, state: Sequence[torch.Tensor], *args: Any) -> Any:
        """Run an LSTM."""
        return _run(LSTM, inputs, tuple(state), args)

    def gru(self, inputs: torch.Tensor, state: torch.Tensor, *args: Any) -> Any:
        """Run a GRU."""
        return _run(GRU, inputs, (state,), args)

    def rnn_tanh(self, inputs: torch.Tensor, state: torch.Tensor, *args: Any) -> Any:
        """Run a plain recurrence."""
        return _run(MODES["RNN_TANH"], inputs, (state,), args)

    def rnn_relu(self, inputs: torch.Tensor, state: torch.Tensor, *args: Any) -> Any:
        """Run a plain recurrence with a rectifier."""
        return _run(MODES["RNN_RELU"], inputs, (state,), args)

    def lstm_cell(
        self, inputs: torch.Tensor, state: Sequence[torch.Tensor], *weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run one step of an LSTM: all but its products in one kernel, of PyTorch's own."""
        hidden, cell = state
        gates = inputs @ weights[0].t(), hidden @ weights[1].t()
        hidden, cell, _ = aten._thnn_fused_lstm_cell(*gates, cell, *weights[2:])
        return hidden, cell

    def gru_cell(self, inputs: torch.Tensor, hidden: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Run one step of a GRU, likewise."""
        gates = inputs @ weights[0].t(), hidden @ weights[1].t()
        new: torch.Tensor = aten._thnn_fused_gru_cell(*gates, hidden, *weights[2:])[0]
        return new


class Operator:
    """Stands in for such as `torch.ops.aten.lstm`, whose overload for padded sequences is called `input`."""

    def __init__(self, name: str, original: Any) -> None:
        self._name = name
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    @property
    def input(self) -> Any:
        """The overload that takes padded sequences."""
        return getattr(Layers(None), self._name)


def _run(mode: int, inputs: torch.Tensor, state: tuple[torch.Tensor, ...], args: tuple[Any, ...]) -> Any:
    weights, biases, layers, dropout, train, bidirectional, batch_first = _checked(args)
    per_layer, buffer = 4 if biases else 2, _buffer(weights)
    autocasts = torch.is_autocast_enabled("cpu") and weights[0].dtype in (torch.float32, torch.bfloat16)
    if autocasts:
        call = (mode, state[0].shape[2], layers, dropout, bidirectional)
        buffer, weights = _cast(weights, Recurrence.of(inputs, batch_first, *call).weights)
        state = tuple(each.to(torch.float16) for each in reversed(state))[::-1]
        inputs = inputs.to(torch.float16)
    with torch._C._DisableAutocast():
        results = aten._cudnn_rnn(
            inputs, weights, per_layer, buffer, state[0], state[1] if mode == LSTM else None, mode,
            state[0].shape[2], 0, layers, batch_first, dropout, train, bidirectional, [], None,
        )  # fmt: skip
    return results[:3] if mode == LSTM else results[:2]


def _checked(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments after the state, with the number of layers as an int.

    Raises:
        UnknownOperatorError: What they ask for is not known.
    """
    if not isinstance(args[0], (list, tuple)):
        raise UnknownOperatorError(f"{user_source()}: packed sequences cannot be traced on a GPU; pad them")
    if not torch.backends.cudnn.enabled:
        raise UnknownOperatorError(
            f"{user_source()}: recurrent layers on a GPU are traced with cuDNN only, which is switched off"
        )
    weights, biases, layers, dropout, train, bidirectional, batch_first = args
    if len(weights) != (4 if biases else 2) * int(layers) * (2 if bidirectional else 1):
        raise UnknownOperatorError(
            f"{user_source()}: nn.LSTM(proj_size=...) cannot be traced; write an nn.Linear after it"
        )
    return list(weights), biases, int(layers), dropout, train, bidirectional, batch_first


def _buffer(weights: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Return the buffer of all weights, None where they are not in one."""
    storages = {weight.untyped_storage()._cdata for weight in weights}
    if len(storages) > 1:
        return None
    storage = weights[0].detach()
    return storage.as_strided((storage.untyped_storage().nbytes() // storage.dtype.itemsize,), (1,), 0)


def _cast(weights: Sequence[torch.Tensor], elements: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return a new buffer in float16 and its parts, to which the weights are copied."""
    buffer = torch.zeros((elements,), dtype=torch.float16)
    views = [part.data for part in parts(buffer, weights)]
    return buffer, [view.copy_(weight) for view, weight in zip(views, weights, strict=True)]


def flattened(model: nn.Module) -> None:
    """Put the weights of each recurrent layer into one buffer, as `flatten_parameters` does on a GPU.

    >>> layer = nn.GRU(2, 3)
    >>> flattened(layer)
    >>> len({weight.untyped_storage().data_ptr() for weight in layer.parameters()})
    1
    """
    for module in model.modules():
        if isinstance(module, nn.RNNBase) and not module.proj_size:
            _flatten(module)


def _flatten(module: nn.RNNBase) -> None:
    weights: list[Any] = module._flat_weights
    if not all(isinstance(weight, nn.Parameter) for weight in weights):
        return
    dtypes = {weight.dtype for weight in weights}
    if len(dtypes) != 1 or not dtypes <= set(FLATTENED) or len({*map(id, weights)}) != len(weights):
        return
    call = Recurrence(
        mode=MODES[module.mode],
        layers=int(module.num_layers),
        directions=2 if module.bidirectional else 1,
        inputs=module.input_size,
        hidden=module.hidden_size,
        steps=1,
        batch=1,
        dtype=weights[0].dtype,
        dropout=False,
    )
    buffer = torch.empty((call.weights,), dtype=call.dtype)
    for weight, part in zip(weights, parts(buffer, weights), strict=True):
        become(weight, part)


def allocating(gpu: Gpu | None) -> AbstractContextManager[object]:
    """Return the context, inside of the recorder's, in which cuDNN's temporaries are made, if on a GPU."""
    return contextlib.nullcontext() if gpu is None else _Allocating()  # type: ignore[no-untyped-call]


class _Allocating(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes what a call of cuDNN needs while it runs, and lets go of it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is aten._cudnn_rnn.default:
            call = Recurrence.of(args[0], args[10], *(args[at] for at in (6, 7, 9, 11, 13)))
            held = [*_dense(args[0], args[10]), _scratch(call.workspace(training=args[12]))]
            result = func(*args)
            held.clear()
            return result
        if func is aten._cudnn_rnn_backward.default:
            return _differentiate(func, args)
        return func(*args, **(kwargs or {}))


def _differentiate(func: Any, args: Sequence[Any]) -> Any:
    """Run the gradients of the data, and then those of the weights, where these are asked for."""
    inputs, (hidden, cell, output), gradients, batch_first = args[0], args[4:7], args[7:10], args[14]
    call = Recurrence.of(inputs, batch_first, *(args[at] for at in (10, 11, 13, 15, 17)))
    nbytes = call.workspace(training=True, backward=True)
    absent = [
        aten.zeros_like.default(like)
        for gradient, like in zip(gradients, (output, hidden, cell), strict=True)
        if gradient is None and like is not None
    ]
    held = list(_dense(inputs, batch_first))
    held += [] if gradients[0] is None else _dense(gradients[0], batch_first)
    if args[21][3]:
        states = [each for each in (inputs, hidden, cell) if each is not None]
        held += [aten.empty_like.default(each, memory_format=torch.contiguous_format) for each in states]
    held.append(_scratch(nbytes))
    if args[21][3]:
        held.clear()
        held = [*_dense(inputs, batch_first), _scratch(nbytes)]
    result = func(*args)
    held.clear()
    absent.clear()
    return result


def _dense(sequences: torch.Tensor, batch_first: bool) -> list[torch.Tensor]:
    """Return the copy of sequences that are not laid out step by step."""
    ordered = aten.transpose.int(sequences, 0, 1) if batch_first else sequences
    if ordered.is_contiguous():
        return []
    return [aten.clone.default(ordered, memory_format=torch.contiguous_format)]


def _scratch(nbytes: Any) -> torch.Tensor:
    scratch: torch.Tensor = aten.empty.memory_format((nbytes,), dtype=torch.uint8)
    return scratch
