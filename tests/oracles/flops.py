# ruff: noqa: PLR0917 - counts take what their operators take
"""Contraction FLOP of a run, counted without fxcost: torch's FlopCounterMode, put right where it is wrong.

Where it is wrong (grouped convolution backward, `_efficient_attention_*`, whose layout it misreads) or silent
(CPU attention, recurrent layers, products with vectors, …), the count is made from the definition: a
contraction is an Einstein sum, and its multiply-adds are the combinations of all its indices. Padding counts
as data, a mask saves nothing, a multiply-add is 2, as everywhere in FlopCounterMode.
"""

from __future__ import annotations

from math import prod

import torch
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten


def oracle_flops(step):
    """Return the contraction FLOP of what `step()` runs, on real or on fake tensors."""
    counter = FlopCounterMode(display=False, custom_mapping=TRUE_COUNTS)
    counter.mod_tracker = WholeModel()
    with counter:
        step()
    return counter.get_total_flops()


class WholeModel:
    """Stands in for torch's ModuleTracker, which fails on an input made under no_grad from a parameter."""

    parents = frozenset({"Global"})

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


def contraction(subscripts, *shapes):
    """Return 2 per combination of the indices in an Einstein sum such as "nik,kj"."""
    sizes = {}
    for letters, shape in zip(subscripts.split(","), shapes, strict=True):
        for letter, size in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"{subscripts}: {letter} is both {sizes[letter]} and {size}")
    return 2 * prod(sizes.values())


def convolution(grad_output, image, weight, transposed, groups):
    """Return one gradient's FLOP: the same index combinations as the forward's."""
    dimensions = len(weight) - 2
    kernel, positions = "xyz"[:dimensions], "pqr"[:dimensions]
    placed = image if transposed else grad_output  # the map that each kernel is laid on, once per place
    grouped_image = (placed[0], groups, placed[1] // groups, *placed[2:])
    grouped_weight = (groups, weight[0] // groups, weight[1], *weight[2:])
    return contraction(f"nga{positions},gab{kernel}", grouped_image, grouped_weight)


def convolution_backward(
    grad_output,
    image,
    weight,
    bias_sizes,
    stride,
    padding,
    dilation,
    transposed,
    output_padding,
    groups,
    output_mask,
    **_,
):
    gradients = output_mask[0] + output_mask[1]
    return gradients * convolution(grad_output, image, weight, transposed, groups)


def attention_products(query, key, value):
    """Return the FLOP of q·kᵀ (as of every product along the key's width) and of scores·v."""
    key, value = (shape[0:1] + query[1:2] + shape[2:] for shape in (key, value))  # heads repeated
    scores = (*query[:3], key[2])
    return contraction("bhqd,bhkd", query, key), contraction("bhqk,bhke", scores, value)


def attention(query, key, value, *_, **__):
    along_keys, along_values = attention_products(query, key, value)
    return along_keys + along_values


def attention_backward(grad_output, query, key, value, *_, **__):
    """Scores again, the query's and the key's gradient; the scores' and the value's gradient."""
    along_keys, along_values = attention_products(query, key, value)
    return 3 * along_keys + 2 * along_values


def by_heads(shape):
    batch, position, heads, width = shape
    return torch.Size((batch, heads, position, width))


def efficient_attention(query, key, value, bias, offsets_q, offsets_k, *_, **__):
    if offsets_q is not None:
        raise NotImplementedError("packed sequences")
    return attention(*map(by_heads, (query, key, value)))


def efficient_attention_backward(grad_output, query, key, value, bias, out, offsets_q, offsets_k, *_, **__):
    if offsets_q is not None:
        raise NotImplementedError("packed sequences")
    return attention_backward(None, *map(by_heads, (query, key, value)))


def multi_head_attention(query, key, value, embed_dim, num_head, *_, **__):
    batch, queries, _width = query
    heads = (batch, num_head, queries, embed_dim // num_head)
    others = (batch, num_head, key[1], embed_dim // num_head)
    square = (embed_dim, embed_dim)
    projections = sum(contraction("bti,oi", tokens, square) for tokens in (query, key, value, query))
    return projections + attention(*map(torch.Size, (heads, others, others)))


def encoder_layer(src, embed_dim, num_heads, *weights, **_):
    shapes = [weight for weight in weights if isinstance(weight, torch.Size) and len(weight) == 2]
    widen, narrow = shapes[2:4]  # after the projections of attention
    hidden = (*src[:2], widen[0])
    feed_forward = contraction("bti,oi", src, widen) + contraction("bti,oi", hidden, narrow)
    return multi_head_attention(src, src, src, embed_dim, num_heads) + feed_forward


GATES = {0: 1, 1: 1, 2: 4, 3: 3}  # of a ReLU or tanh RNN, an LSTM, a GRU


def rnn_layer(tokens, width, mode, hidden, state):
    """Return the FLOP of one layer in one direction: each gate meets input and state at each token."""
    return GATES[mode] * (
        contraction("ti,hi", (tokens, width), (hidden, width))
        + contraction("ts,hs", (tokens, state), (hidden, state))
    )


def mkldnn_rnn_layer(tokens, w0, w1, w2, w3, hx, cx, reverse, batch_sizes, mode, hidden_size, *_, **__):
    return rnn_layer(tokens[0] * tokens[1], tokens[2], mode, hidden_size, hidden_size)


def mkldnn_rnn_layer_backward(tokens, w1, w2, w3, w4, hx, cx, output, hy, cy, *arguments, **_):
    mode, hidden_size = arguments[4:6]
    return 2 * rnn_layer(tokens[0] * tokens[1], tokens[2], mode, hidden_size, hidden_size)


def stacked_rnn(tokens, mode, hidden, projection, layers, bidirectional):
    count, width, total = prod(tokens[:-1]), tokens[-1], 0
    state = projection or hidden
    for _layer in range(layers):
        one_direction = rnn_layer(count, width, mode, hidden, state)
        if projection:
            one_direction += contraction("th,ph", (count, hidden), (projection, hidden))
        total += (1 + bidirectional) * one_direction
        width = (1 + bidirectional) * state
    return total


def cudnn_rnn(tokens, weight, stride, buffer, hx, cx, mode, hidden, projection, layers, *rest, **_):
    _batch_first, _dropout, _train, bidirectional = rest[:4]
    return stacked_rnn(tokens, mode, hidden, projection, layers, bidirectional)


def cudnn_rnn_backward(
    tokens, weight, stride, buffer, hx, cx, output, gy, ghy, gcy, mode, hidden, *rest, **_
):
    projection, layers, _batch_first, _dropout, _train, bidirectional = rest[:6]
    output_mask = rest[-1]
    return (1 + output_mask[3]) * stacked_rnn(tokens, mode, hidden, projection, layers, bidirectional)


def trilinear(i1, i2, i3, expand1, expand2, expand3, sumdim, unroll_dim=1, **_):
    """What `nn.Bilinear` runs: i1·i2 with the dimensions summed that i3 lacks, then that by i3."""
    letters = "abcdefgh"

    def named(shape, expanded):
        return dict(zip((x for place, x in enumerate(letters) if place not in expanded), shape, strict=False))

    first = named(i1, expand1) | named(i2, expand2)
    third = named(i3, expand3)
    gone = {letters[place] for place in sumdim} - set(third)
    if letters[unroll_dim] not in first:
        first[letters[unroll_dim]] = third[letters[unroll_dim]]
    kept = {letter: size for letter, size in first.items() if letter not in gone}
    return 2 * prod(first.values()) + 2 * prod((kept | third).values())


def grouped_mm(a, b, offsets=None, *_, **__):
    if len(a) == len(b) == 3:
        return contraction("gmk,gkn", a, b)
    return contraction("mk,kn", a[-2:], b[-2:])  # each row, column or inner index belongs to one group


TRUE_COUNTS = {
    aten.convolution_backward: convolution_backward,
    aten._scaled_dot_product_flash_attention_for_cpu: attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward,
    aten._scaled_dot_product_fused_attention_overrideable: attention,
    aten._scaled_dot_product_fused_attention_overrideable_backward: attention_backward,
    aten._efficient_attention_forward: efficient_attention,
    aten._efficient_attention_backward: efficient_attention_backward,
    aten._native_multi_head_attention: multi_head_attention,
    aten._transformer_encoder_layer_fwd: encoder_layer,
    aten.mkldnn_rnn_layer: mkldnn_rnn_layer,
    aten.mkldnn_rnn_layer_backward: mkldnn_rnn_layer_backward,
    aten._cudnn_rnn: cudnn_rnn,
    aten._cudnn_rnn_backward: cudnn_rnn_backward,
    aten._trilinear: trilinear,
    aten._grouped_mm: grouped_mm,
    aten._scaled_grouped_mm: grouped_mm,
    aten._int_mm: lambda a, b, **_: contraction("mk,kn", a, b),
    aten.mv: lambda a, x, **_: contraction("mk,k", a, x),
    aten.addmv: lambda y, a, x, **_: contraction("mk,k", a, x),
    aten.dot: lambda x, y, **_: contraction("k,k", x, y),
    aten.vdot: lambda x, y, **_: contraction("k,k", x, y),
    aten.addr: lambda a, x, y, **_: contraction("m,n", x, y),
    aten.addbmm: lambda c, a, b, **_: contraction("bmk,bkn", a, b),
    aten.affine_grid_generator: lambda theta, size, *_, **__: contraction(
        "ncj,np", theta, (theta[0], prod(size[2:]))
    ),
    aten.linalg_solve_triangular: lambda a, b, **keywords: (
        prod(b) * a[-1]  # n(n-1)/2 multiply-adds and n divisions for n unknowns
    ),
}
"""Replaces FlopCounterMode's formulas: shapes and plain arguments → FLOP."""
