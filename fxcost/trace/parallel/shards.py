"""A weight of which each GPU has a part: its rows, their number rounded up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from fxcost.errors import FactoryError
from fxcost.trace.parallel.numbers import MOVES, WHOLE, whole_shape
from fxcost.trace.recorder import Recorder


@dataclass
class Shard:
    """A sharded weight.

    Attributes:
        parameter: This GPU's part, which the optimizer updates.
        part: The same, flat.
        whole: The gathered weight; it has memory only where the module uses it.
        flat: The same, flat, with rows that only fill up.
        moves: Whether its gradient is in another layout than the weight itself.
        owners: The modules that have the weight, each with its name there.
    """

    parameter: nn.Parameter
    part: torch.Tensor
    whole: nn.Parameter
    flat: torch.Tensor
    moves: bool = False
    owners: list[tuple[nn.Module, str]] = field(default_factory=list)

    @classmethod
    def of(cls, weight: nn.Parameter, world_size: Any, gathered: torch.dtype | None) -> Shard:
        """Return a weight's shard: `_init_sharded_param` and `init_unsharded_param` of _fsdp_param.py.

        Args:
            weight: The weight.
            world_size: Over how many GPUs it is sharded.
            gathered: The type of the gathered weight, None for its own.

        Raises:
            FactoryError: `fully_shard` refuses the weight.
        """
        if weight.ndim == 0:
            raise FactoryError(
                "fully_shard: a parameter without dimensions cannot be sharded; give it one of size 1"
            )
        if not weight.is_contiguous():
            raise FactoryError("fully_shard: a parameter that is not contiguous cannot be sharded")
        rows = (weight.shape[0] + world_size - 1) // world_size
        with torch.no_grad():
            part = weight.new_zeros(rows, *weight.shape[1:])
            dtype = gathered if weight.is_floating_point() else None
            flat = torch.empty(part.numel() * world_size, dtype=dtype or weight.dtype)
            whole = nn.Parameter(
                torch.as_strided(flat, weight.shape, weight.stride()), requires_grad=weight.requires_grad
            )
        parameter = nn.Parameter(part, requires_grad=weight.requires_grad)
        parameter.__dict__[WHOLE] = whole_shape(weight)
        return cls(parameter, part.view(-1), whole, flat, MOVES in weight.__dict__)

    @property
    def casts(self) -> bool:
        """Whether the gathered weight has another type."""
        return self.flat.dtype != self.part.dtype

    def use(self, parameter: nn.Parameter) -> None:
        """Let the modules have the part, or the whole."""
        for module, name in self.owners:
            module._parameters[name] = parameter

    def allocate(self, recorder: Recorder) -> None:
        """Give the gathered weight memory: `alloc_storage`."""
        recorder.allocate(self.flat, "all_gather")

    def free(self, recorder: Recorder) -> None:
        """Take the gathered weight's memory: `free_storage`."""
        recorder.free(self.flat)
