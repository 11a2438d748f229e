"""Training on several GPUs: what `torch.distributed`'s wrappers do to a step's memory, done symbolically."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any

from torch import nn

from fxcost.trace.parallel.arrangement import Arrangement
from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.parallel.redundancy import Redundancy
from fxcost.trace.parallel.replicated import Replicated
from fxcost.trace.parallel.sharded import Sharded
from fxcost.trace.recorder import Recorder

__all__ = ["Arrangement", "Parallel", "arranged", "running"]


def running(parallel: Parallel | None) -> AbstractContextManager[Any]:
    """Return what the forward passes of a recipe run in."""
    if parallel is None or parallel.plan is None:
        return contextlib.nullcontext()
    from fxcost.trace.parallel.tensors import NoDTensors

    return NoDTensors()


def arranged(model: nn.Module, parallel: Parallel | None, recorder: Recorder) -> Arrangement:
    """Return a model as it is trained on one of several GPUs.

    Args:
        model: The model.
        parallel: The recipe, None for one GPU without any wrapper.
        recorder: What records the step.
    """
    if parallel is None:
        return Arrangement(model)
    if parallel.plan is not None:
        from fxcost.trace.parallel.tensors import parallelize  # imports torch.distributed.tensor

        parallelize(model, parallel.tp, parallel.plan)
        recorder.name_modules(model)
    if parallel.zero in (2, 3):
        return Sharded(model, parallel, recorder)
    if isinstance(parallel.dp, int) and parallel.dp == 1:
        return Arrangement(model)
    kind = Redundancy if parallel.zero == 1 else Replicated
    return kind(model, parallel, recorder)
