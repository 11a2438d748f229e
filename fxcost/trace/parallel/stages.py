"""The stages of a pipeline: which tensors each of them has, and how it runs its part of the model.

What a stage holds is what `PipelineStage` of torch/distributed/pipelining/stage.py holds: buffers that it
receives activations and gradients in, one of each for every microbatch, which live from step to step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

from fxcost.errors import FactoryError
from fxcost.trace.checkpointing import Checkpointing
from fxcost.trace.parallel.chain import Chain, Part, Survey, Unrecorded
from fxcost.trace.parallel.declaration import Parallel
from fxcost.trace.precision import Precision
from fxcost.trace.preparing import autocast_of, tensors_of
from fxcost.trace.recorder import Like, Recorder


class Stage(nn.Module):
    """One GPU's part of a model.

    Attributes:
        index: Which stage it is.
        count: How many there are.
        inputs: By microbatch, what the stage is called with.
        gradients: By microbatch, what the gradient of its output is received in.
        absent: The storages that other GPUs have.

    Args:
        pipeline: What it is a stage of.
        index: Which stage it is.
        received: The buffers of the activations, none for the first stage.
        gradients: Those of the gradients, none for the last one.
        absent: The storages that other GPUs have.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        index: int,
        received: Sequence[torch.Tensor],
        gradients: Sequence[torch.Tensor],
        absent: set[int],
    ) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.index = index
        self.count = pipeline.count
        self.inputs: list[tuple[Any, Any]] = [((each,), {}) for each in received] or pipeline.microbatches
        self.gradients = gradients
        self.absent = absent

    @property
    def last(self) -> bool:
        """Whether it is the last one."""
        return self.index == self.count - 1

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield its parameters."""
        for name, parameter in self.pipeline.model.named_parameters():
            if self.index in self.pipeline.users(parameter, name):
                yield name, parameter

    def run(self, number: int) -> Any:
        """Return the output of a microbatch."""
        pipeline, (args, kwargs) = self.pipeline, self.inputs[number]
        start = self.index * pipeline.each
        received = args[0] if self.index else None
        unrecorded = Unrecorded(pipeline.recorder.fake_mode)
        if self.index:
            args, kwargs = pipeline.microbatches[number]
        with unrecorded, torch.enable_grad():
            part = Part(start, start + pipeline.each, received, unrecorded, last=self.last)
            return pipeline.chain.run(part, args, kwargs)


class Pipeline:
    """A model that is divided into stages.

    Args:
        model: The model.
        batch: The arguments and keyword arguments that it is called with.
        parallel: The recipe.
        numbers: Its precision.
        recorder: What records the step.

    Raises:
        FactoryError: It cannot be divided so, or not in a way that is modelled.
        ValueError: There are not as many blocks for each stage, not as many rows for each microbatch, or too
            few microbatches for the schedule.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: tuple[Any, Any],
        parallel: Parallel,
        numbers: Precision,
        recorder: Recorder,
    ) -> None:
        self.model = model
        self.recorder = recorder
        self.count: int = parallel.pp  # type: ignore[assignment]
        blocks = _blocks(model, parallel)
        _check_divisible(parallel, len(blocks))
        self.each = len(blocks) // self.count
        self.chain = Chain(model, blocks)
        self._batch = {recorder.storage_of(tensor) for tensor in tensors_of(batch)}
        self.microbatches = _divided(batch, parallel.microbatches)  # type: ignore[arg-type]
        self._survey(numbers)
        self._check_weights()

    def _survey(self, numbers: Precision) -> None:
        """Find out where tensors are used and what is handed on."""
        survey = Survey()
        with Unrecorded(self.recorder.fake_mode, survey.watch), torch.enable_grad(), autocast_of(numbers):
            args, kwargs = self.microbatches[0]
            self.chain.run(survey, args, kwargs)
        ends = range(self.each, len(self.chain.blocks), self.each)
        if survey.busy.intersection(2 * end for end in ends):
            raise FactoryError("a pipeline: between two stages' blocks the model runs operators of its own")
        handed = [survey.handed[end - 1] for end in ends]
        if not all(tensor.requires_grad for tensor in handed):
            raise FactoryError(
                "a pipeline: a stage without trainable parameters before its end is not modelled"
            )
        self._handed = [Like.of(tensor) for tensor in handed]
        self._used = {
            self.recorder.alive[key]: {self._stage_at(place) for place in places}
            for key, places in survey.used.items()
            if key in self.recorder.alive
        }

    def _stage_at(self, place: int) -> int:
        """Return the stage of a place: 2 * k + 1 is in block k, 2 * k before it."""
        before = 0 if place == 0 else (place - 1) // 2
        return min(before // self.each, self.count - 1)

    def users(self, tensor: torch.Tensor, name: str) -> set[int]:
        """Return the stages that have a tensor of the model.

        Raises:
            FactoryError: None of them uses it.
        """
        users = self._used.get(self.recorder.storage_of(tensor))
        if users is None:
            raise FactoryError(f"a pipeline: no operator uses {name}, so that no stage has it")
        return users

    def _check_weights(self) -> None:
        """Refuse what several stages would have to share."""
        for name, parameter in self.model.named_parameters():
            users = self.users(parameter, name)
            if len(users) > 1:
                raise FactoryError(
                    f"a pipeline: {name} is used in stages {', '.join(map(str, sorted(users)))}; that their "
                    "gradients are added up is not modelled"
                )
        for storage in self._batch:
            if self._used.get(storage, {0}) != {0}:
                raise FactoryError("a pipeline: the batch is used by other stages than the first one")

    def stages(self) -> Iterator[Stage]:
        """Yield the stages; each is to be done with before the next."""
        before = set(self.recorder.alive.values())
        for index in range(self.count):
            had = {storage for storage in before if index in self._used.get(storage, ())}
            if index == 0:
                had |= self._batch
            absent = set(self.recorder.alive.values()) - had
            received = self._buffers(self._handed[index - 1]) if index else []
            gradients = self._buffers(self._handed[index]) if index < self.count - 1 else []
            for buffer in received:
                buffer.requires_grad_()
            yield Stage(self, index, received, gradients, absent)

    def _buffers(self, like: Like) -> list[torch.Tensor]:
        """Return one buffer for each microbatch: `_make_tensor_from_meta` of pipelining/_utils.py."""
        number = len(self.microbatches)
        made = [torch.empty_strided(like.shape, like.strides, dtype=like.dtype) for _ in range(number)]
        for buffer in made:
            self.recorder.communicates(buffer)
        return made


def _blocks(model: nn.Module, parallel: Parallel) -> list[nn.Module]:
    blocks: Any = parallel.blocks
    try:
        found = Checkpointing(blocks).chosen(model)
    except FactoryError:
        raise FactoryError(
            f"Parallel(blocks={blocks!r}) chooses no module of {type(model).__name__}; "
            "its names are those of model.named_modules()"
        ) from None
    return [module for _, module in found]


def _check_divisible(parallel: Parallel, blocks: int) -> None:
    if blocks % parallel.pp:  # type: ignore[operator]
        raise ValueError(f"a pipeline: {blocks} blocks cannot be divided among {parallel.pp} stages evenly")
    if parallel.schedule == "1f1b" and parallel.microbatches < parallel.pp:  # type: ignore[operator]
        raise ValueError(
            f"a pipeline: 1F1B needs at least as many microbatches as stages, "
            f"not {parallel.microbatches} for {parallel.pp}"
        )


def _divided(batch: tuple[Any, Any], parts: int) -> list[tuple[Any, Any]]:
    """Return the microbatches of a batch: `split_args_kwargs_into_chunks` of pipelining/microbatch.py."""

    def part(number: int) -> tuple[Any, Any]:
        def narrowed(tensor: torch.Tensor) -> torch.Tensor:
            rows = tensor.shape[0] // parts
            return tensor.narrow(0, number * rows, rows)

        found: tuple[Any, Any] = tree_map_only(torch.Tensor, narrowed, batch)
        return found

    for tensor in tensors_of(batch):
        if tensor.ndim == 0 or tensor.shape[0] % parts != 0:
            raise ValueError(
                f"a pipeline: a batch of shape {tuple(tensor.shape)} cannot be divided into {parts} "
                "microbatches evenly"
            )
    return [part(number) for number in range(parts)]
