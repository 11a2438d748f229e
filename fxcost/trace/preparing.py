"""What a recipe does to a model and its batch before they are used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from fxcost.trace.lazy import exchange
from fxcost.trace.precision import Precision


def tensors_of(tree: Any) -> list[torch.Tensor]:
    """Return the tensors in a batch, those that its objects hold among them.

    Example:
        >>> held = type("Cache", (), {})()
        >>> held.keys = [torch.zeros(2)]
        >>> len(tensors_of({"ids": torch.zeros(3), "cache": held}))
        2
    """
    return list(_tensors(tree, set()))


def _tensors(tree: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    for leaf in tree_leaves(tree):
        if isinstance(leaf, torch.Tensor):
            yield leaf
        elif hasattr(leaf, "__dict__") and not isinstance(leaf, type) and id(leaf) not in seen:
            seen.add(id(leaf))
            yield from _tensors(list(vars(leaf).values()), seen)


def converted_model(model: nn.Module, numbers: Precision, *, channels_last: bool) -> nn.Module:
    """Convert a model in place as `model.to(dtype, memory_format=...)` does, and return it.

    Args:
        model: Whose parameters and buffers are converted.
        numbers: Which type they get.
        channels_last: Whether those of 4 dimensions are laid out with channels last.
    """
    for held in (*model.parameters(), *model.buffers()):
        changed = _converted(held.detach(), numbers, channels_last=channels_last)
        if changed is not None:
            become(held, changed)
    return model


def _converted(tensor: torch.Tensor, numbers: Precision, *, channels_last: bool) -> torch.Tensor | None:
    """Return a floating tensor with its new type and layout, None where it stays as it is."""
    if not tensor.is_floating_point():
        return None
    changed = tensor if numbers.weights is None else tensor.to(numbers.weights)
    if channels_last and tensor.ndim == 4:
        changed = changed.to(memory_format=torch.channels_last)
    return None if changed is tensor else changed


def become(held: torch.Tensor, changed: torch.Tensor) -> None:
    """Let a parameter or a buffer be another tensor, with all references to it and attributes of it kept."""
    attributes = {name: value for name, value in held.__dict__.items() if not name.startswith("_fxcost")}
    if isinstance(held, nn.Parameter):
        changed = nn.Parameter(changed, requires_grad=held.requires_grad)
    exchange(held, changed)
    held.__dict__.update({name: attributes[name] for name in attributes.keys() - held.__dict__.keys()})


def converted_batch(batch: Any, numbers: Precision, *, channels_last: bool) -> Any:
    """Convert a batch's floating tensors in place, those in a cache among them, and return it."""
    for tensor in tensors_of(batch):
        changed = _converted(tensor.detach(), numbers, channels_last=channels_last)
        if changed is not None:
            become(tensor, changed)
    return batch


def autocast_of(numbers: Precision) -> AbstractContextManager[Any]:
    """Return the autocast of a precision, which does nothing where it has none."""
    return contextlib.nullcontext() if numbers.autocast is None else torch.autocast("cpu", numbers.autocast)
