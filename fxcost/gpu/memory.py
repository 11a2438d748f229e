"""A configuration's memory on a GPU: what is alive, what it can do with, what nvidia-smi will show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from fxcost import units
from fxcost.allocator import Capacity, Replay, capacity_needed, counters, replay, write_snapshot
from fxcost.costs import Sizes, alive_at_peak, grouped
from fxcost.devices import Basis
from fxcost.expr.functions import Number
from fxcost.gpu.card import DROPOUT, Card
from fxcost.gpu.fit import Fit
from fxcost.gpu.requests import Requests, requests
from fxcost.gpu.scratch import largest_convolution, scratch_of
from fxcost.program import Role
from fxcost.space import Config

CONTEXT = "CUDA context"
CONVOLUTION = "convolution workspace, at most"
NCCL = "NCCL communicator"
PAIR = 2
EXACT = "exact"
ROLES = frozenset(map(str, Role))
OF_CUDNN = (str(Role.ACTIVATION), str(Role.TEMPORARY))
RESIDENT = (Role.PARAMETER, Role.BUFFER, Role.OPTIMIZER_STATE)


@dataclass(frozen=True, slots=True)
class Term:
    """A part of what nvidia-smi shows.

    Attributes:
        name: What it is.
        nbytes: How much.
        basis: What the number rests on: "exact", "replayed", or how the table of overheads has it.
        source: Where it is from; empty where it follows from the program.
    """

    name: str
    nbytes: int
    basis: str
    source: str = ""


@dataclass(frozen=True)
class GpuMemory:
    """A configuration's memory on one GPU, in bytes.

    Attributes:
        config: The configuration.
        card: The GPU.
        traced: The card whose choices of operators and types the tensors are from, None for the CPU's.
        live: The most bytes of tensors alive at once, exact with these choices.
        capacity: The smallest memory for the allocator with which two steps complete, replayed: what decides
            whether it fits. cuDNN's workspaces are tried, and done without where there is no room. See
            `fxcost.allocator.Capacity`.
        shown: What nvidia-smi will show where there is room, a forecast.
        at_most: The same with as much workspace as convolutions are seen to want: few runs exceed it.
        terms: What `shown` is made of, in the order in which they are added up.
        requests: What was replayed.
        replay: How, without a limit.
    """

    config: Config
    card: Card
    traced: Card | None
    live: int
    capacity: Capacity
    shown: int
    at_most: int
    terms: tuple[Term, ...]
    requests: Requests = field(repr=False)
    replay: Replay = field(repr=False)

    @property
    def reserved(self) -> int:
        """The most bytes that the allocator reserves where it gets what it asks for, replayed."""
        return self.replay.peak_reserved

    @property
    def usable(self) -> int:
        """Bytes that the allocator can have: all but the CUDA context's, and the communicator's."""
        held = sum(term.nbytes for term in self.terms if term.name.startswith(NCCL))
        return self.card.usable - held

    @property
    def resident(self) -> int:
        """Bytes of weights, buffers and optimizer states: alive at once, whatever operators a GPU takes."""
        held = self.requests.by_role()
        return sum(int(held[role].max(initial=0)) for role in RESIDENT if role in held)

    @property
    def room(self) -> int:
        """By how many bytes the usable memory is more than what is just enough; below 0 where it is less."""
        return self.usable - self.capacity.enough

    @property
    def operators(self) -> str:
        """Whose operators they are: the card's own, another GPU's, or those of "cpu"."""
        return _name_of(self.traced, self.card)

    @cached_property
    def fit(self) -> Fit:
        """Whether the GPU completes a step."""
        tensors = [term.basis for term in self.terms if term.name in ROLES]
        least = self.live if set(tensors) == {EXACT} else 0
        return Fit.of(least, self.capacity.enough, self.usable, self.card.margin)

    def write_snapshot(self, file: str | PathLike[str]) -> None:
        """Write what the allocator does as PyTorch's memory snapshot, with the lines that ask.

        Args:
            file: A pickle for pytorch.org/memory_viz, or JSON, by its ending.

        Raises:
            DeclarationError: It ends neither in `.pickle` nor in `.json`.
        """
        write_snapshot(self._recorded, file, self.requests.frames)

    def write_trace(self, file: str | PathLike[str]) -> None:
        """Write what is allocated and reserved over two steps, as JSON for ui.perfetto.dev or chrome://tracing."""
        text = json.dumps(counters(self.replay, self.requests.spans))
        Path(file).write_text(text, encoding="utf-8")

    @cached_property
    def _recorded(self) -> Replay:
        return replay(self.requests.events, self.card.settings, actions=True)

    def __str__(self) -> str:
        rows = [(units.format(term.nbytes, units.Unit.BYTES), term.name, term.basis) for term in self.terms]
        rows.append((units.format(self.shown, units.Unit.BYTES), "shown by nvidia-smi", "forecast"))
        wide = [max(len(row[column]) for row in rows) for column in range(2)]
        table = [f"{size:>{wide[0]}}  {name:<{wide[1]}}  {basis}" for size, name, basis in rows]
        needed, usable = (
            units.format(number, units.Unit.BYTES) for number in (self.capacity.enough, self.usable)
        )
        answer = (
            f"{self.fit} on {self.card.device.name}: {needed} needed, {usable} usable, "
            f"margin {self.card.margin:.0%}"
        )
        if not self.card.runs_as(self.traced):
            answer += f"; operators are those of {self.operators}"
        return "\n".join([*table, answer])

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "config": dict(self.config),
            "device": self.card.device.name,
            "traced": self.operators,
            "live": self.live,
            "capacity": self.capacity.enough,
            "reserved": self.reserved,
            "shown": self.shown,
            "at_most": self.at_most,
            "usable": self.usable,
            "margin": self.card.margin,
            "fit": str(self.fit),
            "terms": [
                {"name": term.name, "bytes": term.nbytes, "basis": term.basis, "source": term.source}
                for term in self.terms
            ],
        }


def gpu_memory(
    sizes: Sizes,
    values: Mapping[str, Number],
    config: Config,
    card: Card,
    *,
    traced: Card | None,
    channels_last: bool = False,
    gpus: int = 1,
) -> GpuMemory:
    """Return a configuration's memory on a GPU.

    Args:
        sizes: Its program's, traced alone.
        values: The configuration, encoded by the domain.
        config: The configuration.
        card: The GPU.
        traced: The card whose choices of operators and types the program has, None for the CPU's.
        channels_last: Whether convolutions have nothing to convert.
        gpus: How many GPUs train together: more than one have a communicator.
    """
    scratch = scratch_of(sizes, values, card, channels_last=channels_last)
    workspaces = tuple(card.workspaces(sizes))
    asked = requests(sizes, values, workspaces, scratch)
    done = replay(asked.events, card.settings)
    rows = [card.row(CONTEXT)]
    if gpus > 1:
        rows.append(card.row(f"{NCCL} of two" if gpus == PAIR else NCCL))
    outside = [Term(row.name, row.nbytes, str(row.basis), row.source) for row in rows]
    tried = max((each.nbytes for taken in scratch.values() for each in taken if not each.needed), default=0)
    most = int(card.row(CONVOLUTION).times * largest_convolution(sizes, values, card))
    shown = done.peak_reserved + sum(term.nbytes for term in outside)
    basis = EXACT if card.runs_as(traced) else f"{EXACT}, on {_name_of(traced, card)}"
    kept = [card.row(DROPOUT) for each in workspaces if each.name == DROPOUT]
    state = [Term(row.name, row.nbytes, str(row.basis), row.source) for row in kept]
    terms = (*_tensors(sizes, values, card, basis), *_inside(asked, done, state), *outside)
    return GpuMemory(
        config=config,
        card=card,
        traced=traced,
        live=asked.live,
        capacity=capacity_needed(asked.events, card.settings),
        shown=shown,
        at_most=shown + max(most - tried, 0),
        terms=tuple(term for term in terms if term.nbytes),
        requests=asked,
        replay=done,
    )


def _tensors(sizes: Sizes, values: Mapping[str, Number], card: Card, basis: str) -> Iterator[Term]:
    """Yield what is alive at the peak; of recurrent layers what cuDNN was measured to take, or a forecast."""
    recurrent = any(node.target is torch.ops.aten._cudnn_rnn.default for node in sizes.operators())
    seen = str(card.row(DROPOUT).basis) if recurrent else basis
    for name, part in grouped(alive_at_peak(sizes, values), "kind").items():
        yield Term(name, part.evaluate(values), seen if name in OF_CUDNN else basis)


def _inside(asked: Requests, done: Replay, state: Sequence[Term]) -> Iterator[Term]:
    """Yield the other parts of what the allocator reserves: each peak, without those before it."""
    yield Term("rounding up to 512 B", asked.rounded - asked.live, "replayed")
    yield from state
    workspace = asked.with_workspaces - asked.rounded - sum(term.nbytes for term in state)
    yield Term("cuBLAS workspace", workspace, str(Basis.SOURCE_CODE))
    yield Term("scratch of kernels", asked.with_scratch - asked.with_workspaces, str(Basis.FORECAST))
    yield Term("rest of blocks that are not split", done.peak_allocated - asked.with_scratch, "replayed")
    yield Term("cached and fragmented", done.peak_reserved - done.peak_allocated, "replayed")


def _name_of(traced: Card | None, card: Card) -> str:
    if card.runs_as(traced):
        return card.device.name
    return "cpu" if traced is None else traced.device.name
