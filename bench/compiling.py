"""What compiling costs: a symbolic training step against one concrete fake-tensor run of the same step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from unittest.mock import patch

import torch
import torchvision
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel

import fxcost as fc
from examples.nas_bench_201 import EDGES, network
from examples.once_for_all import network as sub_network
from fxcost.trace.construction import INITIALISERS, keep


@fc.model(
    width=fc.Int(32, 256, step=4),
    classes=fc.Int(10, 1000),
    batch=fc.Int(2, 256),
    resolution=fc.Int(64, 512, step=32),
    example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
)
def resnet50(width: int, classes: int) -> nn.Module:
    return torchvision.models.ResNet(
        torchvision.models.resnet.Bottleneck, [3, 4, 6, 3], width_per_group=width, num_classes=classes
    )


@fc.model(
    space=fc.Space(
        width=fc.Int(128, 2048, step=64),
        heads=fc.Choice(4, 8, 16),
        vocabulary=fc.Int(1000, 60000, step=1000),
        batch=fc.Int(2, 64),
        seq=fc.Int(64, 1024, step=64),
    ).where("width % heads == 0"),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def gpt2(width: int, heads: int, vocabulary: int) -> nn.Module:
    return GPT2LMHeadModel(
        GPT2Config(n_embd=width, n_head=heads, vocab_size=vocabulary, n_layer=12, use_cache=False)
    )


@fc.model(
    space=fc.Space(
        hidden=fc.Int(192, 1536, step=48),
        heads=fc.Choice(4, 8, 12),
        mlp=fc.Int(768, 6144, step=128),
        batch=fc.Int(2, 256),
    ).where("hidden % heads == 0"),
    example=lambda batch: torch.zeros(batch, 3, 224, 224),
)
def vit_b_16(hidden: int, heads: int, mlp: int) -> nn.Module:
    return torchvision.models.VisionTransformer(
        image_size=224, patch_size=16, num_layers=12, num_heads=heads, hidden_dim=hidden, mlp_dim=mlp
    )


@dataclass(frozen=True)
class Workload:
    """A factory and the published setting of its model."""

    factory: Any
    config: dict[str, Any]


WORKLOADS = {
    "resnet50": Workload(resnet50, {"width": 64, "classes": 1000, "batch": 8, "resolution": 224}),
    "gpt2": Workload(gpt2, {"width": 768, "heads": 12, "vocabulary": 50257, "batch": 4, "seq": 128}),
    "vit": Workload(vit_b_16, {"hidden": 768, "heads": 12, "mlp": 3072, "batch": 8}),
}
CHOICES = {
    "cells": Workload(network, dict.fromkeys(EDGES, "nor_conv_3x3") | {"batch": 8}),
    "sub-networks": Workload(
        sub_network,
        {"width": 1.0, "batch": 8, "resolution": 224}
        | {name: max(sub_network.space[name].values) for name in sub_network.space.names if "_" in name},
    ),
}
"""Spaces whose modules are choices, each with its dearest setting."""

TRAINING = fc.Training(torch.optim.AdamW)


def symbolic(workload: Workload) -> fc.Cost:
    """Compile a training step: every quantity in closed form."""
    cost = fc.cost(workload.factory, training=TRAINING)
    for quantity in cost.quantities.values():
        quantity.expression(cost.first)
    return cost


def concrete(workload: Workload) -> tuple[int, int]:
    """Run one configuration's training step on fake tensors: its FLOP and its peak bytes.

    Initialisers do nothing here too; some of them cannot run on fake tensors at all.
    """
    with without_initialisers(), FakeTensorMode(allow_non_fake_inputs=True):
        model, batch = built(workload)
        optimizer = TRAINING.build(model.parameters())
        tracker = MemTracker()
        tracker.track_external(model, optimizer, batch)
        with tracker, FlopCounterMode(display=False) as counter:
            output = model(batch)
            getattr(output, "logits", output).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        peak = tracker.get_tracker_snapshot("peak")
    return counter.get_total_flops(), sum(sizes["Total"] for sizes in peak.values())


def inferred(workload: Workload) -> tuple[int, int]:
    """Run one configuration's inference on fake tensors: its FLOP and its peak bytes."""
    with without_initialisers(), FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        model, batch = built(workload)
        tracker = MemTracker()
        tracker.track_external(model, batch)
        with tracker, FlopCounterMode(display=False) as counter:
            model.eval()(batch)
        peak = tracker.get_tracker_snapshot("peak")
    return counter.get_total_flops(), sum(sizes["Total"] for sizes in peak.values())


def built(workload: Workload) -> tuple[nn.Module, Any]:
    """Return the model and the batch of a workload's setting."""
    factory, config = workload.factory, workload.config
    model = factory.__wrapped__(**{name: config[name] for name in factory.factory_names})
    return model, factory.example(**{name: config[name] for name in factory.example_names})


def without_initialisers() -> Any:
    """Return a context in which torch.nn.init's functions leave their tensor alone."""
    stack = contextlib.ExitStack()
    for name in INITIALISERS:
        stack.enter_context(patch.object(nn.init, name, keep))
    return stack


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Return the least wall time of some runs."""
    best = float("inf")
    for _ in range(repeats):
        start = perf_counter()
        run()
        best = min(best, perf_counter() - start)
    return best
