"""What a training step does, in the order in which a user's loop does it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fxcost.program import Phase
from fxcost.trace.parallel import arranged, running
from fxcost.trace.parallel.numbers import typical
from fxcost.trace.preparing import autocast_of, tensors_of
from fxcost.trace.recipe import LossFunction, Training
from fxcost.trace.recorder import Recorder


class Scaler(torch.amp.GradScaler):
    """A GradScaler that finds no overflow: it takes every step."""

    def _maybe_opt_step(
        self, optimizer: torch.optim.Optimizer, optimizer_state: Any, *args: Any, **kwargs: Any
    ) -> None:
        del optimizer_state  # holds what was found, which data decides
        optimizer.step(*args, **kwargs)


@dataclass
class Passes:
    """What is kept of forward and backward passes.

    Attributes:
        loss: The last loss, alive until the step is over.
        end_of_forward: After how many events the first forward pass was over.
        storage: The storage of the first loss.
    """

    loss: torch.Tensor | None = None
    end_of_forward: int | None = None
    storage: int = -1

    def note(self, end_of_forward: int, storage: int) -> None:
        """Note the end of a forward pass, if it is the first one's."""
        if self.end_of_forward is None:
            self.end_of_forward, self.storage = end_of_forward, storage


class Step:
    """A training step of a model by a recipe.

    Args:
        model: What is trained.
        training: The recipe.
        call: Runs the model on the batch.
        loss_of: From the model's output to a scalar.
        recorder: What records the step.
    """

    def __init__(
        self,
        model: nn.Module,
        training: Training,
        call: Callable[[], Any],
        loss_of: LossFunction,
        recorder: Recorder,
    ) -> None:
        self.model = model
        self.training = training
        self.call = call
        self.loss_of = loss_of
        self.recorder = recorder
        self.average = _average_of(model, training.ema)
        self.arrangement = arranged(model, training.parallel, recorder)
        self.optimizer = training.build(self.arrangement.updated())
        self.scaler = Scaler("cpu") if training.scales else None
        self.output: Any = None

    def autocast(self, *, backward: bool) -> AbstractContextManager[Any]:
        """Return the autocast around a forward pass and its loss, or around both passes."""
        here = backward is self.training.backward_in_autocast
        return autocast_of(self.training.numbers) if here else contextlib.nullcontext()

    def absent(self) -> set[int]:
        """Return the storages that are recorded, but not on this GPU."""
        return set()

    def passes(self) -> Passes:
        """Run forward and backward of the micro-batches; those after the second are like the second."""
        recorder, passes = self.recorder, Passes()
        for times in self.times():
            recorder.times, recorder.phase = times, Phase.FORWARD
            with self.autocast(backward=True):
                passes.loss = self.loss()
                passes.note(len(recorder.events), recorder.storage_of(passes.loss))
                recorder.phase = Phase.BACKWARD
                self.backward(passes.loss)
        recorder.times = 1
        return passes

    def times(self) -> tuple[Any, ...]:
        """Return how often the first micro-batch is run, and the second: all others are like the second."""
        accumulation = self.training.accumulation
        return (1,) if accumulation == 1 else (1, accumulation - 1)

    def loss(self) -> torch.Tensor:
        """Run the model and return the loss of a micro-batch."""
        with self.autocast(backward=False), running(self.training.parallel):
            loss = self.loss_of(self.kept_output() if self.training.keep_output else self.call())
            return loss if self.training.accumulation == 1 else loss / typical(self.training.accumulation)

    def kept_output(self) -> Any:
        """Run the model, and keep its output in place of the one before."""
        self.output = self.call()
        return self.output

    def backward(self, loss: torch.Tensor) -> None:
        """Differentiate a loss."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
        self.arrangement.reduced()

    def update(self) -> None:
        """Let the optimizer step."""
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def finish(self) -> None:
        """Average the weights, and be done with the gradients and the output."""
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.arrangement.zero_grad(self.optimizer, set_to_none=self.training.set_to_none)
        self.output = None

    def warm_up(self) -> None:
        """Do what the first step does beyond its passes, on made-up gradients: make what lives on."""
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                parameter.grad = self.arrangement.first_gradient(parameter)
        if self.scaler is not None:
            self.scaler.scale(torch.zeros(()))
        self.clip()
        self.update()
        self.finish()

    def on_the_host(self, *, on_gpu: bool) -> list[torch.Tensor]:
        """Return the tensors of the optimizer's state that are in the host's memory.

        Args:
            on_gpu: Whether the model is on a GPU: `step` is on the host unless it is capturable or fused.
        """
        if self.training.offload:
            return tensors_of(list(self.optimizer.state.values()))
        counted = [g for g in self.optimizer.param_groups if not (g.get("capturable") or g.get("fused"))]
        states = [self.optimizer.state.get(p, {}) for group in counted for p in group["params"]]
        return tensors_of([state.get("step") for state in states]) if on_gpu else []

    def kept(self) -> list[torch.Tensor]:
        """Return the tensors that live from step to step besides the model's and the optimizer's."""
        held = self.arrangement.kept()
        if self.scaler is not None:
            held += [t for t in (self.scaler._scale, self.scaler._growth_tracker) if t is not None]
        if self.average is not None:
            held += [*self.average.parameters(), *self.average.buffers()]
        return held

    def clip(self) -> None:
        """Clip the gradients."""
        training = self.training
        if training.clip_norm is None and training.clip_value is None:
            return
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        foreach = any(group.get("foreach") or group.get("fused") for group in self.optimizer.param_groups)
        if training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), training.clip_norm, foreach=foreach)
        if training.clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), training.clip_value, foreach=foreach)


def _average_of(model: nn.Module, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    averages: Any = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=averages)
