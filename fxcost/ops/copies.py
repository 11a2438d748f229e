"""Operators that move, reorder or repeat elements and compute nothing (`clone` is in `pointwise`).

Their traffic is what their schema says, except that a destination is written without being read.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, Traffic, elements, nbytes
from fxcost.ops.registry import FlopsFormula, registry
from fxcost.ops.schema import where_there
from fxcost.program import TensorMeta

aten = torch.ops.aten


@registry.formula(
    aten.copy,
    aten.copy_,
    aten._to_copy,
    aten._copy_from,
    aten._copy_from_and_resize,
    aten._lazy_clone,
    aten._pin_memory,
    aten.fill,
    aten.fill_,
    aten.zero,
    aten.zero_,
    aten._foreach_copy,
    aten._foreach_copy_,
    aten._foreach_zero,
    aten._foreach_zero_,
    *where_there("_foreach_clone"),
    aten.cat,
    aten.stack,
    aten._stack,
    aten._chunk_cat,
    aten.block_diag,
    aten.repeat,
    aten.repeat_interleave,
    aten.roll,
    aten.flip,
    aten.rot90,
    aten.tril,
    aten.triu,
    aten.diag_embed,
    aten.constant_pad_nd,
    aten.reflection_pad1d,
    aten.reflection_pad2d,
    aten.reflection_pad3d,
    aten.replication_pad1d,
    aten.replication_pad2d,
    aten.replication_pad3d,
    aten.pixel_shuffle,
    aten.pixel_unshuffle,
    aten.channel_shuffle,
    aten.native_channel_shuffle,
    aten.im2col,
    aten.slice_backward,
    aten.select_backward,
    aten.diagonal_backward,
    aten.slice_scatter,
    aten.select_scatter,
    aten.diagonal_scatter,
    aten.as_strided_scatter,
    aten._pack_padded_sequence,
    aten._pad_packed_sequence,
    aten._reshape_copy,
    aten._local_scalar_dense,
    aten._assert_async,
    aten._functional_assert_async,
    aten._cudnn_rnn_flatten_weight,
    aten._nested_tensor_from_mask,
    aten._nested_tensor_from_mask_left_aligned,
    aten.lift_fresh_copy,
)
def copy_() -> Flops:
    """Count no arithmetic."""
    return Flops()


@registry.rule
def view_copy(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify copies of views by their tag `torch.Tag.view_copy`: nothing is computed."""
    return copy_ if torch.Tag.view_copy in target.tags else None


@registry.traffic_formula(aten.copy_, aten._foreach_copy_)
def copy_traffic(self: TensorMeta, src: TensorMeta) -> Traffic:
    """Count the source read and the destination written."""
    return Traffic(read=nbytes(src), written=nbytes(self))


@registry.traffic_formula(aten.fill_, aten.zero_, aten._foreach_zero_)
def fill_traffic(self: TensorMeta) -> Traffic:
    """Count the destination written."""
    return Traffic(written=nbytes(self))


@registry.formula(
    aten.reflection_pad1d_backward,
    aten.reflection_pad2d_backward,
    aten.reflection_pad3d_backward,
    aten.replication_pad1d_backward,
    aten.replication_pad2d_backward,
    aten.replication_pad3d_backward,
)
def reflection_pad_backward(grad_output: TensorMeta) -> Flops:
    """Count an addition per element of the gradient: padding repeats elements."""
    return Flops(pointwise=elements(grad_output))


@registry.formula(aten.col2im)
def col2im(self: TensorMeta) -> Flops:
    """Count an addition per element of the columns, which overlap."""
    return Flops(pointwise=elements(self))


@registry.formula(aten.unfold_backward)
def unfold_backward(grad_in: TensorMeta) -> Flops:
    """Count an addition per element of the windows, which overlap."""
    return Flops(pointwise=elements(grad_in))
