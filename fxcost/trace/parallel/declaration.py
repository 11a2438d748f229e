"""How a training step is divided among GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from fxcost.errors import DeclarationError
from fxcost.space import AnyDomain
from fxcost.trace.checkpointing import Checkpointing, Policy
from fxcost.trace.declared import OPEN, check_count, domains_of, leaves_open

SHARDED = (2, 3)
OF_FULLY_SHARD = ("units", "param_dtype", "reduce_dtype", "prefetch")
STAGES = (0, 1, 2, 3)
SCHEDULES = ("1f1b", "gpipe")
OF_SCHEDULES = ("pp", "microbatches", "schedule")


@dataclass(frozen=True)
class Parallel:
    """A training step on several GPUs, a step after the wrappers have settled, such as the third.

    Costs are those of one GPU, of the one that needs most memory where they differ; only `parameters`,
    `trainable_parameters`, `buffers` and `weight_bytes` are those of the whole model. Bytes that GPUs send to
    each other are no traffic here. Of a pipeline, operations and traffic are those of all its stages
    together, and `activations` those that the first stage keeps when its first backward pass begins.

    `fc.Int` and `fc.Choice` may stand for a value: then it is a hyperparameter, named as the field is.

    Args:
        dp: On how many GPUs the batch is divided. Each of them has a batch as large as the example. Where it
            is given as 1, no wrapper is there; one of several values may be 1, too, and wrappers are there.
        zero: What data parallel GPUs do not all keep: 0, nothing (`DistributedDataParallel`); 1, the
            optimizer's states (the same with `ZeroRedundancyOptimizer`); 2, gradients, too, and weights
            outside of the forward and backward passes (`fully_shard` with `reshard_after_forward=False`); 3,
            weights but those of the unit in use (`fully_shard`).
        units: The modules that `fully_shard` is called on before the model itself, as
            `Checkpointing(modules=...)` has them; None for no module but the model.
        param_dtype: As in `MixedPrecisionPolicy`, for `fully_shard`; its `cast_forward_inputs` is True.
        reduce_dtype: As in `MixedPrecisionPolicy`.
        prefetch: How many of the next units each one gathers with its own weights, as
            `set_modules_to_forward_prefetch` has it, and in the backward pass
            `set_modules_to_backward_prefetch`: units in the order of `model.modules()`, the model itself left
            out. None leaves it to `fully_shard`, which gathers one ahead in the backward pass.
        tp: Among how many GPUs layers are divided; there are `dp` times as many.
        plan: How layers are divided, as in `parallelize_module`: by pattern of module names, the style. Sizes
            that are divided are to be multiples of `tp`.
        pp: Among how many GPUs blocks are divided, one after the other: the stages of a pipeline, run by the
            schedules of `torch.distributed.pipelining`; there are `dp` times as many GPUs. Each stage has as
            many blocks, and they are to be a multiple; the first one has what is run before them, too, the
            last one what is run after them. Each block hands on one tensor.
        blocks: The modules that are divided, as `Checkpointing(modules=...)` has them.
        microbatches: In how many parts the batch runs through the pipeline. All its tensors are divided along
            their first dimension, which is to be a multiple; None is no pipeline.
        schedule: `"1f1b"`, which needs as many microbatches as stages, or `"gpipe"`.
        gradient_as_bucket_view: As in `DistributedDataParallel`.
        broadcast_buffers: As in `DistributedDataParallel`.

    Example:
        >>> import fxcost as fc
        >>> Parallel(dp=fc.Choice(1, 2, 4, 8)).zero
        0
        >>> Parallel(dp=0)
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: Parallel(dp=0): there is at least one

        The stages of a pipeline, each with its share of six layers:

        >>> sizes = {"width": fc.Int(8, 64, step=8), "batch": fc.Int(8, 64, step=8)}
        >>> @fc.model(space=sizes, example=lambda width, batch: torch.zeros(batch, width))
        ... def net(width):
        ...     return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(6)))
        >>> pipeline = Parallel(pp=fc.Choice(1, 2, 3), blocks="*", microbatches=4)
        >>> cost = fc.cost(net, training=fc.Training(torch.optim.SGD, parallel=pipeline))
        >>> [cost.peak_memory(width=64, batch=8, pp=pp) for pp in (1, 2, 3)]
        [221972, 124160, 90880]
    """

    dp: int | AnyDomain = field(default=1, metadata={OPEN: True})
    zero: int | AnyDomain = 0
    units: Policy | AnyDomain | None = None
    param_dtype: torch.dtype | None = None
    reduce_dtype: torch.dtype | None = None
    prefetch: int | AnyDomain | None = None
    tp: int | AnyDomain = field(default=1, metadata={OPEN: True})
    plan: Mapping[str, Any] | None = None
    pp: int | AnyDomain = 1
    blocks: Policy | None = None
    microbatches: int | AnyDomain | None = None
    schedule: str | AnyDomain = SCHEDULES[0]
    gradient_as_bucket_view: bool = False
    broadcast_buffers: bool = True

    def __post_init__(self) -> None:
        if leaves_open(self):
            return
        check_count(self.dp, "Parallel(dp=")
        check_count(self.tp, "Parallel(tp=")
        if self.plan is None and not (isinstance(self.tp, int) and self.tp == 1):
            raise DeclarationError(
                "Parallel(tp=...): how layers are divided is the plan's to say; write plan=, too"
            )
        zero: Any = self.zero
        if zero not in STAGES:
            known = ", ".join(map(str, STAGES))
            raise DeclarationError(f"Parallel(zero={zero!r}): write one of {known}")
        units: Any = self.units
        if units is not None:
            Checkpointing(units)
        if self.prefetch is not None:
            check_count(self.prefetch, "Parallel(prefetch=")
        self._check_pipeline()
        for name in OF_FULLY_SHARD:
            if zero not in SHARDED and getattr(self, name) is not None:
                raise DeclarationError(
                    f"Parallel({name}=...) is about fully_shard: write zero=2 or zero=3, too"
                )

    def _check_pipeline(self) -> None:
        check_count(self.pp, "Parallel(pp=")
        if self.schedule not in SCHEDULES:
            known = ", ".join(f'"{each}"' for each in SCHEDULES)
            raise DeclarationError(f"Parallel(schedule={self.schedule!r}): write one of {known}")
        if self.microbatches is None and self.blocks is None and self.pp == 1:
            return
        if self.microbatches is None or self.blocks is None:
            raise DeclarationError(
                "Parallel(pp=...): a pipeline divides blocks and the batch; write blocks= and microbatches="
            )
        check_count(self.microbatches, "Parallel(microbatches=")
        Checkpointing(self.blocks)
        if self.zero in SHARDED or self.plan is not None:
            raise DeclarationError(
                "Parallel: a pipeline is modelled with zero=0 or zero=1, and without tp; leave the others out"
            )

    @property
    def pipelined(self) -> bool:
        """Whether a schedule runs stages of the model."""
        return self.microbatches is not None

    def inapplicable(self, chosen: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the fields that say nothing where a recipe's values are chosen so."""
        return OF_FULLY_SHARD if chosen.get("zero", SHARDED[0]) not in SHARDED else ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """What must hold of hyperparameters, in the words of `Space.where`."""
        domains = domains_of(self)
        if not self.pipelined or self.schedule == "gpipe" or domains.keys().isdisjoint(OF_SCHEDULES):
            return ()
        pp, parts = (name if name in domains else getattr(self, name) for name in OF_SCHEDULES[:2])
        enough = f"{parts} >= {pp}"
        return (f"schedule != '1f1b' or {enough}" if "schedule" in domains else enough,)

    @property
    def factors(self) -> tuple[int | str, ...]:
        """The numbers whose product is how many GPUs there are; a hyperparameter is given by its name."""
        domains = domains_of(self)
        return tuple(name if name in domains else getattr(self, name) for name in ("dp", "tp", "pp"))
