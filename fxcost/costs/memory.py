"""Bytes of tensor storage: what autograd keeps, and the most that is alive at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fxcost.costs.contributions import Contribution
from fxcost.costs.sizes import Sizes
from fxcost.costs.timeline import Timeline, highest
from fxcost.expr import Row
from fxcost.expr.functions import Number


def activations(sizes: Sizes) -> list[Contribution]:
    """Count the bytes that autograd keeps for the backward pass, beyond weights and the batch."""
    return contributions(sizes, sizes.program.saved)


def contributions(sizes: Sizes, storages: Iterable[int]) -> list[Contribution]:
    """Return the bytes of some storages, each with what it holds and the line that made it."""
    described = []
    for index in storages:
        storage = sizes.program.storages[index]
        described.append(
            Contribution(
                sizes.nbytes(index),
                storage.module,
                storage.operator,
                storage.phase,
                storage.source,
                storage.role,
            )
        )
    return described


def alive_rows(sizes: Sizes) -> list[Row]:
    """Return the bytes alive at each local maximum of the run: the peak is their Max."""
    timeline = Timeline.of(sizes)
    rows, _ = highest(timeline.alive, timeline.steps, timeline.labels)
    return [Row(timeline.alive, "before the run"), *rows]


def alive_at_peak(sizes: Sizes, values: Mapping[str, Number]) -> list[Contribution]:
    """Return the storages alive at the worst moment of one configuration."""
    program = sizes.program
    alive = set(program.alive)
    size = {index: sizes.nbytes(index).evaluate(values) for index in alive}
    now = peak = sum(size.values())
    worst = frozenset(alive)
    for event in program.events:
        if not event.allocates:
            alive.discard(event.storage)
            now -= size[event.storage]
            continue
        alive.add(event.storage)
        size[event.storage] = sizes.nbytes(event.storage).evaluate(values)
        now += size[event.storage]
        if now > peak:
            peak, worst = now, frozenset(alive)
    return contributions(sizes, sorted(worst))
