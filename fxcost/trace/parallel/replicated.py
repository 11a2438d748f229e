"""`DistributedDataParallel`, as far as memory goes: buckets of gradients, and buffers that are broadcast.

Every trainable parameter has its place in a bucket for the whole run. All buckets together hold as many
bytes however gradients are divided among them, so each parameter's part of its bucket is a storage here: what
is alive does not depend on `bucket_cap_mb` and the first bucket's 1 MiB.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import nn

from fxcost.errors import FactoryError
from fxcost.trace.parallel.arrangement import Arrangement
from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.recorder import Recorder

BROADCAST_BYTES = 250 * 2**20
"""`broadcast_bucket_size` of torch/nn/parallel/distributed.py."""

IN_FLIGHT = 2
"""`max_in_flight` of `broadcast_coalesced` in torch/csrc/distributed/c10d/comm.cpp."""


class Replicated(Arrangement):
    """A model in `DistributedDataParallel`.

    Args:
        model: The model.
        parallel: The recipe.
        recorder: What records the step.

    Raises:
        FactoryError: `DistributedDataParallel` refuses the model.
    """

    def __init__(self, model: nn.Module, parallel: Parallel, recorder: Recorder) -> None:
        super().__init__(model)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not trained:
            raise FactoryError("DistributedDataParallel needs a parameter that requires a gradient")
        self.as_view = parallel.gradient_as_bucket_view
        self.parts = {id(parameter): torch.empty_like(parameter.detach()) for parameter in trained}
        self.trained = trained
        for parameter in trained:
            recorder.communicates(self.parts[id(parameter)])
            parameter.register_post_accumulate_grad_hook(self._ready)  # type: ignore[no-untyped-call]
        if parallel.broadcast_buffers:
            model.register_forward_pre_hook(self._broadcast)

    def first_gradient(self, parameter: nn.Parameter) -> torch.Tensor:
        """Return what a parameter's gradient is in: its part of a bucket, where it is a view of that."""
        return self.parts[id(parameter)] if self.as_view else torch.empty_like(parameter)

    def kept(self) -> list[torch.Tensor]:
        """Return the buckets' parts."""
        return list(self.parts.values())

    def _ready(self, parameter: nn.Parameter) -> None:
        """Copy a gradient into its bucket: `mark_variable_ready_dense` of c10d/reducer.cpp."""
        part, gradient = self.parts[id(parameter)], parameter.grad
        if gradient is None or gradient is part or not self.synchronises:
            return
        torch.mul(gradient, 1.0, out=part)  # by one over the number of GPUs
        if self.as_view:
            parameter.grad = part

    def reduced(self) -> None:
        """Copy buckets back: `finalize_bucket_dense` of c10d/reducer.cpp."""
        for parameter in self.trained:
            if parameter.grad is None:
                raise FactoryError(
                    "DistributedDataParallel: a parameter that requires a gradient gets none; "
                    "call requires_grad_(False) on it"
                )
            if not self.as_view:
                parameter.grad.copy_(self.parts[id(parameter)])

    def _broadcast(self, model: nn.Module, _args: object) -> None:
        """Give all GPUs the same buffers: `broadcast_coalesced` of c10d/comm.cpp."""
        by_type: dict[torch.dtype, list[torch.Tensor]] = {}
        for buffer in model.buffers():
            by_type.setdefault(buffer.dtype, []).append(buffer.detach())
        flying: deque[torch.Tensor] = deque(maxlen=IN_FLIGHT)
        for buffers in by_type.values():
            if sum(buffer.nbytes for buffer in buffers) > BROADCAST_BYTES:
                raise ValueError(
                    "DistributedDataParallel broadcasts more than 250 MiB of buffers in several buckets, "
                    "which is not modelled; write broadcast_buffers=False"
                )
            flat = [buffer.reshape(-1) for buffer in buffers]
            flying.append(flat[0] if len(flat) == 1 else torch.cat(flat))
            for buffer in buffers:
                buffer.copy_(buffer)
