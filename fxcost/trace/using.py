"""Uses a model as a recipe says, while a recorder watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fxcost.program import Phase
from fxcost.trace.cuda import added_in_place, flattened
from fxcost.trace.finishing import Measured
from fxcost.trace.gradients import KeptGradients
from fxcost.trace.preparing import autocast_of, converted_batch, converted_model, tensors_of
from fxcost.trace.recipe import Inference, LossFunction, Training
from fxcost.trace.recorder import Recorder
from fxcost.trace.staged import steps_of
from fxcost.trace.stepping import Step


@dataclass(frozen=True)
class Use:
    """One use of a model.

    Attributes:
        recorder: What watches.
        training: The recipe of a training step, None for an inference.
        inference: How an inference is run.
        loss: From the model's output to a scalar, where the recipe has none; None is the sum of the output.
        on_gpu: Whether a GPU's choices are imposed.
    """

    recorder: Recorder
    training: Training | None
    inference: Inference
    loss: LossFunction | None
    on_gpu: bool = False

    @property
    def recipe(self) -> Training | Inference:
        """The recipe, whichever it is."""
        return self.training or self.inference

    def prepared(self, model: nn.Module, batch: Any) -> tuple[nn.Module, Any]:
        """Return a model and its batch as the recipe uses them."""
        numbers, last = self.recipe.numbers, self.recipe.channels_last
        model = converted_model(model, numbers, channels_last=last)
        if self.on_gpu:
            flattened(model)
        if self.training is not None and self.training.checkpointing is not None:
            self.training.checkpointing.apply(model, self.recorder.inside)
        return model, converted_batch(batch, numbers, channels_last=last)

    def measured(self, model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Measured:
        """Use a model.

        Args:
            model: A prepared model.
            args: What it is called with: its batch.
            kwargs: Likewise.
        """
        if self.training is not None:
            steps = steps_of(model, (args, kwargs), self.training, self.loss, self.recorder)
            return Measured.joined([self._trained(step) for step in steps], self.recorder.births)
        model.eval()
        alive = self._start()
        with torch.no_grad(), autocast_of(self.inference.numbers):
            model(*args, **kwargs)
        return Measured(alive, tuple(self.recorder.events))

    def _trained(self, step: Step) -> Measured:
        recorder, model = self.recorder, step.model
        recorder.phase = Phase.CONSTRUCT
        step.warm_up()
        kept = KeptGradients(model, recorder)
        alive = self._start() - step.absent()
        passes = step.passes()
        recorder.phase = Phase.STEP
        alive -= kept.settle()
        gradients = tuple(recorder.storage_of(p.grad) for p in model.parameters() if p.grad is not None)
        unused = self._without_gradient(model, step.optimizer)
        step.clip()
        before = len(recorder.events)
        step.update()
        if step.training.offload:
            del recorder.events[before:]  # none of it is in the device's memory
        step.finish()
        events = added_in_place(recorder) if self.on_gpu else tuple(recorder.events)
        state, unused_state = self._state(step, unused)
        alive -= unused_state | set(map(recorder.storage_of, step.on_the_host(on_gpu=self.on_gpu)))
        return Measured(alive, events, passes.end_of_forward, passes.storage, gradients, state)

    def _start(self) -> set[int]:
        """Begin the measured run: forget earlier events, return what is alive."""
        self.recorder.phase = Phase.FORWARD
        self.recorder.events.clear()
        return set(self.recorder.alive.values())

    def _without_gradient(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> set[int]:
        """Return the parameters that got no gradient; where others got none, they have no state."""
        for parameter in model.parameters():
            if parameter.grad is not None:
                presence = self.recorder.presence(parameter.grad)
                self.recorder.stepped[self.recorder.storage_of(parameter)] = presence
                for tensor in tensors_of(optimizer.state.get(parameter, {})):
                    self.recorder.restrict(tensor, presence)
        return {id(parameter) for parameter in model.parameters() if parameter.grad is None}

    def _state(self, step: Step, unused: set[int]) -> tuple[tuple[int, ...], set[int]]:
        """Return the storages of what lives from step to step, and those of parameters without gradient."""
        used = set(map(self.recorder.storage_of, step.kept()))
        idle: set[int] = set()
        for parameter, state in step.optimizer.state.items():
            storages = {self.recorder.storage_of(tensor) for tensor in tensors_of(state)}
            (idle if id(parameter) in unused else used).update(storages)
        return tuple(sorted(used)), idle - used
