"""What kernels take besides their results, against an H100 with torch 2.11.0 and cuDNN 9.19."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import fxcost as fc
from fxcost.gpu import Card
from fxcost.gpu.scratch import Kernel, Tensor, convolutions, reductions

MIB = 2**20
H100 = dataclasses.replace(Card.of("h100-sxm"), release="2.11.0")
HALF, FULL = torch.bfloat16, torch.float32

REDUCTIONS = [
    # shape, reduced, type, measured bytes
    ((6304, 3072), 0, HALF, [138412032, 96]),
    ((6304, 2304), 0, HALF, [116785152, 72]),
    ((6304, 768), 0, HALF, [38928384, 24]),
    ((24576, 384), 0, HALF, [75497472, 12]),
    ((64, 1000), 0, FULL, []),
]
"""Sums of real training steps: gradients of biases of ViT-B/16 and of a Mixer-B/16."""

CONVOLUTIONS = [
    # batch, channels in and out, side, kernel, stride, type, channels last; MiB forward and for the gradients
    ((64, 64, 64, 56, 3, 1), FULL, False, (98.14, 98.14, 100.11)),
    ((64, 128, 128, 56, 3, 2), HALF, False, (61.53, 61.53, 64.91)),
    ((64, 512, 512, 7, 3, 1), HALF, False, (10.63, 10.63, 10.63)),
    ((32, 64, 64, 224, 3, 1), FULL, False, (784.14, 784.14, 786.11)),
    ((64, 256, 128, 56, 1, 1), HALF, False, (0, 0, 8.0)),
    ((64, 2048, 512, 7, 1, 1), FULL, False, (30.63, 30.63, 38.63)),
    ((63, 65, 67, 55, 3, 1), HALF, False, (52.43, 52.43, 55.81)),
    ((63, 65, 67, 55, 3, 1), HALF, True, (52.43, 52.43, 55.81)),
    ((64, 64, 64, 56, 3, 1), HALF, True, (0, 0, 1.83)),
]
WITHIN = 0.05, 10 * MIB


@pytest.mark.parametrize(("shape", "dim", "dtype", "measured"), REDUCTIONS)
def test_a_sum_that_blocks_of_threads_share_takes_what_an_h100_was_seen_to_take(shape, dim, dtype, measured):
    arguments = {"self": Tensor(shape, dtype), "dim": (dim,), "keepdim": True}
    result = Tensor((1, *shape[1:]), dtype)
    taken = list(reductions.scratch(Kernel("sum", arguments, (result,), H100)))
    assert [each.nbytes for each in taken] == measured
    assert all(each.needed for each in taken)


@pytest.mark.parametrize(("sizes", "dtype", "last", "measured"), CONVOLUTIONS)
def test_a_convolution_wants_about_what_cudnn_was_seen_to_want(sizes, dtype, last, measured):
    forward, *gradients = _convolution(sizes, dtype, last=last)
    for wanted, seen in zip((forward, *gradients), measured, strict=True):
        assert wanted == pytest.approx(seen * MIB, rel=WITHIN[0], abs=WITHIN[1])


def _convolution(sizes, dtype, *, last):
    """Yield the bytes of a convolution's workspaces: forward, for the image's gradient, for the weight's."""
    batch, into, out, side, kernel, stride = sizes
    pad = kernel // 2
    made = (side + 2 * pad - kernel) // stride + 1
    image, result = Tensor((batch, into, side, side), dtype), Tensor((batch, out, made, made), dtype)
    weight = Tensor((out, into, kernel, kernel), dtype)
    arguments = {
        "input": image,
        "weight": weight,
        "stride": (stride, stride),
        "groups": 1,
        "grad_output": result,
    }
    forward = Kernel("convolution", arguments, (result,), H100, last)
    backward = Kernel("convolution_backward", arguments, (image, weight, None), H100, last)
    yield sum(each.nbytes for each in convolutions.scratch(forward))
    wanted = {each.after: each.nbytes for each in convolutions.scratch(backward)}
    yield wanted.get(0, 0)
    yield wanted.get(1, 0)


def test_a_card_whose_multiprocessors_are_not_said_takes_no_less_than_any_other():
    unknown = dataclasses.replace(H100, device=dataclasses.replace(H100.device, multiprocessors=0))
    arguments = {"self": Tensor((6304, 3072), HALF), "dim": (0,), "keepdim": True}
    calls = (Kernel("sum", arguments, (Tensor((1, 3072), HALF),), card) for card in (H100, unknown))
    known, most = (next(reductions.scratch(call)).nbytes for call in calls)
    assert known < most
    image, weight = Tensor((64, 64, 56, 56), FULL), Tensor((64, 64, 3, 3), FULL)
    arguments = {"input": image, "weight": weight, "grad_output": image, "stride": (1, 1), "groups": 1}
    known, most = (
        sum(
            each.nbytes
            for each in convolutions.scratch(Kernel("convolution_backward", arguments, (weight,), card))
        )
        for card in (H100, unknown)
    )
    assert known < most


def test_scratch_is_a_term_of_its_own_and_a_forecast():
    @fc.model(width=fc.Int(64, 4096, step=64), example=lambda width: torch.zeros(8192, width))
    def summing(width):
        return torch.nn.Sequential(
            torch.nn.Linear(width, width), torch.nn.GELU(), torch.nn.Linear(width, width)
        )

    sgd = fc.Training(torch.optim.SGD)
    memory = fc.cost(summing, training=sgd, device="h100-sxm").gpu_memory(width=1024)
    terms = {term.name: term for term in memory.terms}
    assert (terms["scratch of kernels"].nbytes > 0, terms["scratch of kernels"].basis) == (True, "forecast")
    assert terms["cuBLAS workspace"].nbytes % (32 * MIB) == 0


def test_what_a_convolution_does_not_get_it_does_without():
    taken = convolutions.scratch(
        Kernel(
            "convolution",
            {
                "input": Tensor((8, 64, 56, 56), FULL),
                "weight": Tensor((64, 64, 3, 3), FULL),
                "stride": (1, 1),
                "groups": 1,
            },
            (Tensor((8, 64, 54, 54), FULL),),
            H100,
        )
    )
    assert [each.needed for each in taken] == [False]


def test_cards_without_matrix_units_for_fp32_convert_half_precision_alone():
    old = Card.of("v100-16gb")
    shapes = {"weight": (64, 64, 3, 3), "input": (8, 64, 56, 56)}
    for dtype, wanted in ((FULL, 0), (torch.float16, 1)):
        arguments = {name: Tensor(shape, dtype) for name, shape in shapes.items()}
        kernel = Kernel(
            "convolution", arguments | {"stride": (1, 1), "groups": 1}, (Tensor((8, 64, 54, 54), dtype),), old
        )
        assert len(list(convolutions.scratch(kernel))) == wanted
