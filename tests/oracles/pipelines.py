"""Real training steps of `torch.distributed.pipelining`, stage by stage, on a fake process group.

What a stage receives is whatever is in its buffers; everything else is what PyTorch does on each of the GPUs.
Stages are given the shapes that pass between them, as a fake process group cannot hand them on.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from tests.oracles import gpus, memory

SCHEDULES = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B}


class Casting(nn.Module):
    """A stage whose forward pass is in autocast, and nothing else."""

    def __init__(self, stage, dtype):
        super().__init__()
        self.stage, self.dtype = stage, dtype

    def forward(self, *args):
        with torch.autocast("cpu", self.dtype):
            return self.stage(*args)


@dataclass
class Pipeline(gpus.Gpus):
    """A stage and its schedule; `split` returns a stage of a model, from its index and how many there are."""

    split: object = None
    dp: int = 1
    microbatches: int = 4
    schedule: str = "1f1b"
    keep_output: bool = False
    backward_inside: bool = False
    zero: int = 0
    as_view: bool = False

    @property
    def stages(self):
        return self.world_size // self.dp

    @property
    def index(self):
        return self.rank % self.stages

    def worst(self, factory, config):
        """Return the peak of the stage that needs most."""
        return max(self.peaks(factory, config))

    def peaks(self, factory, config):
        """Return the peak of each stage, of its replica that needs most."""
        ranks = range(self.world_size if self.zero else self.stages)
        peaks = [0] * self.stages
        for self.rank in ranks:
            peaks[self.index] = max(peaks[self.index], self.peak(factory, config))
        return peaks

    def checkpoint(self, model):
        for name, module in model.named_modules():
            if self.checkpointed is not None and self.checkpointed(name, module):
                module.forward = functools.partial(checkpoint, module.forward, use_reentrant=False)

    def made_mesh(self):
        mesh = init_device_mesh("cpu", (self.dp, self.stages), mesh_dim_names=("dp", "pp"))
        self.groups = {name: mesh[name].get_group() for name in ("dp", "pp")}
        return mesh

    def wrapped(self, model):
        handed = [None]
        for index in range(self.stages):
            stage = self.part(model, index)
            if index == self.index:
                mine = stage
            args = self.first if index == 0 else (handed[-1],)
            handed.append(stage(*args).detach().requires_grad_())
        if self.dp > 1:
            mine = DistributedDataParallel(
                mine, process_group=self.groups["dp"], gradient_as_bucket_view=self.as_view
            )
            mine.register_comm_hook(None, gpus._done)
        received = self.first if self.index == 0 else (handed[self.index],)
        shapes = [tuple(_shaped(tensor) for tensor in each) for each in (received, (handed[self.index + 1],))]
        return PipelineStage(
            mine,
            self.index,
            self.stages,
            torch.device("cpu"),
            input_args=shapes[0],
            output_args=shapes[1],
            group=self.groups["pp"],
        )

    def part(self, model, index):
        stage = self.split(model, index, self.stages)
        return stage if self.autocast is None or self.backward_inside else Casting(stage, self.autocast)

    def _peak(self, recorder, factory, config):
        model, batch = memory.real_model(factory, config), memory.real_batch(factory, config)
        batch = batch if isinstance(batch, tuple) else (batch,)
        self.checkpoint(model)
        self.first = tuple(tensor[: len(tensor) // self.microbatches] for tensor in batch)
        with self.around():
            stage = self.wrapped(model)
        del model, self.first
        loss_of = functools.partial(self.loss_of, factory.loss or memory.sum_of_output)
        schedule = SCHEDULES[self.schedule](stage, self.microbatches, loss_fn=loss_of)
        optimizer = self.optimizer_of(stage.submod)
        last = self.index == self.stages - 1
        target = torch.empty(len(batch[0]), 0) if last else None
        if self.index:
            batch = ()
        for _ in range(gpus.STEPS_BEFORE):
            self.run(schedule, batch, target, optimizer, stage.submod)
        gpus.gc.collect()
        recorder.peak = recorder.alive
        self.run(schedule, batch, target, optimizer, stage.submod)
        return recorder.peak

    def run(self, schedule, batch, target, optimizer, model):
        losses = []
        with self.around():
            output = schedule.step(*batch, target=target, losses=losses, return_outputs=self.keep_output)
        if self.norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.norm, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=self.set_to_none)
        return output

    def optimizer_of(self, model):
        if not self.zero:
            return super().optimizer_of(model)
        return gpus.ZeroRedundancyOptimizer(
            model.parameters(), self.optimizer, process_group=self.groups["dp"], **self.options
        )

    def around(self):
        if self.autocast is None or not self.backward_inside:
            return contextlib.nullcontext()
        return torch.autocast("cpu", self.autocast)

    def loss_of(self, loss_of, output, _target):
        inside = self.autocast is not None and not self.backward_inside
        with torch.autocast("cpu", self.autocast) if inside else contextlib.nullcontext():
            return loss_of(output)


def _shaped(tensor):
    """Return a tensor without memory."""
    return torch.empty_like(tensor, device="meta").requires_grad_(tensor.requires_grad)
