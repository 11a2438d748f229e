"""`ZeroRedundancyOptimizer`: each GPU's optimizer updates some of the parameters."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.parallel.numbers import fixed
from fxcost.trace.parallel.replicated import Replicated
from fxcost.trace.recorder import Recorder


class Redundancy(Replicated):
    """A model in `DistributedDataParallel` whose optimizer is a `ZeroRedundancyOptimizer`.

    Args:
        model: The model.
        parallel: The recipe.
        recorder: What records the step.
    """

    def __init__(self, model: nn.Module, parallel: Parallel, recorder: Recorder) -> None:
        super().__init__(model, parallel, recorder)
        self.world_size = fixed(parallel.dp)

    def updated(self) -> Iterable[nn.Parameter]:
        """Return the parameters of the GPU that has most elements, of those the most parameters.

        They are divided as `_partition_parameters` of torch/distributed/optim/zero_redundancy_optimizer.py
        does: the largest first, each to the GPU that has fewest.
        """
        ordered = sorted(self.model.parameters(), key=lambda parameter: parameter.numel(), reverse=True)
        shares: list[list[nn.Parameter]] = [[] for _ in range(self.world_size)]
        totals = [0] * self.world_size
        for parameter in ordered:
            least = min(range(self.world_size), key=totals.__getitem__)
            shares[least].append(parameter)
            totals[least] += parameter.numel()
        worst = max(range(self.world_size), key=lambda rank: (totals[rank], len(shares[rank])))
        return shares[worst]

    def zero_grad(self, optimizer: torch.optim.Optimizer, *, set_to_none: bool) -> None:
        """Be done with the gradients of all parameters, also of those that other GPUs update."""
        super().zero_grad(optimizer, set_to_none=set_to_none)
        for parameter in self.model.parameters():
            if parameter.grad is not None and set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.zero_()
