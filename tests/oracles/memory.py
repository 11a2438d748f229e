"""Real runs on CPU, recorded: how many bytes of tensor storage are alive at the worst moment.

What is counted: the bytes of every untyped storage that a tensor refers to, from the operator that returns
it until its last reference goes; a storage that tensors share counts once. Parameters, buffers, the batch and
the optimizer's state exist before the recorded run. What a kernel allocates and frees inside itself is not a
tensor that anyone can see, and is not counted.

What is run: inference is `model.eval()(batch)` under `no_grad`; training is the second of two identical
steps, so that the optimizer's state exists and nothing else of the first step is left.

Garbage: Python frees a tensor with its last reference, at one exact place in the program, except where
objects refer to each other in a cycle. Those wait for the cycle collector, whose moment depends on everything
the process did before; so it rests during a recorded run, and what a cycle made by the run holds counts until
the run ends. What earlier code left in cycles is not counted, so it does not matter when it is collected.
"""

from __future__ import annotations

import gc
import inspect
import weakref
from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SGD = (torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9, "foreach": True})
ADAMW = (torch.optim.AdamW, {"foreach": True})


class StorageRecorder(TorchDispatchMode):
    """Follows the storages alive, from those of `tensors` on; `peak` is the most bytes they ever had."""

    def __init__(self, tensors):
        super().__init__()
        self.sizes = {}
        self.alive = self.peak = 0
        for tensor in tensors:
            self.see(tensor)

    def see(self, tensor):
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self.sizes:
            weakref.finalize(storage, self.forget, key).atexit = False
        self.alive += size - self.sizes.get(key, 0)
        self.sizes[key] = size
        self.peak = max(self.peak, self.alive)

    def forget(self, key):
        self.alive -= self.sizes.pop(key)

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.see(leaf)
        return result


def real_parameters(factory, config):
    """Return how many parameters the really built model has."""
    return sum(parameter.numel() for parameter in real_model(factory, config).parameters())


def real_peak(factory, config, training=None):
    """Return the most bytes alive in inference; with `(optimizer class, options)`, in a training step."""
    model, batch = real_model(factory, config), real_batch(factory, config)
    if training is None:
        return inference_peak(model.eval(), batch)
    optimizer_class, options = training
    optimizer = optimizer_class(model.parameters(), **options)
    loss_of = factory.loss or sum_of_output
    training_step(model, batch, loss_of, optimizer)
    return training_peak(model, batch, loss_of, optimizer)


def inference_peak(model, batch):
    with rested_collector(), torch.no_grad(), StorageRecorder(existing_tensors(model, batch)) as recorder:
        called(model, batch)
    return recorder.peak


def training_peak(model, batch, loss_of, optimizer):
    with rested_collector(), StorageRecorder(existing_tensors(model, batch, optimizer.state)) as recorder:
        training_step(model, batch, loss_of, optimizer)
    return recorder.peak


def training_step(model, batch, loss_of, optimizer):
    loss = loss_of(called(model, batch))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss


def real_model(factory, config):
    return call_by_name(factory.__wrapped__, config)


def real_batch(factory, config):
    return call_by_name(factory.example, config)


def call_by_name(function, config):
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return function(**config)
    return function(**{parameter.name: config[parameter.name] for parameter in parameters})


def called(model, batch):
    if isinstance(batch, dict):
        return model(**batch)
    return model(*batch) if isinstance(batch, tuple) else model(batch)


def sum_of_output(output):
    return (output if isinstance(output, torch.Tensor) else output.logits).sum()


def existing_tensors(model, batch, state=None):
    held = tree_leaves(batch) + tree_leaves([dict(values) for values in (state or {}).values()])
    return [*model.parameters(), *model.buffers(), *(leaf for leaf in held if isinstance(leaf, torch.Tensor))]


@contextmanager
def rested_collector():
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
