"""What a GPU's kernels allocate, where their fake kernels allocate something else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

from fxcost.trace import kernels
from fxcost.trace.cuda.gpu import Gpu

aten = torch.ops.aten
EFFICIENT_ATTENTION = aten._scaled_dot_product_efficient_attention.default


def rules_of(gpu: Gpu | None) -> Mapping[torch._ops.OpOverload, Callable[..., Any]]:
    """Return by operator what runs instead of its fake kernel; nothing for a CPU.

    >>> [str(operator) for operator in rules_of(Gpu((8, 9)))][0]
    'aten._scaled_dot_product_efficient_attention.default'
    """
    if gpu is None:
        return {}
    return {
        EFFICIENT_ATTENTION: functools.partial(efficient_attention, gpu),
        aten.native_group_norm.default: _contiguous(kernels.native_group_norm),
        aten.native_group_norm_backward.default: _contiguous(kernels.native_group_norm_backward),
    }


def _contiguous(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return a rule whose results have channels one after the other, as kernels of a GPU make them."""

    def made(*args: Any) -> Any:
        return tree_map_only(torch.Tensor, lambda tensor: tensor.new_empty(tensor.shape), rule(*args))

    return made


def efficient_attention(
    gpu: Gpu,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: torch.Tensor | None,
    keeps: bool,
    dropout: float = 0.0,
    *options: Any,
    **named: Any,
) -> tuple[torch.Tensor, ...]:
    """Attend: dropout's seed and offset are on the host, but without dropout, from torch 2.14 on.

    `_efficient_attention_forward` of `aten/src/ATen/native/transformers/cuda/attention.cu`.
    """
    output, logsumexp, seed, offset = EFFICIENT_ATTENTION(
        query, key, value, bias, keeps, dropout, *options, **named
    )
    if not gpu.runs("2.14") or dropout != 0:
        seed, offset = seed.new_empty((0,)), offset.new_empty((0,))
    return output, logsumexp, seed, offset
