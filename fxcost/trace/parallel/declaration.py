"""How a training step is divided among GPUs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.space import AnyDomain
from fxcost.trace.declared import OPEN, check_count, domains_of, leaves_open

STAGES = (0, 1)


@dataclass(frozen=True)
class Parallel:
    """A training step on several GPUs; costs are those of the GPU that needs most memory.

    `fc.Int` and `fc.Choice` may stand for a value: then it is a hyperparameter, named as the field is.

    Args:
        dp: On how many GPUs the batch is divided. Each of them has a batch as large as the example.
        zero: What data parallel GPUs do not all keep: 0, nothing (`DistributedDataParallel`); 1, the
            optimizer's states (the same with `ZeroRedundancyOptimizer`).
        gradient_as_bucket_view: As in `DistributedDataParallel`.
        broadcast_buffers: As in `DistributedDataParallel`.

    Example:
        >>> import fxcost as fc
        >>> Parallel(dp=fc.Choice(1, 2, 4, 8)).zero
        0
        >>> Parallel(dp=0)
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: Parallel(dp=0): there is at least one
    """

    dp: int | AnyDomain = field(default=1, metadata={OPEN: True})
    zero: int | AnyDomain = 0
    gradient_as_bucket_view: bool = False
    broadcast_buffers: bool = True

    def __post_init__(self) -> None:
        if leaves_open(self):
            return
        check_count(self.dp, "Parallel(dp=")
        zero: Any = self.zero
        if zero not in STAGES:
            known = ", ".join(map(str, STAGES))
            raise DeclarationError(f"Parallel(zero={zero!r}): write one of {known}")

    @property
    def factors(self) -> tuple[int | str, ...]:
        """The numbers whose product is how many GPUs there are; a hyperparameter is given by its name."""
        domains = domains_of(self)
        return tuple(name if name in domains else getattr(self, name) for name in ("dp",))
