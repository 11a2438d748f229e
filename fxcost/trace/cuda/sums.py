"""Sums of gradients: on a GPU the autograd engine writes them into the first of the two where it can.

`accumulate` of torch/csrc/autograd/input_buffer.cpp in github.com/pytorch/pytorch adds in place where nothing
else refers to the gradient that came first, and its memory is dense. Where operators are watched it never
does, so a trace has a new tensor for the sum, and lets go of the other one at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from fxcost.program import Event
from fxcost.trace.recorder import Birth, Recorder


def added_in_place(recorder: Recorder) -> tuple[Event, ...]:
    """Return the events of a recorded run, sums of gradients having the memory of what came first.

    Args:
        recorder: What recorded it.
    """
    sums = dict(_sums(recorder.graph))
    linked = {link.target for birth in recorder.births for link in birth.existence.links}
    events: list[Event | None] = [*recorder.events]
    born: dict[int, int] = {}
    made: dict[str, int] = {}
    for at, event in enumerate(recorder.events):
        if event.allocates:
            born[event.storage] = at
            made[event.node] = event.storage
        elif sums.get(event.node) == event.storage and event.storage in born and event.node in made:
            total = made[event.node]
            if linked.isdisjoint((total, event.storage)) and _alike(recorder.births, total, event.storage):
                events[born[total]] = events[at] = None
                born[total] = born[event.storage]
                events[born[total]] = replace(recorder.events[born[total]], storage=total)
    return tuple(event for event in events if event is not None)


def _sums(graph: torch.fx.Graph) -> Iterator[tuple[str, int]]:
    """Yield the operators that add two gradients, each with the storage of the first one."""
    for node in graph.nodes:
        if node.target is torch.ops.aten.add.Tensor and node.meta["sums"]:
            first, second = (each.meta["value"].storage for each in node.args[:2])
            if first != second:
                yield node.name, first


def _alike(births: Sequence[Birth], one: int, other: int) -> bool:
    """Tell whether two storages have as many bytes, and exist under the same condition."""
    return births[one].nbytes == births[other].nbytes and births[one].existence == births[other].existence
