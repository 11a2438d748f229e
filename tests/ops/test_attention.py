"""Fused attention on GPUs, whose kernels no CPU runs: counts by hand."""

from __future__ import annotations

import pytest
import torch

from fxcost import ops
from fxcost.program import TensorMeta

aten = torch.ops.aten
BATCH, HEADS, QUERIES, KEYS, WIDTH, VALUE_WIDTH = 2, 4, 5, 7, 8, 6
SCORES = BATCH * HEADS * QUERIES * KEYS


def tensor(*shape):
    return TensorMeta(shape, torch.bfloat16, 0)


def flops(target, arguments):
    return ops.flops(ops.Call(target, (), arguments, None)).contraction


def by_heads(key_heads=HEADS):
    return {
        "query": tensor(BATCH, HEADS, QUERIES, WIDTH),
        "key": tensor(BATCH, key_heads, KEYS, WIDTH),
        "value": tensor(BATCH, key_heads, KEYS, VALUE_WIDTH),
    }


def by_position(key_heads=HEADS):
    return {
        "query": tensor(BATCH, QUERIES, HEADS, WIDTH),
        "key": tensor(BATCH, KEYS, key_heads, WIDTH),
        "value": tensor(BATCH, KEYS, key_heads, VALUE_WIDTH),
    }


@pytest.mark.parametrize("key_heads", [HEADS, 2, 1])
@pytest.mark.parametrize("kernel", ["flash", "efficient", "cudnn", "fused_overrideable"])
def test_every_kernel_of_scaled_dot_product_attention_counts_the_same(kernel, key_heads):
    name = {"fused_overrideable": "_scaled_dot_product_fused_attention_overrideable"}.get(
        kernel, f"_scaled_dot_product_{kernel}_attention"
    )
    forward, backward = getattr(aten, name).default, getattr(aten, f"{name}_backward").default
    assert flops(forward, by_heads(key_heads)) == 2 * SCORES * (WIDTH + VALUE_WIDTH)
    assert flops(backward, by_heads(key_heads)) == 2 * SCORES * (3 * WIDTH + 2 * VALUE_WIDTH)


@pytest.mark.parametrize("kernel", ["flash", "efficient"])
def test_kernels_laid_out_by_position_count_positions_not_heads(kernel):
    forward = getattr(aten, f"_{kernel}_attention_forward").default
    backward = getattr(aten, f"_{kernel}_attention_backward").default
    assert flops(forward, by_position()) == 2 * SCORES * (WIDTH + VALUE_WIDTH)
    assert flops(backward, by_position()) == 2 * SCORES * (3 * WIDTH + 2 * VALUE_WIDTH)


def test_packed_sequences_count_as_the_longest():
    packed = {
        "query": tensor(8, HEADS, WIDTH),
        "key": tensor(9, HEADS, WIDTH),
        "value": tensor(9, HEADS, VALUE_WIDTH),
        "cum_seq_q": TensorMeta((BATCH + 1,), torch.int32, 0),
        "max_q": QUERIES,
        "max_k": KEYS,
    }
    assert flops(aten._flash_attention_forward.default, packed) == 2 * SCORES * (WIDTH + VALUE_WIDTH)
    assert flops(aten._flash_attention_backward.default, packed) == 2 * SCORES * (3 * WIDTH + 2 * VALUE_WIDTH)


def test_scores_are_never_written():
    query = tensor(1, 1, 1000, 8)
    result = (tensor(1, 1, 1000, 8), TensorMeta((1, 1, 1000), torch.float32, 0), None, None, 1000, 1000)
    target = aten._scaled_dot_product_flash_attention.default
    traffic = ops.traffic(ops.Call(target, (query, query, query), {}, result))
    assert traffic == ops.Traffic(read=3 * 16_000, written=16_000 + 4_000)
