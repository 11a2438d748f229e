"""Numbers of GPUs, which may be symbolic."""

from __future__ import annotations

from typing import Any

import sympy
import torch


def fixed(number: Any) -> int:
    """Return a number of GPUs as it is here, and keep that it is this one.

    Example:
        >>> fixed(4)
        4
    """
    if not isinstance(number, torch.SymInt):
        return int(number)
    node: Any = number.node
    node.shape_env.keep(sympy.Eq(node._expr, node.hint, evaluate=False))
    return int(node.hint)


def typical(number: Any) -> int:
    """Return a number as it is here, where it matters to no size.

    Example:
        >>> typical(4)
        4
    """
    if not isinstance(number, torch.SymInt):
        return int(number)
    node: Any = number.node
    return int(node.hint)
