"""Memory-layout predicates over symbolic sizes and strides: the answer and the comparisons it rests on.

torch asks these of every tensor. Its own versions build one large SymPy expression each; these follow
the hints and keep only the comparisons that decided.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch.fx.experimental.sym_node import SymNode

Nodes: TypeAlias = "list[SymNode]"
Predicate: TypeAlias = "Callable[[Nodes, Nodes], tuple[bool | int, Nodes]]"


def is_contiguous(sizes: Nodes, strides: Nodes) -> tuple[bool, Nodes]:
    """Answer whether the last dimension varies fastest, with no gaps."""
    return _nested(sizes, strides, range(len(sizes) - 1, -1, -1))


def is_channels_last_contiguous_2d(sizes: Nodes, strides: Nodes) -> tuple[bool, Nodes]:
    """Answer whether an NCHW tensor is laid out as NHWC, with no gaps."""
    return _nested(sizes, strides, (1, 3, 2, 0)) if len(sizes) == 4 else (False, [])


def is_channels_last_contiguous_3d(sizes: Nodes, strides: Nodes) -> tuple[bool, Nodes]:
    """Answer whether an NCDHW tensor is laid out as NDHWC, with no gaps."""
    return _nested(sizes, strides, (1, 4, 3, 2, 0)) if len(sizes) == 5 else (False, [])


def is_channels_last_strides_2d(sizes: Nodes, strides: Nodes) -> tuple[bool, Nodes]:
    """Answer whether an NCHW tensor's strides grow in the order C, W, H, N."""
    return _growing(sizes, strides, (1, 3, 2, 0)) if len(sizes) == 4 else (False, [])


def is_channels_last_strides_3d(sizes: Nodes, strides: Nodes) -> tuple[bool, Nodes]:
    """Answer whether an NCDHW tensor's strides grow in the order C, W, H, D, N."""
    return _growing(sizes, strides, (1, 4, 3, 2, 0)) if len(sizes) == 5 else (False, [])


def is_non_overlapping_and_dense_indicator(sizes: Nodes, strides: Nodes) -> tuple[int, Nodes]:
    """Answer 1 when some order of the dimensions is contiguous, else 0."""
    order = sorted(range(len(sizes)), key=lambda axis: (strides[axis].hint, sizes[axis].hint))
    answer, grounds = _nested(sizes, strides, order)
    if not answer:
        grounds += [strides[low].le(strides[high]) for low, high in pairwise(order)]
    return int(answer), grounds


def is_non_overlapping_and_dense(sizes: Nodes, strides: Nodes) -> tuple[bool, Nodes]:
    """Answer whether some order of the dimensions is contiguous."""
    answer, grounds = is_non_overlapping_and_dense_indicator(sizes, strides)
    return bool(answer), grounds


def _nested(sizes: Nodes, strides: Nodes, order: range | tuple[int, ...] | list[int]) -> tuple[bool, Nodes]:
    """Follow c10: a dimension of size 1 may have any stride; an empty tensor is contiguous."""
    for size in sizes:
        if size.hint == 0:
            return True, [size.eq(size.wrap_int(0))]
    grounds: Nodes = [size.ne(size.wrap_int(0)) for size in sizes]
    if not sizes:
        return True, []
    expected = sizes[0].wrap_int(1)
    for axis in order:
        single = sizes[axis].eq(sizes[axis].wrap_int(1))
        if single.hint:
            grounds.append(single)
            continue
        fits = strides[axis].eq(expected)
        if not fits.hint:
            return False, [*grounds, single, fits]
        grounds.append(fits)
        expected = expected.mul(sizes[axis])
    return True, grounds


def _growing(sizes: Nodes, strides: Nodes, order: tuple[int, ...]) -> tuple[bool, Nodes]:
    """Follow c10's channels-last stride rule, its two ambiguous cases (N111 and N1H1) included."""
    grounds: Nodes = []
    least = sizes[0].wrap_int(0)
    channels_stride_is_0 = strides[1].eq(strides[1].wrap_int(0))
    if channels_stride_is_0.hint:
        return False, [channels_stride_is_0]
    grounds.append(channels_stride_is_0)
    for axis in order:
        comparisons = [sizes[axis].ne(sizes[axis].wrap_int(0)), strides[axis].ge(least)]
        if axis == 0:
            comparisons.append(least.ne(strides[1]))
        grounds += comparisons
        if not all(comparison.hint for comparison in comparisons):
            return False, grounds
        least = strides[axis].mul(sizes[axis])
    return True, grounds


PREDICATES: dict[str, Predicate] = {
    predicate.__name__: predicate
    for predicate in (
        is_contiguous,
        is_channels_last_contiguous_2d,
        is_channels_last_contiguous_3d,
        is_channels_last_strides_2d,
        is_channels_last_strides_3d,
        is_non_overlapping_and_dense_indicator,
        is_non_overlapping_and_dense,
    )
}
