"""Numbers of GPUs, which may be symbolic, and the shapes of what is divided among them."""

from __future__ import annotations

from typing import Any

import sympy
import torch

WHOLE = "_fxcost_whole"
"""The attribute of a part of a weight that holds the whole one's shape."""

MOVES = "_fxcost_gradient_moves"
"""The attribute of a weight whose gradient is in another layout than the weight itself."""


def whole_shape(weight: torch.Tensor) -> tuple[Any, ...]:
    """Return a weight's shape, the whole one's where it is a part.

    Example:
        >>> whole_shape(torch.zeros(2, 3))
        (2, 3)
    """
    return weight.__dict__.get(WHOLE) or tuple(weight.shape)


def fixed(number: Any) -> int:
    """Return a number of GPUs as it is here, and keep that it is this one.

    Example:
        >>> fixed(4)
        4
    """
    if isinstance(number, torch.SymInt):
        node: Any = number.node
        node.shape_env.keep(sympy.Eq(node._expr, node.hint, evaluate=False))
    return typical(number)


def typical(number: Any) -> int:
    """Return a number as it is here, where it matters to no size.

    Example:
        >>> typical(4)
        4
    """
    node: Any = getattr(number, "node", None)
    return int(number if node is None else node.hint)
