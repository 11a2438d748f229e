"""A model on a GPU, as traced on a CPU, against training steps of PyTorch's CUDA code over a pretend CUDA."""

from __future__ import annotations

import pytest
import torch

import fxcost as fc
from examples.gpt import gpt
from tests.gpu import laid_out
from tests.oracles import pretend, real_cuda

pytestmark = pytest.mark.skipif(bool(pretend.missing()), reason=pretend.missing())

CONFIG = {"width": 256, "heads": 4, "depth": 3, "batch": 3, "seq": 256}
RATE = {"lr": 0.1}


def test_a_gpt_in_bf16_asks_for_what_it_does_on_a_gpu_and_reserves_as_much() -> None:
    real = real_cuda.training_step(
        "examples.gpt:gpt", CONFIG, optimizer="SGD", options=RATE, autocast="bfloat16", capability=89
    )
    recipe = fc.Training(torch.optim.SGD, options=RATE, precision="bf16-mixed")
    memory = fc.cost(gpt, training=recipe, device="rtx-4090", cache=False).gpu_memory(**CONFIG)
    assert memory.requests.asked == real["peak_requested"]
    assert memory.reserved == real["peak_reserved"]


@pytest.mark.parametrize("config", [CONFIG, CONFIG | {"width": 512, "batch": 5, "depth": 2}])
def test_in_fp32_what_cublas_copies_of_a_sum_s_gradient_is_counted(config: dict) -> None:
    """What is reserved for the second one differs by 10 MiB, for a reason that is not known."""
    real = real_cuda.training_step("examples.gpt:gpt", config, optimizer="SGD", options=RATE, capability=89)
    recipe = fc.Training(torch.optim.SGD, options=RATE)
    memory = fc.cost(gpt, training=recipe, device="rtx-4090", cache=False).gpu_memory(**config)
    assert memory.requests.asked == real["peak_requested"]
    assert memory.reserved == pytest.approx(real["peak_reserved"], rel=0.015)


@pytest.mark.parametrize("precision", ["fp32", "bf16-mixed"])
@pytest.mark.parametrize("name", ["residual", "reused", "mixer", "patches", "groups"])
def test_what_a_gpu_copies_and_adds_in_place_is_asked_for_as_it_does(name: str, precision: str) -> None:
    config = {"width": 256, "batch": 32}
    real = real_cuda.training_step(
        f"tests.gpu.laid_out:{name}",
        config,
        optimizer="SGD",
        options=RATE,
        autocast=None if precision == "fp32" else "bfloat16",
    )
    recipe = fc.Training(torch.optim.SGD, options=RATE, precision=precision)
    memory = fc.cost(getattr(laid_out, name), training=recipe, device="rtx-4090", cache=False).gpu_memory(
        **config
    )
    assert memory.requests.asked == real["peak_requested"]
    assert memory.reserved == real["peak_reserved"]
