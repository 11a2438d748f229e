"""Composite operators whose body asks whether its tensors are on a GPU, as they run where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from fxcost.trace.cuda.attention import Attention, backend_of, run
from fxcost.trace.cuda.gpu import Gpu
from fxcost.trace.cuda.overriding import Override

aten = torch.ops.aten
KEY = "AutogradCPU"


def overrides(gpu: Gpu, allowed: str | None) -> Iterator[Override]:
    """Yield the kernels.

    Args:
        gpu: Where they run.
        allowed: The only backend of attention that may run, None for all.
    """

    def scaled_dot_product_attention(  # noqa: PLR0913 - as the operator's
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        call = Attention(gpu, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)
        return run(call, backend_of(call, allowed))

    yield Override("scaled_dot_product_attention", KEY, scaled_dot_product_attention)
    yield Override("dropout", KEY, dropout)
    yield Override("softmax.int", KEY, _softmax(aten._softmax))
    yield Override("log_softmax.int", KEY, _softmax(aten._log_softmax))
    yield Override("batch_norm", KEY, batch_norm)
    yield Override("group_norm", KEY, _group_norm(gpu))
    yield Override("linear", KEY, linear)


def dropout(tensor: torch.Tensor, p: float, train: bool) -> torch.Tensor:
    """Drop elements: `is_fused_kernel_acceptable` of `aten/src/ATen/native/Dropout.cpp`."""
    if p == 0 or not train or tensor.numel() == 0:
        return tensor
    if p == 1:
        return tensor.mul(torch.zeros((), dtype=tensor.dtype).expand(tensor.shape))
    dropped: torch.Tensor = aten.native_dropout(tensor, p, train)[0]
    return dropped


def _softmax(operator: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return softmax that turns half into float inside of its kernel: `aten/src/ATen/native/SoftMax.cpp`."""

    def softmax(tensor: torch.Tensor, dim: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        if tensor.dtype == torch.float16 and dtype == torch.float32:
            return operator(tensor, dim, True)
        return operator(tensor if dtype is None else tensor.to(dtype), dim, False)

    return softmax


def linear(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Multiply rows; a bias that is not fused is added in place: `aten/src/ATen/native/Linear.cpp`.

    There it is not where operators are watched.
    """
    if bias is None or rows.ndim < 3 or rows.is_contiguous():
        fused: torch.Tensor = aten.linear.default.decompose(rows, weight, bias)
        return fused
    return torch.matmul(rows, weight.t()).add_(bias)


def _group_norm(gpu: Gpu) -> Callable[..., torch.Tensor]:
    """Return what normalises groups of channels: `aten/src/ATen/native/group_norm.cpp`.

    Until torch 2.13 it lays channels out one after the other and keeps that for the gradient; from 2.14 on
    the kernel does so for itself.
    """

    def group_norm(image: torch.Tensor, num_groups: int, *arguments: Any) -> torch.Tensor:
        image = image if gpu.runs("2.14") else image.contiguous()
        normed: torch.Tensor = aten.group_norm.default.decompose(image, num_groups, *arguments)
        return normed

    return group_norm


LEAST_EPS_OF_CUDNN = 1e-5
MOST_OF_CUDNN = 880_801


def batch_norm(  # noqa: PLR0913, PLR0917 - as the operator's
    image: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> torch.Tensor:
    """Normalise channels: `_select_batch_norm_backend` of `aten/src/ATen/native/Normalization.cpp`."""
    arguments: tuple[Any, ...] = (image, weight, bias, running_mean, running_var, training, momentum, eps)
    if training and cudnn_enabled and eps >= LEAST_EPS_OF_CUDNN and image.ndim >= 3:
        types = image.dtype, None if weight is None else weight.dtype
        suits = types in ((torch.float32, torch.float32), (torch.float16, torch.float32))
        if suits and bias is not None and bool(image.shape[0] <= MOST_OF_CUDNN):
            image = image.contiguous(memory_format=torch._prims_common.suggest_memory_format(image))
            normed: torch.Tensor = aten.cudnn_batch_norm(image, *arguments[1:])[0]
            return normed
    other: torch.Tensor = aten.native_batch_norm(*arguments)[0]
    return other
