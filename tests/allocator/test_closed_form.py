"""Closed forms contain the replays of all configurations."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fxcost.allocator import Events, bounds, replay
from fxcost.allocator.closed_form import Step, closed_form
from fxcost.expr import Domain, Normaliser, Polynomial
from fxcost.space import Int, Space

KIB = 2**10


def drawn(seed: int, normaliser: Normaliser) -> tuple[list[Step], dict[int, Polynomial]]:
    """Return a random program whose sizes are formulas in width and batch."""
    draw = random.Random(seed)
    width, batch = (normaliser.polynomial(symbol) for symbol in normaliser.domain.symbols.values())
    one = Polynomial.constant(1)
    formulas = [
        draw.choice([1, 4, 100, 7 * KIB, 64 * KIB, 300 * KIB])
        * draw.choice([one, width, batch, width * batch])
        + draw.choice([0, 0, 3, 512 * KIB])
        for _ in range(6)
    ]
    steps, sizes, live = [], {}, []
    for _ in range(draw.choice([6, 25, 60])):
        if live and draw.random() < 0.45:
            steps.append(Step(live.pop(draw.randrange(len(live))), allocates=False))
            continue
        storage = len(sizes)
        sizes[storage] = draw.choice(formulas)
        steps.append(Step(storage, allocates=True))
        live.append(storage)
    return steps, sizes


def events_at(steps: list[Step], sizes: dict[int, Polynomial], values: dict[str, int]) -> Events:
    rows = [
        ("allocate", step.storage, sizes[step.storage].evaluate(values))
        if step.allocates
        else ("free", step.storage)
        for step in steps
    ]
    return Events.of(rows)


@pytest.mark.parametrize("seed", range(25))
def test_the_formulas_contain_the_replay_of_every_configuration(seed: int) -> None:
    domain = Domain(Space(width=Int(1, 40, step=13), batch=Int(1, 9, step=2)))
    normaliser = Normaliser(domain)
    steps, sizes = drawn(seed, normaliser)
    found = closed_form(steps, sizes, normaliser)
    for width in range(1, 41, 13):
        for batch in range(1, 10, 2):
            values = {"width": width, "batch": batch}
            done = replay(events := events_at(steps, sizes, values))
            low, high = (expression.evaluate(values) for expression in found.allocated)
            least, most = (expression.evaluate(values) for expression in found.reserved)
            assert low <= done.peak_allocated <= high
            assert least <= done.peak_reserved <= most
            assert low == bounds(events).allocated[0]
            assert bounds(events).reserved[1] <= most


def test_the_formulas_are_evaluated_at_many_configurations_at_once() -> None:
    domain = Domain(Space(width=Int(1, 4000), batch=Int(1, 64)))
    normaliser = Normaliser(domain)
    width, batch = (normaliser.polynomial(symbol) for symbol in domain.symbols.values())
    steps = [Step(0, allocates=True), Step(1, allocates=True), Step(0, allocates=False)]
    found = closed_form(steps, {0: 4 * width * batch, 1: 12 * width}, normaliser)
    settings = {"width": np.array([1, 77, 4000]), "batch": np.array([64, 5, 3])}
    rounded = [
        -(-4 * w * b // 512) * 512 + -(-12 * w // 512) * 512 for w, b in zip(*settings.values(), strict=True)
    ]
    assert found.allocated[0].evaluate_many(settings).tolist() == rounded


def test_a_program_without_allocations_needs_nothing() -> None:
    normaliser = Normaliser(Domain(Space(width=Int(1, 4))))
    found = closed_form([], {}, normaliser)
    assert [str(expression) for expression in (*found.allocated, *found.reserved)] == ["0"] * 4
