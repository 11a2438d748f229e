"""Sorting, selection and search.

How many comparisons they take is the algorithm's (and the data's) affair, no polynomial in the sizes; they
count as moving data: no arithmetic, and the traffic that their schema says.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, elements
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(
    aten.sort,
    aten.topk,
    aten.kthvalue,
    aten.searchsorted,
    aten.bucketize,
    aten.isin,
    aten._unique,
    aten._unique2,
    aten.unique_dim,
    aten.unique_consecutive,
    aten.unique_dim_consecutive,
)
def sort() -> Flops:
    """Count no arithmetic."""
    return Flops()


@registry.formula(aten.bincount, aten.histc)
def bincount(self: TensorMeta) -> Flops:
    """Count an addition per element."""
    return Flops(pointwise=elements(self))
