"""Measures what is on a GPU besides tensors: what `fxcost/devices/overheads.toml` can only forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from fxcost.measure.driver import Driver
from fxcost.measure.readings import Readings

SIDE = 1024
"""Of the matrices that are multiplied: cuBLAS wants its workspace whatever their size."""

CONVOLUTIONS = {
    "7x7 from 3 to 64 of 224x224": (3, 64, 224, 7),
    "3x3 from 64 to 64 of 56x56": (64, 64, 56, 3),
    "3x3 from 128 to 128 of 28x28": (128, 128, 28, 3),
    "3x3 from 256 to 256 of 14x14": (256, 256, 14, 3),
    "1x1 from 256 to 64 of 56x56": (256, 64, 56, 1),
}
"""By what they are called: channels in and out, height and width, kernel; those of a ResNet."""

BATCH = 16


def calibrate(index: int = 0) -> Readings:
    """Return what is on a GPU besides tensors, measured in this process, which must not have used it before.

    Args:
        index: The GPU's number, as torch counts.

    Raises:
        MeasurementError: There is no GPU, no driver that can be asked, or the GPU was used before.
    """
    with Driver(index) as driver, torch.cuda.device(index):
        torch.empty(1, device="cuda")
        first = driver.of_this_process()[0] - torch.cuda.memory_reserved()
        multiplied, multiplied_lt = _multiplied()
        convolutions = dict(_convolutions())
        _train()
        used, how = driver.of_this_process()
        after = used - torch.cuda.memory_reserved()
        return Readings(
            name=str(driver.properties.name),
            torch=torch.__version__,
            driver=driver.version,
            total=driver.total,
            visible=torch.cuda.mem_get_info()[1],
            context=(first, after),
            how=how,
            multiplied=multiplied,
            multiplied_lt=multiplied_lt,
            convolutions=convolutions,
        )


def _multiplied() -> tuple[int, tuple[int, int]]:
    """Return what cuBLAS keeps; and what cuBLASLt keeps, and takes at most."""
    plain = [torch.ones(SIDE, SIDE, device="cuda") for _ in range(3)]
    half = [each.half() for each in plain]
    bias = half[0][0].clone()
    kept, _ = _taken(lambda: torch.mm(plain[0], plain[1], out=plain[2]))
    return kept, _taken(lambda: torch.addmm(bias, half[0], half[1], out=half[2]))


def _convolutions() -> Iterator[tuple[str, float]]:
    """Yield for each convolution, in two types, cuDNN's workspace in parts of its input and output."""
    for dtype in (torch.float32, torch.float16):
        for name, (into, out, side, kernel) in CONVOLUTIONS.items():
            image = torch.ones(BATCH, into, side, side, device="cuda", dtype=dtype)
            weight = torch.ones(out, into, kernel, kernel, device="cuda", dtype=dtype)
            result, forward = _with_result(partial(_forward, image, weight))
            _, backward = _with_result(partial(_backward, result[0], image, weight))
            tensors = image.nbytes + result[0].nbytes
            yield f"{name} in {str(dtype).removeprefix('torch.')}", max(forward, backward) / tensors


def _forward(image: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (nn.functional.conv2d(image, weight, padding=weight.shape[-1] // 2),)


def _backward(result: torch.Tensor, image: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    pad = [weight.shape[-1] // 2] * 2
    mask = [True, True, False]
    made = torch.ops.aten.convolution_backward(
        result, image, weight, None, [1, 1], pad, [1, 1], False, [0, 0], 1, mask
    )
    return tuple(each for each in made if each is not None)


def _with_result(run: Callable[[], tuple[torch.Tensor, ...]]) -> tuple[tuple[torch.Tensor, ...], int]:
    """Return what a function returns, and what it takes at most beyond that."""
    made: list[torch.Tensor] = []
    _, peak = _taken(lambda: made.extend(run()))
    return tuple(made), max(peak - sum(each.nbytes for each in made), 0)


def _taken(run: Callable[[], object]) -> tuple[int, int]:
    """Return how many bytes more the allocator was asked for after something, and at most during it."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_stats()["requested_bytes.all.current"]
    run()
    torch.cuda.synchronize()
    stats = torch.cuda.memory_stats()
    return stats["requested_bytes.all.current"] - before, stats["requested_bytes.all.peak"] - before


def _train() -> None:
    """Run what most training steps run, so that its kernels are loaded."""
    layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.Flatten(), nn.Dropout(), nn.LazyLinear(64))
    model = nn.Sequential(*layers, nn.LayerNorm(64), nn.Linear(64, 64)).cuda()
    image, wanted = torch.rand(8, 3, 16, 16, device="cuda"), torch.zeros(8, dtype=torch.long, device="cuda")
    for enabled in (False, True):
        with torch.autocast("cuda", torch.float16, enabled=enabled):
            rows = model(image)
            heads = rows.view(8, 1, 4, 16)
            attended = nn.functional.scaled_dot_product_attention(heads, heads, heads).reshape(8, 64)
            loss = nn.functional.cross_entropy(attended, wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer = torch.optim.AdamW(model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    torch.cuda.synchronize()
