"""In which order a stage runs microbatches: `ScheduleGPipe` and `Schedule1F1B`, as far as memory goes.

What their `_step_microbatches` of torch/distributed/pipelining/schedules.py have in variables while others
run lives on here, too: the last output, what was sent last. What is sent is taken to be gone with its last
reference, as soon as that has ended.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any


class Worker(abc.ABC):
    """What a schedule drives: a stage.

    Attributes:
        index: Which stage it is.
        count: How many there are.
    """

    index: int
    count: int

    @abc.abstractmethod
    def forward_of(self, number: int) -> Any:
        """Run the forward pass of a microbatch: `forward_one_chunk`."""

    @abc.abstractmethod
    def lose(self, output: Any) -> None:
        """Note a microbatch's loss, in the last stage: `_maybe_compute_loss`."""

    @abc.abstractmethod
    def backward_of(self, number: int) -> Any:
        """Run a backward pass, and return the gradients that are sent: `backward_one_chunk`."""


def gpipe(stage: Worker, microbatches: int) -> None:
    """Run all forward passes, then all backward passes."""
    output = None
    for number in range(microbatches):
        output = stage.forward_of(number)
        stage.lose(output)
    for number in range(microbatches):
        stage.backward_of(number)
    del output


def one_forward_one_backward(stage: Worker, microbatches: int) -> None:
    """Run the forward passes that the stages after this one need to begin, then backward and forward ones."""
    ahead = min(microbatches, stage.count - stage.index)
    output = sent = None
    for number in range(ahead):
        output = stage.forward_of(number)
        stage.lose(output)
    for number in range(microbatches):
        sent = stage.backward_of(number)
        if number + ahead < microbatches:
            output = stage.forward_of(number + ahead)
            stage.lose(output)
    del output, sent


Schedule = Callable[[Worker, int], None]
BY_NAME: Mapping[str, Schedule] = {"gpipe": gpipe, "1f1b": one_forward_one_backward}
