"""Lazy modules: parameters whose sizes the first input decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter, is_lazy
from torch.utils._python_dispatch import _disable_current_modes


def uninitialized(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make the placeholder outside the trace: it holds no data, and no fake tensor can be one."""

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            return original(cls, *args, **kwargs)

    return new


def materialize(_original: Callable[..., Any]) -> Callable[..., None]:
    """Let a placeholder become a parameter or a buffer of a size."""

    def become(placeholder: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:  # noqa: ARG001
        tensor: torch.Tensor = torch.empty(shape, dtype=dtype or placeholder.dtype)
        if isinstance(placeholder, UninitializedParameter):
            tensor = nn.Parameter(tensor, requires_grad=placeholder.requires_grad)
        exchange(placeholder, tensor)

    return become


def exchange(placeholder: Any, tensor: Any) -> None:
    """Exchange two tensors as `torch.utils.swap_tensors` does, which a memo of the fake mode would stop."""
    placeholder.__class__, tensor.__class__ = tensor.__class__, placeholder.__class__
    placeholder.__dict__, tensor.__dict__ = tensor.__dict__, placeholder.__dict__
    torch._C._swap_tensor_impl(placeholder, tensor)


def initialise(model: nn.Module, args: Any, kwargs: Any) -> None:
    """Use a model once, where it has lazy modules, so that their parameters exist."""
    if any(is_lazy(tensor) for tensor in (*model.parameters(), *model.buffers())):
        with torch.no_grad():
            model(*args, **kwargs)
