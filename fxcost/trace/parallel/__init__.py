"""Training on several GPUs: what `torch.distributed`'s wrappers do to a step's memory, done symbolically."""

from __future__ import annotations

from torch import nn

from fxcost.trace.parallel.arrangement import Arrangement
from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.parallel.redundancy import Redundancy
from fxcost.trace.parallel.replicated import Replicated

__all__ = ["Arrangement", "Parallel", "arranged"]


def arranged(model: nn.Module, parallel: Parallel | None) -> Arrangement:
    """Return a model as it is trained on one of several GPUs.

    Args:
        model: The model.
        parallel: The recipe, None for one GPU without any wrapper.
    """
    if parallel is None:
        return Arrangement(model)
    return Redundancy(model, parallel) if parallel.zero == 1 else Replicated(model, parallel)
