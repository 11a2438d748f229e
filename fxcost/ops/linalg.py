"""Linear algebra with an exact count of integer form.

Factorisations (n³/3 and the like), eigenvalues and Fourier transforms (5·n·log n) have none: they stay
without a formula, and whoever needs one registers it.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, elements
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(aten.linalg_solve_triangular)
def linalg_solve_triangular(self: TensorMeta, result: TensorMeta) -> Flops:
    """Count n² per right-hand side of n unknowns: n(n-1)/2 multiply-adds and n divisions."""
    return Flops(contraction=elements(result) * self.shape[-1])


@registry.formula(aten.triangular_solve)
def triangular_solve(self: TensorMeta, A: TensorMeta) -> Flops:  # noqa: N803
    """Count n² per right-hand side of n unknowns: n(n-1)/2 multiply-adds and n divisions."""
    return Flops(contraction=elements(self) * A.shape[-1])


@registry.formula(aten.linalg_cross)
def linalg_cross(result: TensorMeta) -> Flops:
    """Count two products and a difference per component."""
    return Flops(pointwise=3 * elements(result))
