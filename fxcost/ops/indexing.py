"""Gathers and scatters: only the elements that an index names are touched.

A boolean mask used as an index counts as if it chose everything: which elements it chooses is data.
Scattering adds 1 per element where it accumulates; indices themselves are not arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fxcost.ops.call import Flops, Size, Traffic, elements, nbytes, product
from fxcost.ops.registry import registry
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(
    aten.index,
    aten.index_select,
    aten.gather,
    aten.take,
    aten._unsafe_index,
    aten._unsafe_masked_index,
    aten.masked_select,
    aten.index_copy,
    aten.index_fill,
    aten.masked_scatter,
    aten.masked_scatter_backward,
    aten.nonzero,
    aten.nonzero_static,
    aten.argwhere,
)
def index() -> Flops:
    """Count no arithmetic: elements are chosen and moved."""
    return Flops()


@registry.formula(aten.index_put, aten._index_put_impl_, aten._unsafe_index_put, aten.put)
def index_put(
    self: TensorMeta, accumulate: bool, indices: Any = None, index: TensorMeta | None = None
) -> Flops:
    """Count an addition per element touched, when accumulating."""
    return Flops(pointwise=_touched(self, indices, index) if accumulate else 0)


@registry.formula(aten._unsafe_masked_index_put_accumulate)
def _unsafe_masked_index_put_accumulate(values: TensorMeta) -> Flops:
    """Count an addition per value."""
    return Flops(pointwise=elements(values))


@registry.formula(aten.scatter, aten.scatter_add, aten.scatter_reduce)
def scatter(index: TensorMeta, reduce: str | None = "sum") -> Flops:
    """Count an operation per element of the index, for those that combine."""
    return Flops(pointwise=0 if reduce is None else elements(index))


@registry.formula(aten.scatter.src, aten.scatter.value, aten.scatter_.src, aten.scatter_.value)
def scatter_src() -> Flops:
    """Count no arithmetic: elements are replaced."""
    return Flops()


@registry.formula(aten.index_add, aten.index_reduce)
def index_add(source: TensorMeta) -> Flops:
    """Count an operation per element of the source."""
    return Flops(pointwise=elements(source))


@registry.formula(aten.segment_reduce)
def segment_reduce(data: TensorMeta) -> Flops:
    """Count an operation per element."""
    return Flops(pointwise=elements(data))


@registry.traffic_formula(aten.index, aten._unsafe_index)
def index_traffic(indices: Sequence[TensorMeta | None], result: TensorMeta) -> Traffic:
    """Count the indices and the chosen elements read, and the result written."""
    return Traffic(read=nbytes(list(indices)) + nbytes(result), written=nbytes(result))


@registry.traffic_formula(aten.index_select, aten.gather, aten.take)
def gather_traffic(index: TensorMeta, result: TensorMeta) -> Traffic:
    """Count the index and the chosen elements read, and the result written."""
    return Traffic(read=nbytes(index) + nbytes(result), written=nbytes(result))


@registry.traffic_formula(aten.index_put_, aten._index_put_impl_, aten.put_)
def index_put_traffic(
    self: TensorMeta,
    accumulate: bool,
    indices: Any = None,
    index: TensorMeta | None = None,
    values: TensorMeta | None = None,
    source: TensorMeta | None = None,
) -> Traffic:
    """Count indices and values read, and the touched elements written (and read, when accumulating)."""
    touched = _touched(self, indices, index) * self.dtype.itemsize
    read = nbytes([*(indices or ()), index, values, source])
    return Traffic(read=read + touched if accumulate else read, written=touched)


@registry.traffic_formula(aten.scatter_, aten.scatter_add_, aten.scatter_reduce_)
def scatter_traffic(
    self: TensorMeta, index: TensorMeta, src: TensorMeta | None = None, reduce: str | None = "sum"
) -> Traffic:
    """Count index, as many source elements and (where they combine) old ones read, and new ones written."""
    touched = elements(index) * self.dtype.itemsize
    source = 0 if src is None else elements(index) * src.dtype.itemsize
    combined = 0 if reduce is None else touched
    return Traffic(read=nbytes(index) + source + combined, written=touched)


@registry.traffic_formula(aten.scatter_.src, aten.scatter_.value)
def scatter_src_traffic(self: TensorMeta, index: TensorMeta, src: TensorMeta | None = None) -> Traffic:
    """Count index and source read, and the elements they replace written."""
    return scatter_traffic(self, index, src, reduce=None)


@registry.traffic_formula(aten.index_add_, aten.index_reduce_)
def index_add_traffic(self: TensorMeta, index: TensorMeta, source: TensorMeta) -> Traffic:
    """Count index, source and as many old elements read, and new ones written."""
    touched = elements(source) * self.dtype.itemsize
    return Traffic(read=nbytes([index, source]) + touched, written=touched)


@registry.traffic_formula(aten.index_copy_)
def index_copy_traffic(self: TensorMeta, index: TensorMeta, source: TensorMeta) -> Traffic:
    """Count index and source read, and the elements they replace written."""
    return Traffic(read=nbytes([index, source]), written=elements(source) * self.dtype.itemsize)


@registry.traffic_formula(aten.index_fill_)
def index_fill_traffic(self: TensorMeta, dim: int, index: TensorMeta) -> Traffic:
    """Count the index read and the slices it names written."""
    dimension = dim % len(self.shape)
    others = product(size for place, size in enumerate(self.shape) if place != dimension)
    return Traffic(read=nbytes(index), written=elements(index) * others * self.dtype.itemsize)


@registry.traffic_formula(aten.masked_fill_)
def masked_fill_traffic(self: TensorMeta, mask: TensorMeta) -> Traffic:
    """Count the mask read and every element written, as if the mask chose it."""
    return Traffic(read=nbytes(mask), written=nbytes(self))


def _touched(self: TensorMeta, indices: Sequence[TensorMeta | None] | None, index: TensorMeta | None) -> Size:
    """Return how many elements indices name: their common shape, by the dimensions they leave alone."""
    if indices is None:
        return elements(index)
    chosen: dict[int, Size] = {}
    untouched: list[Size] = []
    place = 0
    for position in indices:
        if position is None:
            untouched.append(self.shape[place])
            place += 1
            continue
        shape = (elements(position),) if position.dtype == torch.bool else position.shape
        chosen.update({end: size for end, size in enumerate(reversed(shape)) if chosen.get(end, 1) == 1})
        place += len(position.shape) if position.dtype == torch.bool else 1
    return product(chosen.values()) * product(untouched) * product(self.shape[place:])
