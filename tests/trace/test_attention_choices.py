"""The kernels of attention chosen for a GPU, against those that PyTorch's compiled code chooses."""

from __future__ import annotations

import itertools

import pytest
import torch

from fxcost.trace import Gpu
from fxcost.trace.cuda.attention import Attention, backend_of
from tests.oracles import choices, pretend

pytestmark = pytest.mark.skipif(bool(pretend.missing()), reason=pretend.missing())

WIDTHS = (*((width, width) for width in (60, 64, 65, 128, 200, 256, 264)), (192, 128), (128, 192))
LENGTHS = ((16, 16), (16, 32), (1, 16), (16, 1))
MASKS = ("none", "causal", "given")


def every_call():
    """Yield one call for each combination of what decides."""
    for dtype, (width, value_width), heads, (queries, keys), mask, dropout, trains in itertools.product(
        ("float32", "bfloat16", "float16"),
        WIDTHS,
        (4, 2),
        LENGTHS,
        MASKS,
        (0.0, 0.1, 0.25),
        (False, True),
    ):
        yield {
            "dtype": dtype,
            "query": (2, 4, queries, width),
            "key": (2, heads, keys, width),
            "value": (2, heads, keys, value_width),
            "mask": (2, 1, queries, keys) if mask == "given" else None,
            "causal": mask == "causal",
            "dropout": dropout,
            "trains": trains,
            "grouped": heads != 4,
        }


def expected(call, gpu):
    """Return what fxcost chooses."""
    dtype = getattr(torch, call["dtype"])
    query, key, value = (
        torch.empty(call[name], dtype=dtype, device="meta", requires_grad=call["trains"])
        for name in ("query", "key", "value")
    )
    mask = None if call["mask"] is None else torch.empty(call["mask"], dtype=torch.bool, device="meta")
    return backend_of(
        Attention(gpu, query, key, value, mask, call["dropout"], call["causal"], None, call["grouped"])
    )


@pytest.mark.parametrize("capability", [75, 80, 89, 90, 100, 120])
def test_every_call_of_attention_takes_the_kernel_that_torch_s_own_code_chooses(capability):
    calls = list(every_call())
    gpu = Gpu(divmod(capability, 10))
    differing = [
        (call, real, expected(call, gpu))
        for call, real in zip(calls, choices.chosen(calls, capability), strict=True)
        if real != expected(call, gpu)
    ]
    assert not differing
