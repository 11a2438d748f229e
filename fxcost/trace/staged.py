"""A training step of a model in one piece, or of each stage of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from fxcost.errors import FactoryError
from fxcost.program import Phase
from fxcost.trace.parallel.schedules import BY_NAME, Worker
from fxcost.trace.parallel.stages import Pipeline, Stage
from fxcost.trace.recipe import LossFunction, Training, sum_of_output
from fxcost.trace.recorder import Recorder
from fxcost.trace.stepping import Passes, Step


def steps_of(
    model: nn.Module,
    batch: tuple[Any, Any],
    training: Training,
    loss: LossFunction | None,
    recorder: Recorder,
) -> Iterator[Step]:
    """Yield the training step, or that of each stage of a pipeline, to be run one after the other.

    Args:
        model: The model.
        batch: The arguments and keyword arguments that it is called with.
        training: The recipe.
        loss: From the model's output to a scalar, where the recipe has none.
        recorder: What records the steps.
    """
    loss_of, parallel = training.loss or loss or sum_of_output, training.parallel
    if parallel is None or not parallel.pipelined:
        args, kwargs = batch
        yield Step(model, training, lambda: model(*args, **kwargs), loss_of, recorder)
        return
    pipeline = Pipeline(model, batch, parallel, training.numbers, recorder)
    for stage in pipeline.stages():
        yield StageStep(stage, training, loss_of, recorder)


class StageStep(Step, Worker):
    """A training step of a stage: `step` of torch/distributed/pipelining/schedules.py, and the optimizer's.

    Args:
        stage: The stage.
        training: The recipe.
        loss_of: From the last stage's output to a scalar.
        recorder: What records the step.
    """

    def __init__(self, stage: Stage, training: Training, loss_of: LossFunction, recorder: Recorder) -> None:
        super().__init__(stage, training, lambda: None, loss_of, recorder)
        self.stage = stage
        self.index, self.count = stage.index, stage.count
        self.losses: list[torch.Tensor] = []
        self.chunks: list[Any] = []
        self.waiting: dict[int, tuple[Any, list[Any]]] = {}
        self.ran = Passes()

    def absent(self) -> set[int]:
        """Return the storages that are recorded, but not on this GPU."""
        return self.stage.absent

    def passes(self) -> Passes:
        """Run the microbatches as the schedule says."""
        parallel: Any = self.training.parallel
        with self.autocast(backward=True):
            BY_NAME[parallel.schedule](self, parallel.microbatches)
            self._scale_gradients(parallel.microbatches)
            if self.chunks:
                self.output = tree_map(lambda *parts: torch.cat(parts, dim=0), *self.chunks)
        return self.ran

    def forward_of(self, number: int) -> Any:
        """Run the forward pass of a microbatch: `forward_one_chunk`."""
        self.recorder.phase = Phase.FORWARD
        with self.autocast(backward=False):
            output = self.stage.run(number)
        if self.stage.last and self.training.keep_output:
            self.chunks.append(output)
        self.waiting[number] = (output, tree_leaves(self.stage.inputs[number]))
        return output

    def lose(self, output: Any) -> None:
        """Note a microbatch's loss, in the last stage: `_maybe_compute_loss`."""
        if self.stage.last:
            with self.autocast(backward=False):
                self.losses.append(self.loss_of(output))

    def backward_of(self, number: int) -> Any:
        """Run a backward pass, and return the gradients that are sent: `backward_one_chunk`."""
        if self.ran.end_of_forward is None:
            loss = self.recorder.storage_of(self.losses[0]) if self.losses else -1
            self.ran.note(len(self.recorder.events), loss)
        self.recorder.phase = Phase.BACKWARD
        output, inputs = self.waiting.pop(number)
        self.arrangement.synchronises = number == len(self.stage.inputs) - 1
        if self.stage.last:
            torch.autograd.backward([self.losses[number]])
        else:
            torch.autograd.backward([output], [self.stage.gradients[number]])
        sent = []
        for tensor in (each for each in inputs if isinstance(each, torch.Tensor) and each.requires_grad):
            sent.append(tensor.grad)
            tensor.grad = None
        if self.stage.last and self.index > 0:
            self._let_go(output)
        if self.arrangement.synchronises:
            self.arrangement.reduced()
        return sent

    @staticmethod
    def _let_go(output: Any) -> None:
        """Cut an output off from what it was made of."""
        for tensor in output if isinstance(output, tuple) else (output,):
            if not isinstance(tensor, torch.Tensor):
                raise FactoryError(
                    f"a pipeline: the model returns {type(tensor).__name__}; PipelineStage wants tensors"
                )
            if not tensor._is_view():
                tensor.detach_()

    def _scale_gradients(self, microbatches: int) -> None:
        """Average gradients over microbatches: `scale_grads` of pipelining/stage.py."""
        for parameter in self.stage.parameters() if microbatches != 1 else ():
            if parameter.grad is not None:
                parameter.grad.div_(microbatches)

    def finish(self) -> None:
        """Be done with the gradients, the losses and the output."""
        super().finish()
        self.losses.clear()
