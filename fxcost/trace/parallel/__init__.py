"""Training on several GPUs: what `torch.distributed`'s wrappers do to a step's memory, done symbolically."""

from __future__ import annotations

from torch import nn

from fxcost.trace.parallel.arrangement import Arrangement
from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.parallel.redundancy import Redundancy
from fxcost.trace.parallel.replicated import Replicated
from fxcost.trace.parallel.sharded import Sharded
from fxcost.trace.recorder import Recorder

__all__ = ["Arrangement", "Parallel", "arranged"]


def arranged(model: nn.Module, parallel: Parallel | None, recorder: Recorder) -> Arrangement:
    """Return a model as it is trained on one of several GPUs.

    Args:
        model: The model.
        parallel: The recipe, None for one GPU without any wrapper.
        recorder: What records the step.
    """
    if parallel is None:
        return Arrangement(model)
    if parallel.zero in (2, 3):
        return Sharded(model, parallel, recorder)
    kind = Redundancy if parallel.zero == 1 else Replicated
    return kind(model, parallel, recorder)
