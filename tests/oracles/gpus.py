"""Real training steps of PyTorch's own wrappers, on one of several GPUs that a fake process group stands for.

Collectives of the fake process group return at once and leave data as it is; everything else is what PyTorch
does on each of the GPUs. What is recorded is the third step: in the second, `DistributedDataParallel` builds
its buckets again.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import gc
import warnings
from dataclasses import dataclass, field
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch._subclasses.fake_tensor import FakeTensor
from torch.distributed._functional_collectives import AsyncCollectiveTensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import parallelize_module
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.checkpoint import checkpoint

from tests.oracles import memory

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # torch 2.13 scripts optimizers as it imports them
    from torch.distributed.optim import ZeroRedundancyOptimizer

STEPS_BEFORE = 2
WRAPPERS = (DTensor, AsyncCollectiveTensor)
"""Tensors without memory of their own."""


class Recorder(memory.StorageRecorder):
    """Follows storages from the model's construction on, also those whose size changes."""

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if any(issubclass(kind, WRAPPERS) for kind in types):
            return NotImplemented  # runs operators on local tensors, which come here
        return super().__torch_dispatch__(operator, types, args, kwargs)

    def see(self, tensor):
        if isinstance(tensor, (FakeTensor, *WRAPPERS)):  # DTensor finds shapes with fake tensors
            return
        if tensor.device.type != "meta":  # PipelineStage keeps shapes as such
            super().see(tensor)

    @contextlib.contextmanager
    def watching(self):
        resize = torch.UntypedStorage.resize_

        def resized(storage, size):
            key = storage._cdata
            result = resize(storage, size)
            if key in self.sizes:
                self.alive += storage.nbytes() - self.sizes[key]
                self.sizes[key] = storage.nbytes()
                self.peak = max(self.peak, self.alive)
            return result

        join = DeviceMesh._concatenate

        def joined(*meshes):
            with _disable_current_modes():  # makes a tensor of ranks, in the host's memory
                return join(*meshes)

        with (
            patch.object(torch.UntypedStorage, "resize_", resized),
            patch.object(DeviceMesh, "_concatenate", joined),
            self,
        ):
            yield self


@dataclass
class Gpus(abc.ABC):
    """A training loop on several GPUs, as one of them runs it."""

    world_size: int
    rank: int = 0
    optimizer: type = torch.optim.AdamW
    options: dict = field(default_factory=lambda: {"foreach": True})
    accumulation: int = 1
    set_to_none: bool = True
    norm: float | None = None
    autocast: torch.dtype | None = None
    checkpointed: object = None

    def peak(self, factory, config):
        """Return the most bytes alive in the third step."""
        dist.init_process_group("fake", store=FakeStore(), rank=self.rank, world_size=self.world_size)
        try:
            self.mesh = self.made_mesh()  # holds a tensor of ranks, in the host's memory
            with memory.rested_collector(), Recorder([]).watching() as recorder:
                return self._peak(recorder, factory, config)
        finally:
            dist.destroy_process_group()

    def _peak(self, recorder, factory, config):
        model, batch = memory.real_model(factory, config), memory.real_batch(factory, config)
        loss_of = factory.loss or memory.sum_of_output
        for name, module in model.named_modules():
            if self.checkpointed is not None and self.checkpointed(name, module):
                module.forward = functools.partial(checkpoint, module.forward, use_reentrant=False)
        wrapped = self.wrapped(model)
        optimizer = self.optimizer_of(model)
        for _ in range(STEPS_BEFORE):
            self.step(wrapped, batch, loss_of, optimizer)
        gc.collect()
        recorder.peak = recorder.alive
        self.step(wrapped, batch, loss_of, optimizer)
        return recorder.peak

    def step(self, model, batch, loss_of, optimizer):
        for _ in range(self.accumulation):
            with self.autocasting():
                loss = loss_of(memory.called(model, batch))
                if self.accumulation > 1:
                    loss = loss / self.accumulation
            loss.backward()
        if self.norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.norm, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=self.set_to_none)

    def made_mesh(self):
        return init_device_mesh("cpu", (self.world_size,))

    def autocasting(self):
        return contextlib.nullcontext() if self.autocast is None else torch.autocast("cpu", self.autocast)

    @abc.abstractmethod
    def wrapped(self, model):
        """Return a model as PyTorch's wrapper makes it."""

    def optimizer_of(self, model):
        return self.optimizer(model.parameters(), **self.options)


@dataclass
class Ddp(Gpus):
    """`DistributedDataParallel`, with `ZeroRedundancyOptimizer` where `zero` is 1."""

    zero: int = 0
    as_view: bool = False
    buckets_of: float | None = None

    def wrapped(self, model):
        model = DistributedDataParallel(
            model, gradient_as_bucket_view=self.as_view, bucket_cap_mb=self.buckets_of
        )
        model.register_comm_hook(None, _done)
        return model

    def optimizer_of(self, model):
        if not self.zero:
            return super().optimizer_of(model)
        return ZeroRedundancyOptimizer(model.parameters(), self.optimizer, **self.options)

    def worst(self, factory, config):
        """Return the peak of the GPU that needs most."""
        ranks = range(self.world_size) if self.zero else [0]
        peaks = []
        for self.rank in ranks:
            peaks.append(self.peak(factory, config))
        return max(peaks)


@dataclass
class Tp(Gpus):
    """`parallelize_module`; `plan` makes the plan, as plans are used once."""

    plan: object = None

    def wrapped(self, model):
        return parallelize_module(model, self.mesh, self.plan(), src_data_rank=None)


@dataclass
class Fsdp(Gpus):
    """`fully_shard` of some modules and of the model; `units` tells, of a module, whether it is one."""

    units: object = None
    reshard: bool | None = None
    param_dtype: torch.dtype | None = None
    reduce_dtype: torch.dtype | None = None
    prefetch: int | None = None
    plan: object = None
    tp: int = 1

    def made_mesh(self):
        if self.plan is None:
            return super().made_mesh()
        sizes = self.world_size // self.tp, self.tp
        mesh = init_device_mesh("cpu", sizes, mesh_dim_names=("dp", "tp"))
        self.tp_mesh = mesh["tp"]
        return mesh["dp"]

    def wrapped(self, model):
        if self.plan is not None:
            parallelize_module(model, self.tp_mesh, self.plan(), src_data_rank=None)
        policy = MixedPrecisionPolicy(param_dtype=self.param_dtype, reduce_dtype=self.reduce_dtype)
        options = {"mesh": self.mesh, "reshard_after_forward": self.reshard, "mp_policy": policy}
        for module in reversed(list(model.modules())):
            if self.units is not None and self.units(module):
                fully_shard(module, **options)
        if self.prefetch is not None:
            self.prefetching([module for module in model.modules() if isinstance(module, FSDPModule)])
        return fully_shard(model, **options)

    def prefetching(self, modules):
        for at, module in enumerate(modules):
            module.set_modules_to_forward_prefetch(modules[at + 1 : at + 1 + self.prefetch])
            module.set_modules_to_backward_prefetch(modules[max(at - self.prefetch, 0) : at][::-1])

    def states(self, factory, config):
        """Return the bytes of the parameters' and of the optimizer states' storages."""
        dist.init_process_group("fake", store=FakeStore(), rank=self.rank, world_size=self.world_size)
        try:
            self.mesh = self.made_mesh()
            model, batch = memory.real_model(factory, config), memory.real_batch(factory, config)
            wrapped = self.wrapped(model)
            optimizer = self.optimizer_of(model)
            self.step(wrapped, batch, factory.loss or memory.sum_of_output, optimizer)
            states = [tensor for state in optimizer.state.values() for tensor in state.values()]
            return _nbytes(model.parameters()), _nbytes(states)
        finally:
            dist.destroy_process_group()


def _nbytes(tensors):
    local = [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
    return sum(tensor.untyped_storage().nbytes() for tensor in local)


def _done(_state, bucket):
    """Communicate as the default does, but for the fake process group's result, which is none."""
    future = Future()
    future.set_result(bucket.buffer())
    return future
