"""Real training steps and inferences on a CPU as recipes say, written as a user's loop is: their peaks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils._pytree import tree_map_only
from torch.utils.checkpoint import checkpoint

from tests.oracles import memory


@dataclass
class Loop:
    """A user's training loop.

    `checkpointed` tells, of a module's name and the module, whether it is checkpointed.
    """

    optimizer: type = torch.optim.AdamW
    options: dict = field(default_factory=lambda: {"foreach": True})
    autocast: torch.dtype | None = None
    weights: torch.dtype | None = None
    scaled: bool = False
    backward_inside: bool = False
    accumulation: int = 1
    set_to_none: bool = True
    norm: float | None = None
    value: float | None = None
    ema: float | None = None
    checkpointed: object = None
    context_fn: object = None
    reentrant: bool = False
    channels_last: bool = False
    keep_output: bool = False

    def peak(self, factory, config):
        """Return the most bytes alive in the second of two steps."""
        model, batch = prepared(factory, config, self.weights, self.channels_last)
        if self.checkpointed is not None:
            self.wrap(model)
        loss_of = factory.loss or memory.sum_of_output
        optimizer = self.optimizer(model.parameters(), **self.options)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**-12) if self.scaled else None
        average = None
        if self.ema is not None:
            average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(self.ema))
        self.step(model, batch, loss_of, optimizer, scaler, average)
        held = memory.existing_tensors(model, batch, optimizer.state)
        held += [p.grad for p in model.parameters() if p.grad is not None]
        if scaler is not None:
            held += [scaler._scale, scaler._growth_tracker]
        if average is not None:
            held += [*average.parameters(), *average.buffers()]
        with memory.rested_collector(), memory.StorageRecorder(held) as recorder:
            self.step(model, batch, loss_of, optimizer, scaler, average)
        return recorder.peak

    def wrap(self, model):
        for name, module in model.named_modules():
            if self.checkpointed(name, module):
                module.forward = self.wrapped(module.forward)

    def wrapped(self, forward):
        options = {"use_reentrant": self.reentrant}
        if self.context_fn is not None:
            options["context_fn"] = self.context_fn
        return lambda *args, **kwargs: checkpoint(forward, *args, **options, **kwargs)

    def step(self, model, batch, loss_of, optimizer, scaler, average):
        if self.keep_output:
            loss_of = self.keeping(loss_of)
        for _ in range(self.accumulation):
            with self.autocasting():
                loss = loss_of(memory.called(model, batch))
                if self.accumulation > 1:
                    loss = loss / self.accumulation
                if self.backward_inside:
                    (loss if scaler is None else scaler.scale(loss)).backward()
            if not self.backward_inside:
                (loss if scaler is None else scaler.scale(loss)).backward()
        self.clip(model, optimizer, scaler)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        if average is not None:
            average.update_parameters(model)
        optimizer.zero_grad(set_to_none=self.set_to_none)
        return loss

    def clip(self, model, optimizer, scaler):
        if scaler is not None and (self.norm is not None or self.value is not None):
            scaler.unscale_(optimizer)
        if self.norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.norm, foreach=True)
        if self.value is not None:
            torch.nn.utils.clip_grad_value_(model.parameters(), self.value, foreach=True)

    @staticmethod
    def keeping(loss_of):
        """Return what has a variable for the output, as a loop's body has."""
        output = None

        def loss_of_kept(fresh):
            nonlocal output
            output = fresh
            return loss_of(fresh)

        return loss_of_kept

    def autocasting(self):
        return contextlib.nullcontext() if self.autocast is None else torch.autocast("cpu", self.autocast)


def prepared(factory, config, weights=None, channels_last=False):
    """Return the real model and batch of a configuration, converted."""
    model, batch = memory.real_model(factory, config), memory.real_batch(factory, config)
    if weights is not None:
        model = model.to(weights)
        batch = tree_map_only(torch.Tensor, lambda t: t.to(weights) if t.is_floating_point() else t, batch)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        batch = tree_map_only(
            torch.Tensor, lambda t: t.to(memory_format=torch.channels_last) if t.ndim == 4 else t, batch
        )
    return model, batch


def inference_peak(factory, config, *, autocast=None, weights=None, channels_last=False):
    """Return the most bytes alive in an inference."""
    model, batch = prepared(factory, config, weights, channels_last)
    with contextlib.nullcontext() if autocast is None else torch.autocast("cpu", autocast):
        return memory.inference_peak(model.eval(), batch)
