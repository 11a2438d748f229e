"""Fused attention: the products of queries, keys and values, and the softmax between them.

Letters: b batch, h query heads (keys and values may have fewer: each is used by several query heads),
q and k query and key positions, d and e the widths of a key and a value.

Forward, as in `torch.utils.flop_counter`: scores q·kᵀ and their product with v, 2·b·h·q·k·(d + e).
Backward: scores again, then four gradient products, 2·b·h·q·k·(3d + 2e). A causal or other mask saves
nothing in this convention. Softmax counts `SOFTMAX` per score forward and `SOFTMAX_BACKWARD` backward.
Scores are never written to memory.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, Size, elements, product
from fxcost.ops.registry import registry
from fxcost.ops.schema import where_there
from fxcost.program import TensorMeta

aten = torch.ops.aten

SOFTMAX = 6
"""Scale, maximum, subtract, exponential, sum, divide."""

SOFTMAX_BACKWARD = 7
"""Scale, subtract, exponential (again), multiply, sum, subtract, multiply."""


def forward(scores: Size, query: TensorMeta, value: TensorMeta) -> Flops:
    """Return the arithmetic of attention over a number of scores (b·h·q·k).

    >>> from fxcost.program import TensorMeta
    >>> x = TensorMeta((1, 1, 3, 8), torch.float32, 0)
    >>> forward(9, x, x)
    Flops(contraction=288, pointwise=54)
    """
    widths = query.shape[-1] + value.shape[-1]
    return Flops(contraction=2 * scores * widths, pointwise=SOFTMAX * scores)


def backward(scores: Size, query: TensorMeta, value: TensorMeta) -> Flops:
    """Return the arithmetic of attention's gradients over a number of scores (b·h·q·k).

    >>> from fxcost.program import TensorMeta
    >>> x = TensorMeta((1, 1, 3, 8), torch.float32, 0)
    >>> backward(9, x, x)
    Flops(contraction=720, pointwise=63)
    """
    widths = 3 * query.shape[-1] + 2 * value.shape[-1]
    return Flops(contraction=2 * scores * widths, pointwise=SOFTMAX_BACKWARD * scores)


@registry.formula(
    aten._scaled_dot_product_flash_attention,
    aten._scaled_dot_product_flash_attention_for_cpu,
    aten._scaled_dot_product_efficient_attention,
    aten._scaled_dot_product_cudnn_attention,
    aten._scaled_dot_product_fused_attention_overrideable,
)
def scaled_dot_product_attention(query: TensorMeta, key: TensorMeta, value: TensorMeta) -> Flops:
    """Count attention laid out (batch, heads, position, width)."""
    return forward(product(query.shape[:-1]) * key.shape[-2], query, value)


@registry.formula(
    aten._scaled_dot_product_flash_attention_backward,
    aten._scaled_dot_product_flash_attention_for_cpu_backward,
    aten._scaled_dot_product_efficient_attention_backward,
    aten._scaled_dot_product_cudnn_attention_backward,
    aten._scaled_dot_product_fused_attention_overrideable_backward,
    aten._cudnn_attention_backward,
)
def scaled_dot_product_attention_backward(query: TensorMeta, key: TensorMeta, value: TensorMeta) -> Flops:
    """Count the five products of attention's gradients, laid out (batch, heads, position, width)."""
    return backward(product(query.shape[:-1]) * key.shape[-2], query, value)


@registry.formula(aten._flash_attention_forward, *where_there("_flash_attention_forward_no_dropout_inplace"))
def _flash_attention_forward(
    query: TensorMeta,
    key: TensorMeta,
    value: TensorMeta,
    cum_seq_q: TensorMeta | None,
    max_q: Size,
    max_k: Size,
) -> Flops:
    """Count attention laid out (batch, position, heads, width), or packed (position, heads, width)."""
    return forward(_packed_scores(query, key, cum_seq_q, max_q, max_k), query, value)


@registry.formula(aten._flash_attention_backward)
def _flash_attention_backward(
    query: TensorMeta, key: TensorMeta, value: TensorMeta, cum_seq_q: TensorMeta, max_q: Size, max_k: Size
) -> Flops:
    """Count its gradients; sequences are packed where the query has three dimensions."""
    offsets = cum_seq_q if len(query.shape) == 3 else None
    return backward(_packed_scores(query, key, offsets, max_q, max_k), query, value)


@registry.formula(aten._efficient_attention_forward)
def _efficient_attention_forward(
    query: TensorMeta,
    key: TensorMeta,
    value: TensorMeta,
    cu_seqlens_q: TensorMeta | None,
    max_seqlen_q: Size,
    max_seqlen_k: Size,
) -> Flops:
    """Count attention laid out (batch, position, heads, width), or packed with a batch of one."""
    return forward(_packed_scores(query, key, cu_seqlens_q, max_seqlen_q, max_seqlen_k), query, value)


@registry.formula(aten._efficient_attention_backward)
def _efficient_attention_backward(
    query: TensorMeta,
    key: TensorMeta,
    value: TensorMeta,
    cu_seqlens_q: TensorMeta | None,
    max_seqlen_q: Size,
    max_seqlen_k: Size,
) -> Flops:
    """Count the gradients of `_efficient_attention_forward`."""
    return backward(_packed_scores(query, key, cu_seqlens_q, max_seqlen_q, max_seqlen_k), query, value)


def _packed_scores(
    query: TensorMeta, key: TensorMeta, offsets: TensorMeta | None, longest_query: Size, longest_key: Size
) -> Size:
    """Return b·h·q·k; every packed sequence counts as long as the longest (lengths are data)."""
    heads = query.shape[-2]
    if offsets is None:
        return query.shape[0] * heads * query.shape[1] * key.shape[1]
    return (offsets.shape[0] - 1) * heads * longest_query * longest_key


@registry.formula(aten._triton_scaled_dot_attention)
def _triton_scaled_dot_attention(q: TensorMeta, k: TensorMeta, v: TensorMeta) -> Flops:
    """Count attention laid out (batch, heads, position, width)."""
    return scaled_dot_product_attention(q, k, v)


@registry.formula(aten._native_multi_head_attention, aten._triton_multi_head_attention)
def _native_multi_head_attention(
    query: TensorMeta, key: TensorMeta, embed_dim: Size, num_head: Size
) -> Flops:
    """Count the projections of queries, keys, values and the output, and attention between them."""
    queries, keys = product(query.shape[:-1]), product(key.shape[:-1])
    scores = queries * key.shape[-2]
    projections = Flops(
        contraction=2 * embed_dim * embed_dim * (2 * queries + 2 * keys),
        pointwise=embed_dim * (2 * queries + 2 * keys),
    )
    return projections + Flops(4 * scores * embed_dim, SOFTMAX * scores * num_head)


@registry.formula(aten._transformer_encoder_layer_fwd)
def _transformer_encoder_layer_fwd(
    src: TensorMeta, embed_dim: Size, num_heads: Size, ffn_weight_1: TensorMeta, ffn_weight_2: TensorMeta
) -> Flops:
    """Count self-attention, the two linear layers with biases, an activation, two additions and two norms."""
    tokens = product(src.shape[:-1])
    hidden = ffn_weight_1.shape[0]
    feed_forward = Flops(
        contraction=2 * tokens * (elements(ffn_weight_1) + elements(ffn_weight_2)),
        pointwise=tokens * (2 * hidden + embed_dim) + 18 * tokens * embed_dim,
    )
    return _native_multi_head_attention(src, src, embed_dim, num_heads) + feed_forward


@registry.formula(aten._transform_bias_rescale_qkv)
def _transform_bias_rescale_qkv(qkv: TensorMeta) -> Flops:
    """Count the bias and the scale of every element."""
    return Flops(pointwise=2 * elements(qkv))
