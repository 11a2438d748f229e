"""What one operator costs: FLOP and bytes as pure functions of its shapes.

    from fxcost import ops

    @ops.formula(torch.ops.mylib.swiglu)
    def swiglu(x, weight, result):          # parameters: the operator's own argument names, and `result`
        return ops.Flops(contraction=2 * ops.elements(result) * x.shape[-1])

One file per operator family; each formula carries the name of its ATen operator.
"""

from __future__ import annotations

from fxcost.ops import (
    attention,
    convolution,
    copies,
    distance,
    embedding,
    factories,
    indexing,
    linalg,
    loss,
    matmul,
    normalization,
    optimizer,
    pointwise,
    pooling,
    random,
    recurrent,
    reduction,
    softmax,
    sorting,
    upsampling,
    views,
)
from fxcost.ops.call import Call, Flops, Size, Traffic, elements, nbytes, product, tensors
from fxcost.ops.registry import registry

FAMILIES = (
    attention,
    convolution,
    copies,
    distance,
    embedding,
    factories,
    indexing,
    linalg,
    loss,
    matmul,
    normalization,
    optimizer,
    pointwise,
    pooling,
    random,
    recurrent,
    reduction,
    softmax,
    sorting,
    upsampling,
    views,
)
"""The modules whose import fills the table."""

formula = registry.formula
traffic_formula = registry.traffic_formula
flops = registry.flops
traffic = registry.traffic
knows = registry.knows

__all__ = [
    "FAMILIES",
    "Call",
    "Flops",
    "Size",
    "Traffic",
    "elements",
    "flops",
    "formula",
    "knows",
    "nbytes",
    "product",
    "tensors",
    "traffic",
    "traffic_formula",
]
