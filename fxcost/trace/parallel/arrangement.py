"""What a training step does beyond that of one GPU: nothing, here; each way of dividing it does more."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class Arrangement:
    """A model that is trained on one GPU.

    Attributes:
        synchronises: Whether backward passes are those after which gradients are added up among GPUs; if not,
            they run as under `no_sync`.

    Args:
        model: The model.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.synchronises = True

    def updated(self) -> Iterable[nn.Parameter]:
        """Return the parameters that this GPU's optimizer updates."""
        return self.model.parameters()

    def first_gradient(self, parameter: nn.Parameter) -> torch.Tensor:
        """Return what a parameter's gradient is in."""
        return torch.empty_like(parameter)

    def kept(self) -> list[torch.Tensor]:
        """Return the tensors that live from step to step for communication."""
        return []

    def reduced(self) -> None:
        """End a backward pass: gradients are those of all GPUs."""

    def zero_grad(self, optimizer: torch.optim.Optimizer, *, set_to_none: bool) -> None:
        """Be done with the gradients."""
        optimizer.zero_grad(set_to_none=set_to_none)
