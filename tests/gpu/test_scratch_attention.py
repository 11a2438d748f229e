"""What attention takes besides its results, against an H100 and PyTorch's compiled code."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

import fxcost as fc
from fxcost.allocator import Kind
from fxcost.gpu import Card
from fxcost.gpu.scratch import Kernel, Scratch, Tensor, attention

H100 = dataclasses.replace(Card.of("h100-sxm"), release="2.11.0")
HALF, BF16, FULL = torch.float16, torch.bfloat16, torch.float32

MEASURED = [
    # backend, type, batch, heads, of them for each key, queries, keys, width, dropout; forward, backward
    (("flash", BF16, 8, 12, 1, 1, 1, 64, 0.1), [16], [49152, 3145728]),
    (("flash", BF16, 1, 8, 1, 1, 1, 160, 0.0), [], [4096, 786432]),
    (("flash", HALF, 1, 8, 4, 1, 1, 40, 0.1), [16], [4096, 262144, 640, 640]),
    (("flash", HALF, 8, 4, 4, 1, 128, 72, 0.1), [16], [16384, 1572864, 589824, 589824]),
    (("flash", HALF, 1, 8, 4, 1, 128, 256, 0.1), [16], [4096, 1048576, 524288, 524288]),
    (("flash", HALF, 1, 12, 1, 1, 1, 72, 0.1), [16], [6144, 589824]),
    (("efficient", BF16, 1, 8, 1, 1, 1, 32, 0.0), [], [32, 131200]),
    (("efficient", BF16, 2, 12, 1, 1, 128, 96, 0.1), [], [96, 1573248]),
    (("efficient", BF16, 2, 4, 1, 1, 128, 192, 0.1), [6144], None),
    (("efficient", BF16, 1, 8, 1, 197, 197, 288, 0.1), [1815552], [6304, 8914176]),
    (("efficient", BF16, 8, 12, 1, 1, 128, 288, 0.0), [110592], [384, 53485056]),
    (("efficient", BF16, 8, 12, 1, 512, 77, 288, 0.1), [56623104], None),
    (("efficient", FULL, 1, 4, 1, 1000, 1000, 16, 0.1), [], [256000, 16000, 16000, 1049600]),
    (("efficient", FULL, 8, 12, 1, 1, 1, 16, 0.1), [], [6144, 384, 1574400]),
    (("efficient", FULL, 8, 4, 1, 1, 128, 72, 0.0), [], [9216, 128, 2098176]),
    (("efficient", FULL, 1, 8, 1, 128, 128, 72, 0.1), [], [294912, 4096, 4096, 524544]),
    (("efficient", FULL, 1, 12, 1, 512, 77, 160, 0.0), [], [3932160, 24576, 24576, 4720896]),
    (("efficient", FULL, 8, 12, 1, 1, 128, 160, 0.1), [], [61440, 384, 9441792]),
    (("cudnn", BF16, 1, 8, 1, 512, 77, 16, 0.0), [256], None),
    (("cudnn", BF16, 8, 12, 4, 512, 77, 16, 0.1), [256], None),
    (("cudnn", BF16, 1, 8, 4, 1000, 1000, 16, 0.0), [256], [1056256]),
    (("cudnn", BF16, 8, 12, 1, 1000, 1000, 16, 0.1), [256], [6528256]),
    (("cudnn", BF16, 1, 8, 4, 1, 128, 16, 0.0), [], [66336]),
    (("cudnn", BF16, 8, 8, 4, 1, 128, 32, 0.0), [], None),
    (("cudnn", BF16, 8, 12, 1, 1, 128, 32, 0.0), [], None),
    (("cudnn", BF16, 1, 8, 4, 197, 197, 40, 0.0), [256], [510880]),
    (("cudnn", BF16, 8, 8, 1, 197, 197, 40, 0.0), [256], [2067968]),
    (("cudnn", BF16, 1, 8, 1, 197, 197, 64, 0.0), [256], None),
    (("cudnn", BF16, 1, 8, 4, 197, 197, 72, 0.1), [256], None),
    (("cudnn", BF16, 8, 4, 1, 1, 128, 80, 0.0), [], [10624]),
]
"""Calls on an H100 with torch 2.11.0 and cuDNN 9.19: bytes in order; None where no gradient was asked for."""

SHARED = [
    ((HALF, 8, 6, 1, 128, 128, 192), [49152, 9437184]),
    ((HALF, 2, 6, 1, 128, 77, 192), [12288, 2359296]),
    ((HALF, 2, 4, 1, 1, 900, 128), [256, 32768]),
    ((HALF, 1, 4, 1, 1024, 77, 160), [32768, 6291456]),
    ((HALF, 8, 12, 1, 1024, 1024, 64), []),
]
"""Calls of flash attention over a pretend card of 128 multiprocessors, with torch 2.11.0 and 2.14.1."""

TILES = [
    # card; in half 96, 128 and 192 wide, in fp32 64 and 128 wide
    ("t4", [524544, 524544, 4981120, 262400, 524800]),
    ("v100-32gb", [524544, 524544, 4981120, 262400, 524800]),
    ("a100-80gb", [524416, 524416, 4981120, 262400, 524544]),
    ("rtx-3090", [524544, 2621952, 4981120, 262400, 524800]),
    ("h100-sxm", [524416, 524416, 4981120, 262400, 524544]),
    ("rtx-5090", [2621952, 2621952, 4981120, 262400, 524800]),
]
"""Workspaces of gradients of 2 x 4 heads, 128 queries and 200 keys, over pretend cards with torch 2.11.0."""


def taken(name: str, card: Card, call: tuple) -> list[Scratch]:
    dtype, batch, heads, group, queries, keys, width, *dropout = call
    query = Tensor((batch, heads, queries, width), dtype)
    key = Tensor((batch, heads // group, keys, width), dtype)
    arguments = {"query": query, "key": key, "value": key, "dropout_p": sum(dropout)}
    return list(attention.scratch(Kernel(f"_scaled_dot_product_{name}", arguments, (), card)))


def sizes(scratch: list[Scratch]) -> list[int]:
    return [each.nbytes for each in scratch]


@pytest.mark.parametrize(("call", "forward", "backward"), MEASURED)
def test_attention_takes_what_an_h100_was_seen_to_take(call, forward, backward):
    backend, *rest = call
    assert sizes(taken(f"{backend}_attention", H100, tuple(rest))) == forward
    if backward is not None:
        assert sizes(taken(f"{backend}_attention_backward", H100, tuple(rest))) == backward


@pytest.mark.parametrize(("call", "seen"), SHARED)
def test_flash_attention_shares_keys_where_it_has_few_queries(call, seen):
    assert sizes(taken("flash_attention", Card.of("rtx-4090"), call)) == seen


@pytest.mark.parametrize(("name", "seen"), TILES)
def test_gradients_of_efficient_attention_take_the_tiles_that_shared_memory_allows(name, seen):
    kinds = [(HALF, 96), (HALF, 128), (HALF, 192), (FULL, 64), (FULL, 128)]
    calls = [
        taken("efficient_attention_backward", Card.of(name), (dtype, 2, 4, 1, 128, 200, width))
        for dtype, width in kinds
    ]
    assert [call[-1].nbytes for call in calls] == seen


def test_products_that_are_summed_are_freed_before_the_workspace():
    call = taken("efficient_attention_backward", H100, (FULL, 1, 8, 1, 128, 128, 72))
    assert [each.brief for each in call] == [True, True, False, False]


SEQUENCES = [
    # type, width, mask, dropout, heads for each key, batch, heads, queries, keys; bytes asked for in order
    (
        (FULL, 192, True, 0.0, 1, 1, 12, 512, 77),
        [4, 4, 157696, 163840, 4718592, 24576],
        [4718592, 709632, 709632, 4718592, 24576, 24576, 4720896, 4718592, 709632, 709632],
    ),
    (
        (BF16, 192, True, 0.1, 4, 2, 4, 512, 77),
        [2, 2, 157696, 8, 8, 1572864, 16384, 256],
        [1572864, 59136, 59136, 3635456],
    ),
    (
        (FULL, 64, True, 0.0, 4, 2, 8, 197, 197),
        [4, 4, 310472, 806912, 806912, 806912, 806912, 2483776, 2483776, 620944, 3152, 4, 806912],
        [806912, 2483776, 2483776, 2483776, 806912, 806912, 806912, 201728, 201728, 806912],
    ),
]
"""Whole calls on an H100: memory-efficient attention, cuDNN's, and that which is made of other operators."""


@pytest.mark.parametrize(("call", "forward", "backward"), SEQUENCES)
def test_a_training_step_asks_around_attention_for_what_an_h100_was_seen_to_ask_for(call, forward, backward):
    dtype, width, masked, dropout, group, batch, heads, queries, keys = call

    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            shapes = (heads, queries), *[(heads // group, keys)] * 2
            self.tensors = nn.ParameterList(torch.empty(batch, *s, width, dtype=dtype) for s in shapes)

        def forward(self, factor, mask):
            attended = functional.scaled_dot_product_attention(
                *self.tensors, mask if masked else None, dropout, enable_gqa=group > 1
            )
            return attended * factor

    def example(size):
        factor = torch.zeros(batch, heads, queries, width, dtype=dtype)
        return factor, torch.ones(batch, 1, queries, keys, dtype=torch.bool)

    recipe = fc.Training(torch.optim.SGD, {"lr": 0.1}, loss=lambda output: output.sum())
    factory = fc.model(size=fc.Int(1, 2), example=example)(Attending)
    asked = fc.cost(factory, training=recipe, device=H100, cache=False).gpu_memory(size=1).requests.events
    born = asked.sizes[asked.kinds == Kind.ALLOCATE].tolist()
    born = [size for size in born if size]
    for part in (forward, backward):
        assert any(born[start : start + len(part)] == part for start in range(len(born)))
