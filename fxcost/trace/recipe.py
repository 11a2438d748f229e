"""How a model is used: one inference, or one training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from fxcost.errors import DeclarationError, FactoryError

LossFunction = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class Training:
    """One step of training: forward, loss, backward, optimizer step, gradients set to None.

    Args:
        optimizer: A `torch.optim` class, or a callable from parameters to an optimizer. Where it leaves
            `foreach` open, foreach is used, as CUDA does.
        options: Keyword arguments for the optimizer, such as `{"lr": 0.1, "momentum": 0.9}`.

    Example:
        >>> Training(torch.optim.SGD, options={"momentum": 0.9}).optimizer.__name__
        'SGD'
    """

    optimizer: Callable[..., torch.optim.Optimizer]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.optimizer):
            raise DeclarationError(
                f"Training(optimizer={self.optimizer!r}): an optimizer class or a callable is needed; "
                "write Training(optimizer=torch.optim.AdamW)"
            )

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of some parameters."""
        optimizer = self.optimizer(parameters, **self.options)
        if isinstance(optimizer, torch.optim.LBFGS):
            raise FactoryError("torch.optim.LBFGS evaluates the model several times a step, as data decides")
        for group in optimizer.param_groups:
            if "foreach" in group and group["foreach"] is None and not group.get("fused"):
                group["foreach"] = True
        return optimizer


def sum_of_output(output: Any) -> torch.Tensor:
    """Return the default loss: the sum of the model's (or its `.logits`) float output.

    Example:
        >>> sum_of_output(torch.ones(2, 3))
        tensor(6.)
    """
    output = getattr(output, "logits", output)
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        return output.sum()
    raise FactoryError(
        f"the model returns {type(output).__name__}, not a float tensor nor an object with `.logits`: "
        "say what the loss is with @fc.model(..., loss=lambda output: ...), or, of a graph, "
        "with fc.cost(..., loss=...)"
    )
