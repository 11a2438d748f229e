"""Products of more than two dimensions, whose sizes older releases of torch read as ints, with symbols."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import torch
from torch._decomp import decompositions
from torch.torch_version import TorchVersion

from fxcost.trace.cuda.overriding import Override, overridden

MULTIPLIES_WITH_SYMBOLS = "2.13"
"""The first release whose `_matmul_impl` of `aten/src/ATen/native/LinearAlgebra.cpp` does so."""


def multiplying(release: str = torch.__version__) -> AbstractContextManager[None]:
    """Return the context in which a product leaves its sizes symbolic, whatever torch runs.

    Args:
        release: Of that torch.
    """
    if TorchVersion(release) >= MULTIPLIES_WITH_SYMBOLS:
        return contextlib.nullcontext()
    return overridden([Override("matmul", "AutogradCPU", _matmul)])


def _matmul(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Multiply by the operators that C++ takes, as torch's compiler does where sizes are symbolic."""
    product: torch.Tensor = decompositions.matmul(tensor, other)
    return product
