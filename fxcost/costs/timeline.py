"""A run's storage events as signed sizes: what alignments compare and maxima are read from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fxcost.costs.sizes import Sizes
from fxcost.expr import Polynomial, Row
from fxcost.program import Event, Phase

INDEX = re.compile(r"(?<=[. ])\d+(?=[.,]|$)")


@dataclass(frozen=True, slots=True)
class Step:
    """One storage that comes alive or dies.

    Attributes:
        change: Bytes that the event adds to those alive.
        phase: When it happens.
        operator: What made the storage.
        allocates: Whether it comes alive.
    """

    change: Polynomial
    phase: Phase
    operator: str
    allocates: bool


@dataclass(frozen=True)
class Timeline:
    """What is alive before a run, and its events in order, each with a name for people.

    Attributes:
        alive: Bytes alive before the run.
        steps: The events.
        labels: Where each of them happens.
    """

    alive: Polynomial
    steps: tuple[Step, ...]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, sizes: Sizes) -> Timeline:
        """Return the timeline of a traced program."""
        alive = sum(map(sizes.nbytes, sizes.program.alive), Polynomial())
        events = sizes.program.events
        return cls(alive, tuple(_step(sizes, e) for e in events), tuple(_label(sizes, e) for e in events))


def _step(sizes: Sizes, event: Event) -> Step:
    size = sizes.nbytes(event.storage)
    operator = sizes.program.storages[event.storage].operator
    return Step(size if event.allocates else -size, event.phase, operator, event.allocates)


def _label(sizes: Sizes, event: Event) -> str:
    storage = sizes.program.storages[event.storage]
    return label(event.phase, storage.module, storage.operator)


def label(phase: str, module: str, operator: str) -> str:
    """Return where in a run something happens.

    Example:
        >>> label("backward", "head", "aten.mm.default")
        'backward of head, aten.mm.default'
    """
    return f"{phase} of {module or 'the model'}, {operator}"


def masked(label: str) -> str:
    """Return a label of one layer as that of all layers alike.

    Example:
        >>> masked("forward of blocks.2.mlp.0, aten.gelu.default")
        'forward of blocks.*.mlp.*, aten.gelu.default'
    """
    return INDEX.sub("*", label)


def highest(start: Polynomial, steps: Sequence[Step], labels: Sequence[str]) -> tuple[list[Row], Polynomial]:
    """Return the bytes alive at each local maximum from a start on, and those alive at the end.

    A maximum lies between an allocation and the next release, as no storage has a negative size.
    """
    rows: list[Row] = []
    alive, rising = start, ""
    for step, label in zip(steps, labels, strict=True):
        if not step.allocates and rising:
            rows.append(Row(alive, rising))
            rising = ""
        alive = alive + step.change
        if step.allocates:
            rising = label
    if rising:
        rows.append(Row(alive, rising))
    return rows, alive
