# ruff: noqa: ARG001, PLR0913, PLR0917 - a kernel takes what its operator takes
"""Operators whose fake kernel differs from the CPU's, fails on symbolic sizes, or does needless work.

A rule runs under the fake mode and returns what the CPU's kernel does: shapes, strides and bytes of storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import _meta_registrations

from fxcost.trace import quick
from fxcost.trace.cudnn import cudnn_rnn, cudnn_rnn_backward
from fxcost.trace.recurrent import lstm_workspace

Kernel = Callable[..., Any]
GROUPS = "_fxcost_groups"
aten = torch.ops.aten


def constant_pad_nd(*args: Any, **kwargs: Any) -> Any:
    """Pad through torch's Python reference: the C++ kernel reads sizes as ints and cannot take a SymInt."""
    return torch._refs.constant_pad_nd(*args, **kwargs)


def addcmul(*args: Any, **kwargs: Any) -> Any:
    """Multiply and add through torch's Python reference: the fake kernel expands to sizes read as ints."""
    return torch._refs.addcmul(*args, **kwargs)


def baddbmm(added: torch.Tensor, batch1: torch.Tensor, batch2: torch.Tensor, **kwargs: Any) -> torch.Tensor:
    """Add to a batch of products: the fake kernel expands to sizes read as ints."""
    return batch1.new_empty((*batch1.shape[:2], batch2.shape[2]))


def grouped_mm(
    mat1: torch.Tensor,
    mat2: torch.Tensor,
    offs: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """Multiply groups of rows, each by its own matrix: only the fake kernel refuses float32."""
    result = _meta_registrations._create_grouped_mm_output_tensor(  # type: ignore[no-untyped-call]
        mat1, mat2, offs, out_dtype
    )
    return cast("torch.Tensor", result)


def nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for an operator that only writes to tensors that exist: it has no result to size."""


def mkldnn_rnn_layer(
    input_: torch.Tensor,
    w0: torch.Tensor,
    w1: torch.Tensor,
    w2: torch.Tensor,
    w3: torch.Tensor,
    hx: torch.Tensor,
    cx: torch.Tensor,
    *_options: Any,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Run an LSTM layer: the CPU's has a workspace wherever gradients are on, the fake kernel's never."""
    steps, batch, inputs = input_.shape
    hidden = w1.shape[1]
    output = input_.new_empty((steps, batch, hidden))
    workspace = None
    if torch.is_grad_enabled():
        size = lstm_workspace(steps, batch, inputs, hidden, torch.sym_max)
        workspace = torch.empty(size, dtype=torch.uint8)
    return output, torch.empty_like(hx), torch.empty_like(cx), workspace


def mkldnn_rnn_layer_backward(*args: Any) -> tuple[torch.Tensor, ...]:
    """Differentiate an LSTM layer: the fake kernel's two bias gradients share storage, the CPU's do not."""
    differentiated = args[:7]
    return tuple(tensor.new_empty(tensor.shape) for tensor in differentiated)


def thnn_fused_gru_cell(
    input_gates: torch.Tensor, hidden_gates: torch.Tensor, hx: torch.Tensor, *biases: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a GRU cell, which has no fake kernel: `_thnn_fused_gru_cell_cuda` of native/cuda/RNN.cu."""
    batch, hidden = hx.shape
    return torch.empty_like(hx), hx.new_empty((batch, 5 * hidden))


def thnn_fused_gru_cell_backward(grad_hy: torch.Tensor, workspace: torch.Tensor, has_bias: bool) -> Any:
    """Differentiate a GRU cell."""
    batch, hidden = grad_hy.shape
    gates = [workspace.new_empty((batch, 3 * hidden)) for _ in range(2)]
    biases = [workspace.new_empty((3 * hidden,)) if has_bias else None for _ in range(2)]
    return *gates, torch.empty_like(grad_hy), *biases


def embedding_bag(
    weight: torch.Tensor,
    indices: torch.Tensor,
    offsets: torch.Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: torch.Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sum, average or take the maximum of embeddings: the kernel allocates one more index than it returns."""
    bags = offsets.shape[0] - 1 if include_last_offset else offsets.shape[0]
    output = weight.new_empty((bags, weight.shape[1]))
    sums_without_padding = mode == 0 and padding_idx < 0
    bag_of_index = (
        offsets.new_empty((0,)) if sums_without_padding else _longer_storage(offsets, indices.shape[0], 1)
    )
    bag_size = _longer_storage(offsets, bags, int(include_last_offset))
    maximum = offsets.new_empty((bags, weight.shape[1]) if mode == 2 else (bags,))
    return output, bag_of_index, bag_size, maximum


def _longer_storage(like: torch.Tensor, length: int, spare: int) -> torch.Tensor:
    """Return a vector whose storage has room for some elements more."""
    return like.new_empty((length + spare,)).narrow(0, 0, length)


def unique_dim(tensor: torch.Tensor, dim: int, *args: Any, **kwargs: Any) -> Any:
    """Return the unique slices: the kernel's counts keep the storage for as many as there are slices."""
    unique, inverse, counts = aten.unique_dim.default(tensor, dim, *args, **kwargs)
    return unique, inverse, _in_storage_for(counts, tensor.shape[dim])


def unique_consecutive(
    tensor: torch.Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return what is unlike its predecessor: the kernel's results keep the storage for every element."""
    unique, inverse, counts = aten.unique_consecutive.default(tensor, return_inverse, return_counts, dim)
    room = tensor.numel() if dim is None else tensor.shape[dim]
    if dim is None:
        unique = _in_storage_for(unique, room)
    return unique, inverse, _in_storage_for(counts, room) if return_counts or dim is not None else counts


def _in_storage_for(vector: torch.Tensor, room: Any) -> torch.Tensor:
    """Return a vector in a storage that has room for more elements."""
    return vector.new_empty((room,)).as_strided(vector.shape, (1,))


def _reduced_loss(reduction_position: int, loss: torch._ops.OpOverload) -> Kernel:
    """Return the rule of a loss whose scalar keeps the storage of all the losses it averages."""

    def rule(*args: Any, **kwargs: Any) -> Any:
        default_mean = 1
        reduction = kwargs.get("reduction", _positional(args, reduction_position, default_mean))
        if reduction == 0:
            return loss(*args, **kwargs)
        shape = torch.broadcast_shapes(args[0].shape, args[1].shape)  # type: ignore[no-untyped-call]
        return args[0].new_empty(shape).as_strided((), ())

    return rule


def _positional(args: tuple[Any, ...], position: int, default: Any) -> Any:
    return args[position] if len(args) > position else default


def col2im(
    columns: torch.Tensor, output_size: Sequence[int], kernel_size: Sequence[int], *args: Any
) -> torch.Tensor:
    """Fold columns into an image: the kernel's storage is as large as the larger of the two."""
    *batch, rows, _ = columns.shape
    folded = columns.new_empty((*batch, rows // (kernel_size[0] * kernel_size[1]), *output_size))
    room = columns.new_empty((torch.sym_max(columns.numel(), folded.numel()),))
    return room.as_strided(folded.shape, folded.stride())


def each_alike(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Map each tensor: the fake kernel of bfloat16 reads sizes as ints."""
    return [torch.empty_like(tensor) for tensor in tensors]


def native_group_norm(
    image: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    samples: int,
    channels: int,
    places: int,
    groups: int,
    eps: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalise groups, whose number comes with the image where it is symbolic: the schema has an int."""
    shape = (samples, image.__dict__.pop(GROUPS, groups))
    wider = weight is not None and image.dtype in (torch.bfloat16, torch.float16)
    dtype = weight.dtype if weight is not None and wider else image.dtype
    mean, deviation = (torch.empty(shape, dtype=dtype) for _ in range(2))
    return _laid_out_like(image, tuple(image.shape)), mean, deviation


def native_group_norm_backward(
    grad_out: torch.Tensor,
    image: torch.Tensor,
    mean: torch.Tensor,
    deviation: torch.Tensor,
    weight: torch.Tensor | None,
    samples: int,
    channels: int,
    places: int,
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[torch.Tensor | None, ...]:
    """Differentiate group_norm."""
    like_weight = image.new_empty((channels,)) if weight is None else weight
    gradients = (_laid_out_like(image, tuple(image.shape)), like_weight, like_weight)
    made = [torch.empty_like(g) if position else g for position, g in enumerate(gradients)]
    return tuple(gradient if asked else None for gradient, asked in zip(made, output_mask, strict=True))


def im2col(
    image: torch.Tensor,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> torch.Tensor:
    """Unfold an image into columns; the fake kernel pads through the C++ kernel that reads sizes as ints."""
    *batch, channels, height, width = image.shape
    places = [
        (size + 2 * pad - dilate * (kernel - 1) - 1) // step + 1
        for size, kernel, dilate, pad, step in zip(
            (height, width), kernel_size, dilation, padding, stride, strict=True
        )
    ]
    return image.new_empty((*batch, channels * kernel_size[0] * kernel_size[1], places[0] * places[1]))


def upsample(image: torch.Tensor, output_size: Sequence[int], *args: Any) -> torch.Tensor:
    """Interpolate to a size: the C++ fake kernels read sizes as ints."""
    return _laid_out_like(image, (*image.shape[:2], *output_size))


def upsample_backward(gradient: torch.Tensor, output_size: Any, input_size: Any, *args: Any) -> torch.Tensor:
    """Differentiate an interpolation."""
    return _laid_out_like(gradient, tuple(input_size))


def _laid_out_like(image: torch.Tensor, shape: tuple[Any, ...]) -> torch.Tensor:
    layout = torch._prims_common.suggest_memory_format(image)
    return torch.empty(shape, dtype=image.dtype, memory_format=layout)


def geqrf(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factorise a matrix: no fake kernel takes symbolic sizes, and the CPU's result is column-major."""
    *batch, rows, columns = matrix.shape
    reflectors = matrix.new_empty((*batch, columns, rows)).transpose(-2, -1)
    return reflectors, matrix.new_empty((*batch, torch.sym_min(rows, columns)))


def trilinear(
    i1: torch.Tensor,
    i2: torch.Tensor,
    i3: torch.Tensor,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> torch.Tensor:
    """Multiply three tensors and sum, as nn.Bilinear does: the C++ kernel runs on the fake tensors' data."""
    shapes = []
    for tensor, expanded in ((i1, expand1), (i2, expand2), (i3, expand3)):
        sizes = iter(tensor.shape)
        dimensions = tensor.ndim + len(expanded)
        shapes.append([None if axis in expanded else next(sizes) for axis in range(dimensions)])
    whole = [next(size for size in sizes if size is not None) for sizes in zip(*shapes, strict=True)]
    return i1.new_empty([size for axis, size in enumerate(whole) if axis not in sumdim])


def cudnn_batch_norm(
    image: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    training: bool,
    factor: float,
    epsilon: float,
) -> tuple[torch.Tensor, ...]:
    """Normalise channels: the statistics have the weight's type; a norm by itself reserves nothing."""
    statistics = weight.new_empty((image.shape[1],) if training else (0,))
    reserve = torch.empty((0,), dtype=torch.uint8)
    return torch.empty_like(image), statistics, torch.empty_like(statistics), reserve


def cudnn_batch_norm_backward(
    image: torch.Tensor, grad_output: torch.Tensor, weight: torch.Tensor, *args: Any
) -> tuple[torch.Tensor, ...]:
    """Differentiate batch_norm."""
    return torch.empty_like(image), torch.empty_like(weight), torch.empty_like(weight)


def cudnn_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_bias: torch.Tensor | None,
    compute_log_sumexp: bool,
    *args: Any,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Attend on a GPU: the kernel makes the rows' sums only where they are asked for, the fake one always."""
    attend = aten._scaled_dot_product_cudnn_attention.default
    output, sums, *rest = attend(query, key, value, attn_bias, compute_log_sumexp, *args, **kwargs)
    return output, sums if compute_log_sumexp else sums.new_empty((0,)), *rest


INTERPOLATIONS = (
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_bicubic2d",
    "upsample_trilinear3d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
)
RULES: dict[torch._ops.OpOverload, Kernel] = {
    **quick.RULES,
    aten.addcmul.default: addcmul,
    aten.baddbmm.default: baddbmm,
    aten._thnn_fused_gru_cell.default: thnn_fused_gru_cell,
    aten._thnn_fused_gru_cell_backward.default: thnn_fused_gru_cell_backward,
    aten._cudnn_rnn.default: cudnn_rnn,
    aten._cudnn_rnn_backward.default: cudnn_rnn_backward,
    aten.cudnn_batch_norm.default: cudnn_batch_norm,
    aten.cudnn_batch_norm_backward.default: cudnn_batch_norm_backward,
    aten._scaled_dot_product_cudnn_attention.default: cudnn_attention,
    aten._grouped_mm.default: grouped_mm,
    aten.constant_pad_nd.default: constant_pad_nd,
    aten.mkldnn_rnn_layer.default: mkldnn_rnn_layer,
    aten.mkldnn_rnn_layer_backward.default: mkldnn_rnn_layer_backward,
    aten._embedding_bag.default: embedding_bag,
    aten.mse_loss.default: _reduced_loss(2, aten.mse_loss.default),
    aten.smooth_l1_loss.default: _reduced_loss(2, aten.smooth_l1_loss.default),
    aten.soft_margin_loss.default: _reduced_loss(2, aten.soft_margin_loss.default),
    aten.binary_cross_entropy.default: _reduced_loss(3, aten.binary_cross_entropy.default),
    aten.col2im.default: col2im,
    aten.native_group_norm.default: native_group_norm,
    aten.native_group_norm_backward.default: native_group_norm_backward,
    aten.im2col.default: im2col,
    aten._trilinear.default: trilinear,
    aten.geqrf.default: geqrf,
    aten.unique_dim.default: unique_dim,
    aten.unique_consecutive.default: unique_consecutive,
    aten._foreach_sqrt.default: each_alike,
    **{getattr(aten, name).default: upsample for name in INTERPOLATIONS},
    **{getattr(aten, f"{name}_backward").default: upsample_backward for name in INTERPOLATIONS},
}


ORDERS: dict[torch._ops.OpOverload, tuple[int, ...]] = {
    aten.native_dropout.default: (1, 0),
    aten._scaled_dot_product_cudnn_attention.default: (6, 7, 0, 1),
    aten._scaled_dot_product_efficient_attention.default: (2, 3, 0, 1),
}
"""Of kernels that do not allocate their results in turn, which they allocate, in order."""


def in_order(operator: torch._ops.OpOverload, results: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield an operator's results with their positions, in the order in which its kernel allocates them.

    Example:
        >>> list(in_order(torch.ops.aten.native_dropout.default, ["output", "mask"]))
        [(1, 'mask'), (0, 'output')]
    """
    for position in ORDERS.get(operator, range(len(results))):
        yield position, results[position]


def kernel_of(operator: torch._ops.OpOverload) -> Kernel | None:
    """Return what runs instead of an operator's fake kernel, or None.

    Example:
        >>> kernel_of(torch.ops.aten._foreach_add_.Scalar).__name__
        'nothing'
    """
    if operator._opname.startswith(("_foreach_", "_fused_")) and not operator._schema.returns:
        return nothing
    return RULES.get(operator)
