"""The scratch of group normalisation: native/cuda/group_norm_kernel.cu of PyTorch's ATen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from fxcost.gpu.scratch.kernel import Kernel, Scratch

OPERATORS = ("native_group_norm", "native_group_norm_backward")


def scratch(kernel: Kernel) -> Iterator[Scratch]:
    """Yield what each sample takes for channels and for groups: from the source code, in its order.

    Args:
        kernel: A call of one of `OPERATORS`.

    >>> from fxcost.gpu import Card
    >>> from fxcost.gpu.scratch.kernel import Tensor
    >>> image, weight = Tensor((32, 256, 8, 8), torch.float16), Tensor((256,), torch.float16)
    >>> sizes = {"N": 32, "C": 256, "HxW": 64, "group": 4}
    >>> arguments = {"input": image, "weight": weight, "bias": weight, **sizes}
    >>> call = Kernel("native_group_norm", arguments, (image,), Card.of("h100-sxm"))
    >>> [each.nbytes for each in scratch(call)]
    [32768, 32768]
    """
    arguments: Any = kernel.arguments
    number = 8 if arguments["input"].dtype == torch.float64 else 4
    channels, groups = (arguments["N"] * arguments[each] * number for each in ("C", "group"))
    single = arguments["HxW"] == 1
    if kernel.operator == "native_group_norm":
        if not single and not arguments["weight"] is arguments["bias"] is None:
            yield from 2 * (Scratch(channels),)
        return
    yield from 2 * (Scratch(channels),)
    if not single and arguments["output_mask"][0]:
        yield from 2 * (Scratch(groups),)
        if arguments["weight"] is not None:
            yield Scratch(channels)
