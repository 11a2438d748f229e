"""Whole training steps of PyTorch's CUDA code, over a pretend CUDA, against traces on a CPU."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost import devices
from tests.oracles import pretend, real_cuda

pytestmark = pytest.mark.skipif(bool(pretend.missing()), reason=pretend.missing())

HANDLES = 2
"""Of cuBLAS: the thread that runs the forward pass has one, and so has autograd's."""


@fc.model(
    width=fc.Int(64, 1024, step=64),
    batch=fc.Int(2, 512),
    example=lambda batch: torch.zeros(batch, 100),
)
def perceptron(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(100, width), nn.GELU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3)
    )


def workspaces(generation: str) -> int:
    """Return the bytes that cuBLAS keeps in such a step."""
    row = devices.overhead("cuBLAS workspace", torch=torch.__version__, generation=generation)
    return HANDLES * row.nbytes


@pytest.mark.parametrize(
    ("capability", "generation"), [(89, "Ada"), (90, "Hopper"), (120, "Blackwell")], ids=str
)
def test_a_step_on_a_gpu_holds_the_traced_tensors_and_cublass_workspaces(
    capability: int, generation: str
) -> None:
    config = {"width": 256, "batch": 64}
    options = {"lr": 0.1, "momentum": 0.9}
    real = real_cuda.training_step(
        "tests.allocator.test_real_steps:perceptron",
        config,
        optimizer="SGD",
        options=options,
        capability=capability,
    )
    training = fc.Training(lambda parameters: torch.optim.SGD(parameters, **options))
    peak = fc.cost(perceptron, training=training, cache=False).peak_memory(**config)
    assert real["peak_requested"] == peak + workspaces(generation)
