"""Operators whose fake kernel differs from the CPU's, fails on symbolic sizes, or does needless work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Kernel = Callable[..., Any]
aten = torch.ops.aten


def constant_pad_nd(*args: Any, **kwargs: Any) -> Any:
    """Pad through torch's Python reference: the C++ kernel reads sizes as ints and cannot take a SymInt."""
    return torch._refs.constant_pad_nd(*args, **kwargs)


def nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for an operator that only writes to tensors that exist: it has no result to size."""


RULES: dict[torch._ops.OpOverload, Kernel] = {
    aten.constant_pad_nd.default: constant_pad_nd,
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
