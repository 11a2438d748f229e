"""An embedding of which each GPU has some rows: `RowwiseParallel` of `nn.Embedding`.

What it allocates is what DTensor does: tokens of other GPUs' rows are masked in a copy of the ids, and their
results are made zero (`_MaskPartial` of torch/distributed/tensor/_ops/_embedding_ops.py); the gradient of the
weight is that of all rows, of which the optimizer uses this GPU's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fxcost.errors import FactoryError
from fxcost.trace.parallel.layouts import SUMMED, moved
from fxcost.trace.parallel.numbers import MOVES, whole_shape


def divide_rows(module: nn.Embedding, gpus: Any, style: Any) -> None:
    """Let a module, which has this GPU's rows already, look up tokens as `style` says.

    Args:
        module: The embedding.
        gpus: How many there are.
        style: The `RowwiseParallel`.

    Raises:
        FactoryError: What the module or the style asks for is not modelled.
    """
    (declared,), (wanted,) = style.input_layouts, style.output_layouts
    if not declared.is_replicate() or module.max_norm is not None or module.sparse:
        raise FactoryError(
            "tensor parallelism: RowwiseParallel of an Embedding is modelled with input_layouts=Replicate(), "
            "without max_norm and sparse gradients"
        )

    module.weight.__dict__[MOVES] = True
    rows = whole_shape(module.weight)[0]

    def forward(ids: torch.Tensor) -> torch.Tensor:
        padding = -1 if module.padding_idx is None else module.padding_idx
        found = _Rows.apply(ids, module.weight, rows, padding)
        return moved(found, gpus, SUMMED, wanted, wanted)

    object.__setattr__(module, "forward", forward)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: torch.Tensor, weight: torch.Tensor, whole: Any, padding: int) -> torch.Tensor:
        rows = weight.shape[0]
        ctx.save_for_backward(ids)
        ctx.rows, ctx.whole, ctx.padding = rows, whole, padding
        elsewhere = (ids < 0) | (ids >= rows)
        here = (ids.clone() - 0).masked_fill_(elsewhere, 0)
        found: torch.Tensor = torch.ops.aten.embedding.default(weight, here, padding)
        del here
        return found.masked_fill_(elsewhere.unsqueeze(-1), 0.0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (ids,) = ctx.saved_tensors
        whole = torch.ops.aten.embedding_dense_backward.default(gradient, ids, ctx.whole, ctx.padding, False)
        return None, whole.narrow(0, 0, ctx.rows), None, None
