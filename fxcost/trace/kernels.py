"""Operators whose fake kernel differs from the CPU's, or fails on symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

aten = torch.ops.aten


def constant_pad_nd(*args: Any, **kwargs: Any) -> Any:
    """Pad through torch's Python reference: the C++ kernel reads sizes as ints and cannot take a SymInt."""
    return torch._refs.constant_pad_nd(*args, **kwargs)


RULES: dict[torch._ops.OpOverload, Callable[..., Any]] = {
    aten.constant_pad_nd.default: constant_pad_nd,
}
