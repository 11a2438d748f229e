# ruff: noqa: PLR0913, PLR0917 - a kernel takes what its operator takes
"""Quick rules for operators that take most of a trace: for contiguous tensors of one dtype, nothing is asked.

Anything else goes to the fake kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

aten = torch.ops.aten


def native_batch_norm(
    image: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    """Normalise channels: an image; in training also means and deviations, in the weight's type."""
    if not _dense(image) or not _plain_weights(weight, bias, running_mean, running_var):
        return aten.native_batch_norm.default(
            image, weight, bias, running_mean, running_var, training, momentum, eps
        )
    statistics = (image.shape[1],) if training else (0,)
    like = image if weight is None else weight
    return torch.empty_like(image), like.new_empty(statistics), like.new_empty(statistics)


def native_batch_norm_backward(
    grad_out: torch.Tensor,
    image: torch.Tensor,
    weight: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    save_mean: torch.Tensor | None,
    save_invstd: torch.Tensor | None,
    train: bool,
    eps: float,
    output_mask: Sequence[bool],
) -> Any:
    """Differentiate batch_norm."""
    alike = _dense(image) and grad_out.dtype == image.dtype and _laid_out_alike(grad_out, image)
    if not alike or not _plain_weights(weight):
        return aten.native_batch_norm_backward.default(
            grad_out,
            image,
            weight,
            running_mean,
            running_var,
            save_mean,
            save_invstd,
            train,
            eps,
            output_mask,
        )
    like, channels = (image if weight is None else weight), (image.shape[1],)
    made = (torch.empty_like(image), like.new_empty(channels), like.new_empty(channels))
    return tuple(gradient if asked else None for gradient, asked in zip(made, output_mask, strict=True))


def native_layer_norm(
    tensor: torch.Tensor,
    normalized_shape: Sequence[Any],
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    eps: float,
) -> Any:
    """Normalise the last dimensions: the tensor, and a mean and a deviation for each of the others."""
    if not _plain(tensor, weight, bias):
        return aten.native_layer_norm.default(tensor, normalized_shape, weight, bias, eps)
    kept = tensor.ndim - len(normalized_shape)
    statistics = (*tensor.shape[:kept], *(1 for _ in normalized_shape))
    return torch.empty_like(tensor), tensor.new_empty(statistics), tensor.new_empty(statistics)


def native_layer_norm_backward(
    grad_out: torch.Tensor,
    tensor: torch.Tensor,
    normalized_shape: Sequence[Any],
    mean: torch.Tensor,
    rstd: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    output_mask: Sequence[bool],
) -> Any:
    """Differentiate layer_norm: the CPU's gradients are contiguous, whatever the incoming one is."""
    if not _plain(tensor, weight, bias) or grad_out.dtype != tensor.dtype:
        return aten.native_layer_norm_backward.default(
            grad_out.contiguous(), tensor, normalized_shape, mean, rstd, weight, bias, output_mask
        )
    shapes = (tensor.shape, normalized_shape, normalized_shape)
    return tuple(
        tensor.new_empty(shape) if asked else None for shape, asked in zip(shapes, output_mask, strict=True)
    )


def threshold_backward(gradient: torch.Tensor, result: torch.Tensor, threshold: Any) -> Any:
    """Differentiate relu."""
    if not _plain(gradient, result) or not _same_shape(gradient, result):
        return aten.threshold_backward.default(gradient, result, threshold)
    return torch.empty_like(gradient)


def view(tensor: torch.Tensor, size: Sequence[Any]) -> Any:
    """View a contiguous tensor with other sizes; that they have as many elements is asked."""
    if not tensor.is_contiguous() or tensor.numel() == 0:
        return aten.view.default(tensor, size)
    known = math.prod(extent for extent in size if not _is_open(extent))
    sizes = [tensor.numel() // known if _is_open(extent) else extent for extent in size]
    if math.prod(sizes) != tensor.numel():
        return aten.view.default(tensor, size)
    strides = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    return tensor.as_strided(sizes, strides, tensor.storage_offset())


def _is_open(extent: Any) -> bool:
    return isinstance(extent, int) and extent == -1


def _dense(image: torch.Tensor) -> bool:
    """Tell whether a tensor is contiguous, with channels first or last."""
    if image.is_contiguous():
        return True
    return image.ndim == 4 and image.is_contiguous(memory_format=torch.channels_last)


def _laid_out_alike(left: torch.Tensor, right: torch.Tensor) -> bool:
    if right.is_contiguous():
        return left.is_contiguous()
    return left.is_contiguous(memory_format=torch.channels_last)


def _plain_weights(*weights: torch.Tensor | None) -> bool:
    """Tell whether what is there of weights is contiguous, and of one type."""
    there = [weight for weight in weights if weight is not None]
    return not there or _plain(*there)


def _plain(first: torch.Tensor, *others: torch.Tensor | None) -> bool:
    """Tell whether tensors are contiguous and of one dtype."""
    return first.is_contiguous() and all(
        other is None or (other.dtype == first.dtype and other.is_contiguous()) for other in others
    )


def _same_shape(left: torch.Tensor, right: torch.Tensor) -> bool:
    return left.ndim == right.ndim and all(
        one is other or _node(one) is _node(other) for one, other in zip(left.shape, right.shape, strict=True)
    )


def _node(size: Any) -> Any:
    return size.node if isinstance(size, torch.SymInt) else size


RULES: dict[torch._ops.OpOverload, Callable[..., Any]] = {
    aten.native_batch_norm.default: native_batch_norm,
    aten.native_batch_norm_backward.default: native_batch_norm_backward,
    aten.native_layer_norm.default: native_layer_norm,
    aten.native_layer_norm_backward.default: native_layer_norm_backward,
    aten.threshold_backward.default: threshold_backward,
    aten.view.default: view,
    aten._unsafe_view.default: view,
}
