"""Runs Python code and hands every operator it calls to fxcost.ops, as numbers."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from fxcost import ops
from fxcost.errors import UnknownOperatorError
from fxcost.program import TensorMeta


def meta(value):
    """Return the value with its tensors described: shape, type, storage 0."""
    return tree_map(
        lambda leaf: (
            TensorMeta(tuple(map(int, leaf.shape)), leaf.dtype, 0) if isinstance(leaf, torch.Tensor) else leaf
        ),
        value,
    )


class OperatorTally(TorchDispatchMode):
    """Adds up FLOP and traffic of the operators that run; `unknown` names those without a formula."""

    def __init__(self):
        super().__init__()
        self.flops, self.traffic = ops.Flops(), ops.Traffic()
        self.unknown, self.seen = set(), set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        call = ops.Call(function, meta(args), meta(kwargs or {}), meta(result))
        self.seen.add(str(function))
        try:
            self.flops += ops.flops(call)
            self.traffic += ops.traffic(call)
        except UnknownOperatorError:
            self.unknown.add(str(function))
        return result


def tally(step):
    """Return the tally of what `step()` runs."""
    with OperatorTally() as counted:
        step()
    return counted


def call(target, *args, result=None, **kwargs):
    """Return a call described from example tensors, the result computed where none is given."""
    if result is None:
        result = target(*args, **kwargs)
    return ops.Call(target, meta(args), meta(kwargs), meta(result))
