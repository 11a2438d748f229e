"""Tensors of which each GPU has a part, or of which the parts of all are to be added up: how layouts change.

The layouts are `torch.distributed.tensor`'s placements on a mesh of one dimension. What a change allocates is
what the collectives of torch/distributed/_functional_collectives.py do, as DTensor's redistribution calls
them: torch/distributed/tensor/_redistribute.py and placement_types.py.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch.distributed.tensor import Partial, Replicate, Shard

from fxcost.errors import FactoryError

Layout: TypeAlias = "Partial | Replicate | Shard"

REPLICATED = Replicate()
SUMMED = Partial()
TAG = "_fxcost_layout"
"""The attribute of a tensor that is a DTensor in PyTorch: its layout."""


def part(size: Any, gpus: Any) -> Any:
    """Return one GPU's part of a size.

    Raises:
        ValueError: The parts would not be of one size.
    """
    if size % gpus != 0:
        raise ValueError(f"tensor parallelism: a size of {size} cannot be divided among {gpus} GPUs evenly")
    return size // gpus


def moved(tensor: torch.Tensor, gpus: Any, source: Any, target: Any, gradient: Any) -> torch.Tensor:
    """Return a tensor in another layout.

    Args:
        tensor: This GPU's part.
        gpus: How many there are.
        source: Its layout.
        target: The new one.
        gradient: The layout of the gradient that comes back.
    """
    with torch._C.DisableTorchFunction():  # it may be a DTensor, which nothing else may use
        changed: torch.Tensor = _Moved.apply(tensor, gpus, source, target, gradient)
    return changed


class _Moved(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, tensor: torch.Tensor, gpus: Any, source: Layout, target: Layout, gradient: Layout
    ) -> torch.Tensor:
        ctx.gpus, ctx.source, ctx.gradient = gpus, source, gradient
        changed = _changed(tensor, gpus, source, target)
        return tensor.view_as(tensor) if changed is tensor else changed

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        wanted = REPLICATED if ctx.source.is_partial() else ctx.source
        return _changed(gradient, ctx.gpus, ctx.gradient, wanted), None, None, None, None


def _changed(tensor: torch.Tensor, gpus: Any, source: Layout, target: Layout) -> torch.Tensor:
    """Return a part in another layout, the same tensor where nothing is to be done."""
    source, target = _counted(source, tensor), _counted(target, tensor)
    if source == target:
        return tensor
    if source.is_partial():
        return tensor.clone() if target.is_replicate() else _reduce_scatter(tensor, gpus, _dimension(target))
    if source.is_shard() and target.is_replicate():
        return _all_gather(tensor, gpus, _dimension(source))
    if source.is_replicate() and target.is_shard():
        dim = _dimension(target)
        return tensor.narrow(dim, 0, part(tensor.shape[dim], gpus)).clone()
    raise FactoryError(f"tensor parallelism: a change from {source} to {target} is not modelled")


def _counted(layout: Layout, tensor: torch.Tensor) -> Layout:
    """Return a layout whose dimension is counted from the first one."""
    return Shard(layout.dim % tensor.ndim) if isinstance(layout, Shard) else layout


def _dimension(layout: Any) -> int:
    dim: int = layout.dim
    return dim


def _all_gather(tensor: torch.Tensor, gpus: Any, dim: int) -> torch.Tensor:
    """Gather along a dimension; what is gathered along the first one is put together again."""
    gathered = tensor.new_empty((tensor.shape[0] * gpus, *tensor.shape[1:]))
    if dim == 0:
        return gathered
    shape = list(tensor.shape)
    shape[dim] = shape[dim] * gpus
    return _reordered(gathered, shape)


def _reduce_scatter(tensor: torch.Tensor, gpus: Any, dim: int) -> torch.Tensor:
    """Add up, and keep a part; parts along another dimension than the first are put in a row before."""
    shape = list(tensor.shape)
    shape[dim] = part(shape[dim], gpus)
    if dim != 0:
        tensor = _reordered(tensor, tensor.shape)
    return tensor.new_empty(shape)


def _reordered(tensor: torch.Tensor, shape: Any) -> torch.Tensor:
    copied = tensor.new_empty(shape)
    copied.view(-1).copy_(tensor.reshape(-1))
    return copied
