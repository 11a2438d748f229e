"""What a GPU would choose, imposed on a CPU: against torch's header, and real runs that choose alike."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import fxcost as fc
from fxcost.errors import DeclarationError
from fxcost.expr import Domain
from fxcost.trace import Gpu, Subject, trace
from fxcost.trace.cuda import autocast, imposed
from fxcost.trace.cuda.attention import Attention, backend_of
from tests.oracles import steps
from tests.trace.test_recipes import gpt, resnet, vit

AMPERE, ADA, HOPPER, TURING = Gpu((8, 0)), Gpu((8, 9)), Gpu((9, 0), "2.14.1"), Gpu((7, 5))
HALF, BF16, FP32 = torch.float16, torch.bfloat16, torch.float32
HEADER = Path(torch.__file__).parent / "include" / "ATen" / "autocast_mode.h"
MACROS = {
    "AT_FORALL_LOWER_PRECISION_FP": autocast.CAST_LOWER,
    "AT_FORALL_FP32": autocast.cast_to_fp32(torch.__version__),
    "AT_FORALL_FP32_SET_OPT_DTYPE": autocast.SET_FP32_OUTPUT,
    "AT_FORALL_PROMOTE": autocast.CAST_WIDEST,
}


@pytest.mark.parametrize("macro", MACROS)
def test_the_lists_of_autocast_are_those_of_torch_s_header(macro):
    body = re.search(rf"#define {macro}\(_\)(.*?)\n\n", HEADER.read_text(), re.DOTALL)[1]
    rows = [".".join(re.split(r",\s*", row)) for row in re.findall(r"_\(([\w, ]+)\)", body)]
    assert MACROS[macro] == tuple(
        row for row in rows if "imname" not in row
    )  # named tensors: torch before 2.13


def operators(factory, gpu, training=None, inference=None, **config):
    """Return how often each operator runs in a trace."""
    subject = Subject(
        factory.__wrapped__, factory.factory_names, factory.example, factory.example_names, None, training
    )
    subject = Subject(
        **{**vars(subject), "gpu": gpu} | ({"inference": inference} if inference is not None else {})
    )
    program = trace(subject, Domain(factory.space), factory.space.config(**config))
    return Counter(str(node.target).removeprefix("aten.") for node in program.operators())


@pytest.mark.parametrize(
    ("gpu", "dtype", "width", "options", "backend"),
    [
        (ADA, HALF, 64, {}, "flash"),
        (ADA, BF16, 64, {"is_causal": True}, "flash"),
        (ADA, FP32, 64, {}, "efficient"),
        (ADA, HALF, 64, {"mask": True}, "efficient"),
        (ADA, HALF, 264, {}, "efficient"),
        (ADA, HALF, 12, {}, "flash"),
        (ADA, FP32, 6, {}, "math"),
        (ADA, HALF, 256, {"dropout": 0.1}, "efficient"),
        (AMPERE, HALF, 256, {"dropout": 0.1}, "flash"),
        (HOPPER, HALF, 64, {}, "cudnn"),
        (HOPPER, HALF, 64, {"mask": True}, "cudnn"),
        (HOPPER, HALF, 64, {"dropout": 0.1}, "flash"),
        (Gpu((9, 0), "2.11.0"), HALF, 64, {"dropout": 0.1}, "cudnn"),
        (Gpu((9, 0), "2.13.0"), HALF, 192, {}, "cudnn"),
        (HOPPER, HALF, 192, {}, "flash"),
        (HOPPER, FP32, 64, {}, "efficient"),
        (HOPPER, HALF, 12, {}, "flash"),
        (TURING, HALF, 64, {}, "efficient"),
        (TURING, BF16, 64, {}, "math"),
        (AMPERE, torch.float64, 64, {}, "math"),
    ],
)
def test_attention_takes_the_backend_that_torch_takes(gpu, dtype, width, options, backend):
    tensors = [torch.zeros(2, 4, 16, width, dtype=dtype, requires_grad=True) for _ in range(3)]
    mask = torch.zeros(16, 16, dtype=dtype) if options.get("mask") else None
    dropout, causal = options.get("dropout", 0.0), options.get("is_causal", False)
    assert backend_of(Attention(gpu, *tensors, mask, dropout, causal, None, False)) == backend


def test_a_causal_call_with_more_keys_than_queries_is_not_for_flash():
    query, key = torch.zeros(2, 4, 8, 64, dtype=HALF), torch.zeros(2, 4, 16, 64, dtype=HALF)
    assert backend_of(Attention(ADA, query, key, key, None, 0.0, True, None, False)) == "efficient"


@pytest.mark.parametrize("factory", [resnet, gpt, vit], ids=["resnet", "gpt", "vit"])
def test_where_all_choices_but_attention_are_alike_a_gpu_s_peak_equals_a_real_run_on_a_cpu(factory):
    factory = copy.copy(factory)
    factory.loss = lambda output: output.square().sum()  # cuBLAS would copy the gradient of a plain sum
    options = {"lr": 0.1, "momentum": 0.9, "foreach": True}
    training = fc.Training(torch.optim.SGD, options=options, attention="math", clip_norm=1.0, accumulation=2)
    config = factory.space.config(
        **{name: domain.values[1] for name, domain in factory.space.domains.items()}
    )
    with sdpa_kernel(SDPBackend.MATH):
        real = steps.Loop(torch.optim.SGD, options, norm=1.0, accumulation=2).peak(factory, config)
    for device in ("rtx-4090", "cpu"):
        assert fc.cost(factory, training=training, device=device).peak_memory(**config) == real


class ByHand(nn.Module):
    """Autocast in bf16 on a GPU, written out: weights are cast once, norms and softmax are in fp32."""

    def __init__(self, width, by_hand):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(8, width), nn.LayerNorm(width), nn.Linear(width, width)
        self.by_hand = by_hand

    def linear(self, layer, rows):
        if not self.by_hand:
            return layer(rows)
        if layer not in self.casts:
            self.casts[layer] = layer.weight.to(BF16), layer.bias.to(BF16)
        weight, bias = self.casts[layer]
        return functional.linear(rows.to(BF16), weight, bias)

    def forward(self, rows):
        self.casts = {}
        rows = self.linear(self.first, rows)
        if self.by_hand:
            rows = functional.layer_norm(rows.float(), (rows.shape[-1],), self.norm.weight, self.norm.bias)
        else:
            rows = self.norm(rows)
        rows = self.linear(self.last, self.linear(self.last, rows))
        rows = functional.softmax(rows, -1, dtype=FP32 if self.by_hand else None)
        total = rows.exp().sum()
        self.casts = {}
        return total


def by_hand(factory_by_hand):
    @fc.model(width=fc.Int(8, 256, step=8), batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 8))
    def net(width):
        return ByHand(width, factory_by_hand)

    return net


def test_expanded_factors_are_copied_on_a_gpu_and_only_there():
    factors = fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 32))(
        lambda: nn.Linear(32, 512, bias=False)
    )
    gpu, cpu = (operators(factors, each, fc.Training(torch.optim.SGD), batch=8) for each in (ADA, None))
    assert gpu["clone.default"] - cpu["clone.default"] == 1
    assert gpu["mm.default"] == cpu["mm.default"] == 2


def test_autocast_of_a_gpu_makes_the_tensors_that_explicit_casts_make():
    options = {"lr": 0.1, "momentum": 0.9, "foreach": True}
    training = fc.Training(torch.optim.SGD, options=options, precision="bf16-mixed")
    cost = fc.cost(by_hand(False), training=training, device="rtx-3090")
    for config in ({"width": 16, "batch": 5}, {"width": 200, "batch": 64}):
        assert cost.peak_memory(**config) == steps.Loop(torch.optim.SGD, options).peak(by_hand(True), config)


@pytest.mark.parametrize(("release", "dtype"), [("1.12.0", HALF), ("2.3.1", HALF), ("2.4.0+cu121", FP32)])
def test_what_autocast_enlarges_in_fp32_depends_on_torch_s_release(release, dtype):
    rows = torch.ones(1, 2, 4, 4, dtype=HALF)
    with imposed(Gpu((8, 6), release), None), torch.autocast("cuda"):
        assert functional.interpolate(rows, scale_factor=2, mode="nearest").dtype == dtype
        assert functional.layer_norm(rows, (4,)).dtype == FP32


def test_a_card_s_release_decides_what_is_traced():
    """A convolution's output in half is enlarged: in fp32, it is copied first."""
    enlarging = fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 4, 16, 16))(
        lambda: nn.Sequential(nn.Conv2d(4, 8, 1), nn.Upsample(scale_factor=2))
    )
    card = fc.Card.of("rtx-3090")
    old, new = (
        fc.cost(
            enlarging,
            inference=fc.Inference(precision="fp16-mixed"),
            device=dataclasses.replace(card, release=release),
        ).peak_memory(batch=64)
        for release in ("1.12.0", "2.4.0")
    )
    assert old < new


def test_under_autocast_norms_and_losses_are_in_fp32_and_products_in_half():
    rows, weight = torch.ones(4, 8, dtype=HALF), torch.ones(8, 8, requires_grad=True)
    with imposed(ADA, None), torch.autocast("cuda"):
        assert functional.linear(rows.float(), weight).dtype == HALF
        assert functional.layer_norm(rows, (8,)).dtype == FP32
        assert torch.einsum("ij,kj->ik", rows.float(), weight).dtype == HALF
        assert functional.mse_loss(rows, rows).dtype == FP32
        assert rows.pow(2).dtype == rows.sum().dtype == rows.norm().dtype == FP32
        assert torch.addcmul(rows, rows.float(), rows).dtype == FP32
        assert functional.avg_pool1d(rows, 2).dtype == HALF
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            functional.binary_cross_entropy(rows, rows)


def test_after_a_trace_the_cpu_makes_its_own_choices_again():
    before = torch.autocast("cpu", BF16), functional.dropout(torch.ones(3), 0.5).dtype
    operators(gpt, ADA, fc.Training(torch.optim.SGD, precision="fp16-mixed"), width=32, batch=3, seq=16)
    with before[0]:
        assert functional.softmax(torch.ones(2, 2, dtype=BF16), -1).dtype == BF16
    with torch.profiler.profile(acc_events=True) as profile:  # torch before 2.12 warns without
        functional.scaled_dot_product_attention(*(torch.ones(1, 2, 4, 8) for _ in range(3)))
    assert "aten::_scaled_dot_product_flash_attention_for_cpu" in {event.name for event in profile.events()}


def test_softmax_of_half_is_turned_into_float_inside_of_its_kernel():
    @fc.model(width=fc.Int(8, 64, step=8), batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 8))
    def net(width):
        return nn.Sequential(nn.Linear(8, width), nn.Softmax(-1))

    half, brain = (
        operators(net, ADA, fc.Training(torch.optim.SGD, precision=name, scaler=False), width=16, batch=5)
        for name in ("fp16-mixed", "bf16-mixed")
    )
    assert half["_to_copy.default"] == brain["_to_copy.default"] - 2


def test_dropout_keeps_a_mask_of_bools():
    @fc.model(width=fc.Int(8, 64, step=8), batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 8))
    def net(width):
        return nn.Sequential(nn.Linear(8, width), nn.Dropout(0.1), nn.Linear(width, 1))

    config = {"width": 16, "batch": 5}
    training = fc.Training(torch.optim.SGD)
    assert operators(net, ADA, training, **config)["native_dropout.default"] == 1
    on_cpu, on_gpu = (
        fc.cost(net, training=training, device=d).activations(**config) for d in ("cpu", "rtx-3090")
    )
    assert on_cpu - on_gpu == 3 * 16 * 5


def test_batch_norm_is_cudnn_s_where_torch_lets_it():
    config = {"classes": 10, "batch": 3, "resolution": 32}
    half, brain = (
        operators(resnet, ADA, fc.Training(torch.optim.SGD, precision=precision), **config)
        for precision in ("fp16-mixed", "bf16-mixed")
    )
    assert half["cudnn_batch_norm.default"] == brain["native_batch_norm.default"] == 13


def test_a_backend_that_cannot_run_is_refused():
    training = fc.Training(torch.optim.SGD, attention="flash")
    with pytest.raises(DeclarationError, match=r"cannot run torch\.float32 heads"):
        fc.cost(gpt, training=training, device="rtx-4090")
    with pytest.raises(DeclarationError, match="a CPU has flash and math"):
        fc.cost(gpt, training=fc.Training(torch.optim.SGD, attention="cudnn"))


def test_an_optimizer_s_count_of_steps_is_on_the_host_unless_it_is_capturable():
    config = {"width": 32, "batch": 3, "seq": 16}
    usual, capturable = (
        fc.cost(gpt, training=fc.Training(torch.optim.AdamW, options=options), device="rtx-4090")
        for options in ({}, {"capturable": True})
    )
    parameters = len(list(gpt(32).parameters()))
    states = [cost.peak_memory.by("kind", **config)["optimizer state"] for cost in (usual, capturable)]
    assert states[1] - states[0] == 4 * parameters
