"""From what a trace recorded to its `Program`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy
import torch
from torch import nn

from fxcost.program import Event, Phase, Program, Storage, Weight
from fxcost.space import Config
from fxcost.trace.lifetimes import Lifetimes, lifetimes
from fxcost.trace.parallel.numbers import whole_shape
from fxcost.trace.recorder import Birth, Recorder, size_of
from fxcost.trace.storages import described


@dataclass(frozen=True)
class Measured:
    """The measured run, by the numbers of recorded storages.

    Attributes:
        alive: What lived when it started.
        events: What was allocated and released from then on.
        end_of_forward: After how many events the forward pass was over; None in inference.
        loss: What the loss was in.
        gradients: What the gradients were in.
        state: What the optimizer's state is in, and all else that lives from step to step.
        copies: By number of a storage that is another one's copy on another GPU, the other one.
    """

    alive: set[int]
    events: tuple[Event, ...]
    end_of_forward: int | None = None
    loss: int = -1
    gradients: tuple[int, ...] = ()
    state: tuple[int, ...] = ()
    copies: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def joined(cls, runs: Sequence[Measured], births: list[Birth]) -> Measured:
        """Return one run after the other: between them, what the one has goes and what the next has comes.

        The most that is alive is then what the worst of them has; what is kept of the forward pass is the
        first one's, the loss the last one's. `Program.stages` takes them apart again.

        Args:
            runs: The runs of GPUs with different parts of a model.
            births: Of the recorded storages; those of copies are put at its end.
        """
        if len(runs) == 1:
            return runs[0]
        events: list[Event] = []
        left: set[int] = set()
        seen: set[int] = set()
        copies: dict[int, int] = {}
        for place, run in enumerate(runs):
            alive = run.alive - seen
            for storage in sorted(run.alive & seen):  # a buffer that several stages have
                copies[len(births)] = storage
                alive.add(len(births))
                births.append(births[storage])
            if place:
                events += [Event(storage, False, Phase.CONSTRUCT, "") for storage in sorted(left)]
                events += [Event(storage, True, Phase.CONSTRUCT, "") for storage in sorted(alive)]
            events += run.events
            seen |= alive
            left = alive | {event.storage for event in run.events if event.allocates}
            left -= {event.storage for event in run.events if not event.allocates}
        return cls(
            runs[0].alive,
            tuple(events),
            runs[0].end_of_forward,
            runs[-1].loss,
            tuple(storage for run in runs for storage in run.gradients),
            tuple(storage for run in runs for storage in run.state),
            copies,
        )


def finished(recorder: Recorder, hint: Config, model: nn.Module, batch: set[int], run: Measured) -> Program:
    """Return the program of a recorded run.

    Args:
        recorder: What recorded it.
        hint: Where it was traced.
        model: The model, after the run.
        batch: The storages of the batch's tensors.
        run: What is known of the run.
    """
    split = _split(recorder, run)
    kept = [piece for piece in split.kept if split.storage[piece] != run.loss]
    saved = kept if run.end_of_forward is not None else []
    weights = _weights(recorder, model)
    storages = described(
        recorder.births,
        weights=weights,
        batch=batch,
        communication=recorder.communication,
        state=set(run.state),
        gradients=set(run.gradients),
        saved={split.storage[piece] for piece in saved},
    )
    for copy, storage in run.copies.items():
        storages = (*storages[:copy], replace(storages[storage], index=copy), *storages[copy + 1 :])
    return Program(
        graph=recorder.graph,
        hint=hint,
        weights=weights,
        storages=_pieces(storages, split),
        alive=tuple(sorted(split.alive)),
        events=tuple(split.events),
        saved=tuple(sorted(saved)),
        questions=tuple(recorder.env.questions.values()),
        dynamic=frozenset(recorder.data.used),
        positions=recorder.env.positions.furthest,
    )


def _split(recorder: Recorder, run: Measured) -> Lifetimes:
    existences = [birth.existence for birth in recorder.births]
    mark = len(run.events) if run.end_of_forward is None else run.end_of_forward
    return lifetimes(existences, sorted(run.alive), run.events, mark, recorder.gating.gates)


def _pieces(storages: Sequence[Storage], split: Lifetimes) -> tuple[Storage, ...]:
    """Return the pieces of storages, each with its gate; what stands for others has no bytes of its own."""
    return tuple(
        replace(
            storages[storage],
            index=piece,
            gate=gate,
            nbytes=0 if gate is sympy.false else storages[storage].nbytes,
        )
        for piece, (storage, gate) in enumerate(zip(split.storage, split.gates, strict=True))
    )


def _weights(recorder: Recorder, model: nn.Module) -> tuple[Weight, ...]:
    named: list[tuple[str, torch.Tensor, bool]]
    named = [(name, tensor, False) for name, tensor in model.named_parameters()]
    named += [(name, tensor, True) for name, tensor in model.named_buffers()]
    return tuple(
        Weight(
            name,
            tuple(map(size_of, whole_shape(tensor))),
            tensor.dtype,
            tensor.requires_grad,
            buffer,
            recorder.storage_of(tensor),
            recorder.presence(tensor),
        )
        for name, tensor, buffer in named
    )
