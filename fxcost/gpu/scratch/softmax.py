"""The scratch of softmax: native/cuda/SoftMax.cu and native/transformers/attention.cpp of PyTorch's ATen."""

from __future__ import annotations

from collections.abc import Iterator

from fxcost.gpu.scratch.kernel import Kernel, Scratch, Tensor

OPERATORS = ("_softmax_backward_data", "_safe_softmax")


def scratch(kernel: Kernel) -> Iterator[Scratch]:
    """Yield what softmax's gradient takes, or softmax where whole rows may be masked: from the source code.

    Seen with 268 calls of attention on an H100 with torch 2.11.0.

    Args:
        kernel: A call of one of `OPERATORS`.

    >>> from fxcost.gpu import Card
    >>> import torch
    >>> rows = Tensor((4, 1024), torch.float32)
    >>> call = Kernel("_softmax_backward_data", {"grad_output": rows}, (rows,), Card.of("h100-sxm"))
    >>> [each.nbytes for each in scratch(call)]
    [16384]
    """
    if kernel.operator == "_softmax_backward_data":
        gradient: Tensor = kernel.arguments["grad_output"]
        yield Scratch(gradient.nbytes)  # `softmax_backward_cuda_out` multiplies it by the output first
        return
    scores: Tensor = kernel.arguments["self"]
    yield Scratch(scores.count)
    yield Scratch(scores.count // max(scores.shape[kernel.arguments["dim"]], 1))
    yield Scratch(scores.dtype.itemsize)
