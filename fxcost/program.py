"""What a trace yields: an ATen-level graph, its storages and their events, the questions asked.

Sizes are Python ints or SymPy expressions in the hyperparameters' symbols.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import sympy
import torch

from fxcost.space import Config

Size: TypeAlias = "int | sympy.Expr"


class Phase(enum.StrEnum):
    """When an operator runs within one use of the model."""

    CONSTRUCT = "construct"
    FORWARD = "forward"
    BACKWARD = "backward"
    STEP = "step"


class Role(enum.StrEnum):
    """What a storage holds."""

    PARAMETER = "parameter"
    BUFFER = "buffer"
    BATCH = "batch"
    OPTIMIZER_STATE = "optimizer state"
    GRADIENT = "gradient"
    ACTIVATION = "activation"
    COMMUNICATION = "communication"
    TEMPORARY = "temporary"


class QuestionKind(enum.StrEnum):
    """Who asked: the model's code, torch about layout, something that pinned a value, or known data.

    `REPEATS` was not asked: from there on, a segment of the program is repeated.
    """

    MODEL = "model condition"
    LAYOUT = "layout assumption"
    SPECIALISATION = "specialisation"
    DATA = "data assumption"
    REPEATS = "repeats begin"


@dataclass(frozen=True, slots=True)
class Source:
    """A line of Python."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class TensorMeta:
    """A tensor at the moment an operator returned it; `storage` indexes `Program.storages`."""

    shape: tuple[Size, ...]
    dtype: torch.dtype
    storage: int


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of memory that tensors share. `nbytes` is in bytes; it is there where `gate` holds."""

    index: int
    nbytes: Size
    role: Role
    phase: Phase
    operator: str
    module: str
    source: Source | None
    gate: sympy.Basic = sympy.true


@dataclass(frozen=True, slots=True)
class Event:
    """A storage comes alive or dies. `node` names the graph node that ran last at that moment."""

    storage: int
    allocates: bool
    phase: Phase
    node: str


@dataclass(frozen=True, slots=True)
class Question:
    """A condition that held while tracing; the program's sizes are right wherever all of them hold."""

    condition: sympy.Basic
    kind: QuestionKind
    source: Source | None
    asked_at: Source | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter or a buffer of the model, shared ones once; it is there where `gate` holds."""

    name: str
    shape: tuple[Size, ...]
    dtype: torch.dtype
    trainable: bool
    buffer: bool
    storage: int
    gate: sympy.Basic = sympy.true


@dataclass(frozen=True)
class Program:
    """One path of a factory, its forward and, when trained, its backward and optimizer step.

    Attributes:
        graph: ATen operators of the measured run in eager order. Each node's `meta` holds
            `value` (a `TensorMeta`, a tuple of them, or another result), `phase`, `module`, `source`, `times`
            (how often the run does the same) and `gate`: it runs where that holds; of an operator on lists,
            one gate for each entry.
        hint: The configuration the trace ran at.
        weights: Parameters and buffers.
        storages: Every storage seen, by index.
        alive: Indices of the storages that live before the measured run starts.
        events: Allocations and releases of the measured run, in eager order.
        saved: Indices of the storages that autograd keeps for the backward pass.
        questions: What must hold for the sizes to be right.
        dynamic: The hyperparameters that stand for what data decides here.
        positions: By file and line of model code that looks at its position in a loop, the largest one.
    """

    graph: torch.fx.Graph
    hint: Config
    weights: tuple[Weight, ...]
    storages: tuple[Storage, ...]
    alive: tuple[int, ...]
    events: tuple[Event, ...]
    saved: tuple[int, ...]
    questions: tuple[Question, ...]
    dynamic: frozenset[str] = frozenset()
    positions: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @property
    def alternatives(self) -> frozenset[str]:
        """The hyperparameters that choose between alternatives traced together."""
        gates = {each.gate for each in self.storages} | {each.gate for each in self.weights}
        return frozenset(symbol.name for gate in gates for symbol in gate.free_symbols)

    def stages(self) -> Iterator[Program]:
        """Yield what each stage of a pipeline has and does; a program of one GPU yields itself.

        Between the stages' events are those that take away what the one has and bring what the next has.
        """
        alive, events = list(self.alive), list[Event]()
        for event in self.events:
            if event.phase is not Phase.CONSTRUCT:
                events.append(event)
                continue
            if events:
                yield replace(self, alive=tuple(alive), events=tuple(events))
                alive, events = [], []
            if event.allocates:
                alive.append(event.storage)
        yield replace(self, alive=tuple(alive), events=tuple(events))

    def operators(self) -> Iterator[torch.fx.Node]:
        """Yield the graph's ATen calls, in order."""
        for node in self.graph.nodes:
            if isinstance(node.target, torch._ops.OpOverload):
                yield node

    @staticmethod
    def meta_of(argument: Any) -> Any:
        """Return a node's traced value, and any other argument as it is."""
        return argument.meta["value"] if isinstance(argument, torch.fx.Node) else argument

    def call(self, node: torch.fx.Node) -> tuple[tuple[object, ...], Mapping[str, object], object]:
        """Return the node's arguments, keyword arguments and result with nodes replaced by metas."""
        arguments = torch.fx.node.map_arg(node.args, lambda argument: argument)
        return (
            tuple(torch.fx.node.map_aggregate(arguments, self.meta_of)),
            dict(torch.fx.node.map_aggregate(node.kwargs, self.meta_of)),
            node.meta["value"],
        )
