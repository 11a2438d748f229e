"""Operators whose fake kernel differs from the CPU's, fails on symbolic sizes, or does needless work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fxcost.trace.recurrent import lstm_workspace

Kernel = Callable[..., Any]
aten = torch.ops.aten


def constant_pad_nd(*args: Any, **kwargs: Any) -> Any:
    """Pad through torch's Python reference: the C++ kernel reads sizes as ints and cannot take a SymInt."""
    return torch._refs.constant_pad_nd(*args, **kwargs)


def nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for an operator that only writes to tensors that exist: it has no result to size."""


def mkldnn_rnn_layer(
    input_: torch.Tensor,
    w0: torch.Tensor,
    w1: torch.Tensor,
    w2: torch.Tensor,
    w3: torch.Tensor,
    hx: torch.Tensor,
    cx: torch.Tensor,
    *rest: Any,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Run an LSTM layer: the fake kernel's workspace is empty, the CPU's is not."""
    steps, batch, inputs = input_.shape
    hidden, train = w1.shape[1], rest[-1]
    output = input_.new_empty((steps, batch, hidden))
    workspace = None
    if train:
        size = lstm_workspace(steps, batch, inputs, hidden, torch.sym_max)
        workspace = torch.empty(size, dtype=torch.uint8)
    return output, torch.empty_like(hx), torch.empty_like(cx), workspace


RULES: dict[torch._ops.OpOverload, Kernel] = {
    aten.constant_pad_nd.default: constant_pad_nd,
    aten.mkldnn_rnn_layer.default: mkldnn_rnn_layer,
}


def kernel_of(operator: torch._ops.OpOverload) -> Kernel | None:
    """Return what runs instead of an operator's fake kernel, or None.

    Example:
        >>> kernel_of(torch.ops.aten._foreach_add_.Scalar).__name__
        'nothing'
    """
    if operator._opname.startswith("_foreach_") and not operator._schema.returns:
        return nothing
    return RULES.get(operator)
