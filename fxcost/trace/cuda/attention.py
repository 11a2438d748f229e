"""Which kernel of attention a GPU runs: `select_sdp_backend` of `native/transformers/cuda/sdp_utils.cpp`.

Each backend's row lists what it demands, in that file's order and with its names. Nested tensors are refused;
so are packed layouts that only nested tensors have. Where releases of torch differ, a row asks `Gpu.runs`;
those before 2.11 are taken for 2.11. What surrounds a kernel, padding of heads and masks, is
`scaled_dot_product_attention` of `native/transformers/attention.cpp`; both are in ATen.

Legend: E is a query's width per head, Ev a value's; L and S are the lengths of queries and of keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch.nn.functional import pad

from fxcost.errors import DeclarationError
from fxcost.trace.cuda.gpu import Gpu

aten = torch.ops.aten
HALF_TYPES = (torch.float16, torch.bfloat16)
ALIGNED = 8
"""`mem_eff_alignment`: what the strides of a mask are multiples of."""


@dataclass(frozen=True)
class Attention:
    """One call of attention on a GPU."""

    gpu: Gpu
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    dropout: float
    is_causal: bool
    scale: float | None
    enable_gqa: bool

    @property
    def trains(self) -> bool:
        """`input_requires_grad`."""
        return any(tensor.requires_grad for tensor in (self.query, self.key, self.value))

    @property
    def capability(self) -> tuple[int, int]:
        """The GPU's compute capability."""
        return self.gpu.compute_capability


Demand = Callable[[Attention], bool]


def _is_four_dimensional(call: Attention) -> bool:
    """`check_tensor_shapes`."""
    return call.query.ndim == call.key.ndim == call.value.ndim == 4


def _has_low_precision(call: Attention) -> bool:
    """`check_dtypes_low_precision`."""
    return call.query.dtype in (HALF_TYPES if call.capability >= (8, 0) else HALF_TYPES[:1])


def _has_ends_of_stride_one(call: Attention) -> bool:
    """`check_last_dim_stride_equals_1_dense`."""
    ends = all(bool(t.stride(-1) == 1) for t in (call.query, call.key, call.value))
    return ends and (call.mask is None or bool(call.mask.stride(-1) == 1))


def _has_matching_heads(call: Attention) -> bool:
    """`check_batch_size_and_num_heads_dense`."""
    query, key, value = call.query.shape, call.key.shape, call.value.shape
    if not (query[0] == key[0] and query[0] == value[0]):
        return False
    if call.enable_gqa:
        return bool(key[1] == value[1]) and bool(query[1] % key[1] == 0)
    return bool(query[1] == key[1]) and bool(query[1] == value[1])


def _has_narrow_equal_heads(call: Attention) -> bool:
    """`check_head_dim_size_flash`."""
    width = call.query.shape[-1]
    return bool(width == call.key.shape[-1]) and bool(width == call.value.shape[-1]) and bool(width <= 256)


def _can_be_differentiated(call: Attention) -> bool:
    """`check_requires_grad_and_head_dim_gt192_constraints_on_sm86_89_or_120`."""
    small = (8, 6) <= call.capability <= (8, 9) or (12, 0) <= call.capability <= (12, 1)
    if not (call.trains and small):
        return True
    width = call.query.shape[-1]
    return bool(width <= 192) or (call.dropout == 0 and bool(width > 224))


def _has_aligned_heads(call: Attention) -> bool:
    """`check_head_dim_size_mem_efficient` with `minimum_gemm_alignment`."""
    width, half = call.query.shape[-1], call.query.dtype in HALF_TYPES
    tensor_cores = call.capability >= (8, 0) or (call.capability >= (7, 0) and half)
    alignment = max(4 if call.capability >= (8, 0) else 1, (8 if half else 4) if tensor_cores else 1)
    aligned = bool(width % alignment == 0) and bool(call.value.shape[-1] % alignment == 0)
    return bool(width == call.key.shape[-1]) and aligned


def _has_efficient_type(call: Attention) -> bool:
    """The types listed in `can_use_mem_efficient_attention`."""
    old = (torch.float16, torch.float32)
    return call.query.dtype in ((*old, torch.bfloat16) if call.capability >= (8, 0) else old)


def _has_heads_that_efficient_groups(call: Attention) -> bool:
    """`check_batch_size_and_num_heads_dense`: before torch 2.14, it has no grouped queries."""
    grouped = call.enable_gqa and call.gpu.runs("2.14")
    return _has_matching_heads(call if grouped else dataclasses.replace(call, enable_gqa=False))


def _can_be_dropped_by_cudnn(call: Attention) -> bool:
    """`check_cudnn_dropout`, of torch 2.12 and later."""
    return (call.dropout * 16).is_integer() or not call.gpu.runs("2.12")


def _fits_cudnn(call: Attention) -> bool:
    """`check_cudnn_tensor_shapes`."""
    multiple = bool(call.query.shape[-1] % 8 == 0) and bool(call.value.shape[-1] % 8 == 0)
    if not multiple or bool(call.key.shape[2] == 1):
        return False
    several = call.dropout != 0 or (call.capability[0] == 10 and call.gpu.runs("2.14"))
    return not several or bool(call.query.shape[2] != 1)


def _is_narrow_enough_for_cudnn(call: Attention) -> bool:
    """`head_dim_limit`, and from torch 2.14 on, with cuDNN 9.24, `check_cudnn_d256_bprop_head_dim`."""
    width, value_width = call.query.shape[-1], call.value.shape[-1]
    hopper, latest = call.capability == (9, 0), call.gpu.runs("2.14")
    new = hopper or call.capability[0] == 10
    limit = 256 if (new and not call.trains if latest else hopper) else 128
    if bool(width <= limit) and bool(value_width <= limit):
        return True
    pairs = ((192, 128), (256, 256)) if latest else ((192, 128),)
    return new and any(bool(width == one) and bool(value_width == other) for one, other in pairs)


DEMANDS: Mapping[str, tuple[Demand, ...]] = MappingProxyType(
    {
        "flash": (
            _is_four_dimensional,
            lambda call: call.mask is None,  # check_for_attn_mask
            _has_narrow_equal_heads,
            lambda call: (8, 0) <= call.capability <= (12, 1),  # check_flash_attention_hardware_support
            _can_be_differentiated,
            # check_flash_causal_non_square_seqlens
            lambda call: not call.is_causal or bool(call.query.shape[-2] == call.key.shape[-2]),
            _has_low_precision,
            _has_matching_heads,
            _has_ends_of_stride_one,
        ),
        "efficient": (
            lambda call: (5, 0) <= call.capability <= (12, 1),  # check_mem_efficient_hardware_support
            _is_four_dimensional,
            _has_aligned_heads,
            _has_ends_of_stride_one,
            _has_heads_that_efficient_groups,
            _has_efficient_type,
        ),
        "cudnn": (
            _is_four_dimensional,
            _has_low_precision,
            lambda call: (8, 0) <= call.capability <= (12, 1),  # check_cudnn_hardware_support
            _can_be_dropped_by_cudnn,
            _has_ends_of_stride_one,
            _has_matching_heads,
            _fits_cudnn,
            _is_narrow_enough_for_cudnn,
        ),
        "math": (),
    }
)


def order_of(gpu: Gpu) -> tuple[str, ...]:
    """Return the backends in the order in which they are tried: `priority_order`.

    Example:
        >>> order_of(Gpu((9, 0))), order_of(Gpu((8, 9)))
        (('cudnn', 'flash', 'efficient', 'math'), ('flash', 'efficient', 'math'))
    """
    usual = ("flash", "efficient", "math")
    return ("cudnn", *usual) if gpu.compute_capability[0] in (9, 10) else usual


def backend_of(call: Attention, allowed: str | None = None) -> str:
    """Return the backend that runs a call.

    Args:
        call: The call.
        allowed: The only backend that may run, as under `torch.nn.attention.sdpa_kernel`; None leaves all.

    Raises:
        DeclarationError: The one that is allowed cannot run it.
    """
    for backend in order_of(call.gpu) if allowed is None else (allowed,):
        if all(demand(call) for demand in DEMANDS[backend]):
            return backend
    raise DeclarationError(
        f'attention="{allowed}": this backend cannot run {call.query.dtype} heads of width '
        f"{call.query.shape[-1]} on a GPU of compute capability {call.capability}; leave attention= out"
    )


def run(call: Attention, backend: str) -> torch.Tensor:
    """Run a call with a backend: what `scaled_dot_product_attention` does around each kernel."""
    query, key, value = call.query, call.key, call.value
    if backend == "math":
        return _from_operators(call)
    if backend == "flash":
        scale = call.scale if call.scale is not None else query.shape[-1] ** -0.5
        padded = [_to_multiple(tensor, 8) for tensor in (query, key, value)]
        output = aten._scaled_dot_product_flash_attention(
            *padded, call.dropout, call.is_causal, False, scale=scale
        )[0]
        return _tensor(output if padded[0] is query else output[..., : query.shape[-1]])
    bias, keeps = _as_bias(call.mask, query.dtype), call.trains and torch.is_grad_enabled()
    if backend == "cudnn":
        return _tensor(
            aten._scaled_dot_product_cudnn_attention(
                query, key, value, bias, keeps, call.dropout, call.is_causal, False, scale=call.scale
            )[0]
        )
    if bias is not None:
        bias = _aligned(bias).expand(*query.shape[:3], key.shape[2])
    if call.enable_gqa:
        key, value = (
            tensor.repeat_interleave(query.shape[1] // tensor.shape[1], 1) for tensor in (key, value)
        )
    return _tensor(
        aten._scaled_dot_product_efficient_attention(
            query, key, value, bias, keeps, call.dropout, call.is_causal, scale=call.scale
        )[0]
    )


def _from_operators(call: Attention) -> torch.Tensor:
    """`_scaled_dot_product_attention_math`, as it runs where tensors are no subclasses."""
    dtype, mask = call.query.dtype, _as_bias(call.mask, call.query.dtype)
    query, key, value = accurate = [_accurate(tensor) for tensor in (call.query, call.key, call.value)]
    scale = query.shape[-1] ** -0.5 if call.scale is None else abs(call.scale)
    root = scale**0.5
    query = aten.mul.Scalar(query, root)
    if call.is_causal:
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
        mask = _as_bias(mask, query.dtype)
    if call.enable_gqa:
        key, value = (_for_each_head(tensor, query) for tensor in (key, value))
    scores = torch.matmul(query, aten.mul.Scalar(key.transpose(-2, -1), root))
    if mask is not None:
        scores.add_(mask)
    scores = aten._safe_softmax(scores, -1)
    if call.dropout > 0:
        scores = torch.dropout(scores, call.dropout, True)
    weights = scores.to(dtype)  # the second result is made first
    output = torch.matmul(scores, value).to(dtype)
    del accurate, weights  # as long as that they live
    return output


def _accurate(tensor: torch.Tensor) -> torch.Tensor:
    """Return what is halved in float, unless it was said that it need not be."""
    kept = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
    return tensor.float() if tensor.dtype in HALF_TYPES and not kept else tensor


def _for_each_head(tensor: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """`pre_process_group_query_attention_input`."""
    if bool(tensor.shape[-3] == query.shape[-3]):
        return tensor
    return tensor.repeat_interleave(query.shape[-3] // tensor.shape[-3], -3)


def _tensor(value: Any) -> torch.Tensor:
    found: torch.Tensor = value
    return found


def _to_multiple(tensor: torch.Tensor, multiple: int) -> torch.Tensor:
    """`pad_last_dim`."""
    rest = tensor.shape[-1] % multiple
    return tensor if rest == 0 else pad(tensor, (0, multiple - rest))


def _as_bias(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """`convert_boolean_attn_mask`."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    return torch.where(mask, 0.0, torch.scalar_tensor(float("-inf"), dtype=dtype))


def _aligned(bias: torch.Tensor) -> torch.Tensor:
    """`preprocess_mask`, with `aligned_tensor` and `pad_bias`: what is not aligned is always padded."""
    if all(bool(stride % ALIGNED == 0) for stride in bias.stride()[:-1]):
        return bias
    width = bias.shape[-1]
    return pad(bias, (0, ALIGNED - width % ALIGNED))[..., :width]
