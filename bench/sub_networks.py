"""The sub-networks of examples/once_for_all.py, more than 10^18 in one closed form, against real runs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import fxcost as fc
from bench.comparison import Row, Subject, progress, told
from examples.once_for_all import network
from tests.oracles.agreement import RECIPES

SMALL = {"batch": (2, 3), "resolution": (96, 112)}
TRAINED_EVERY = 5
"""A training step is compared at one in so many settings, an inference at all."""


def compiled(recipe: str = "inference") -> fc.Cost:
    """Compile every sub-network, and read its closed forms."""
    cost = fc.cost(network, training=RECIPES[recipe][0])
    for quantity in (cost.parameters, cost.flops, cost.peak_memory):
        quantity.expression(cost.first)
    return cost


def settings(inference: Subject, training: Subject, count: int, seed: int) -> Iterator[list[Row]]:
    """Yield the comparisons at random sub-networks."""
    draw, space = random.Random(seed), network.space.restrict(**SMALL)
    for number in range(count):
        config = space.sample(draw)
        rows = [inference.row(quantity, config) for quantity in ("parameters", "peak_memory")]
        if number % TRAINED_EVERY == 0:
            rows.append(training.row("peak_memory", config))
        yield list(told(rows))


def figures(count: int, seed: int) -> dict[str, Any]:
    """Return at how many sub-networks all numbers are equal, and the seconds to compile."""
    start = perf_counter()
    inference = Subject(compiled(), "inference")
    seconds = perf_counter() - start
    progress(f"  compiled in {seconds:.0f} s")
    training = Subject(compiled("sgd"), "sgd")
    progress(f"  a training step in {perf_counter() - start - seconds:.0f} s")
    equal = [all(row.equal for row in rows) for rows in settings(inference, training, count, seed)]
    return {
        "once_for_all_equal": sum(equal),
        "once_for_all_tried": len(equal),
        "once_for_all_sub_networks": sub_networks(),
        "once_for_all_compile_s": round(seconds, 1),
        "once_for_all_closed_forms": len(inference.cost.regions.known),
    }


def sub_networks() -> float:
    """Return how many different sub-networks the space has; a block that is left out has no choices."""
    kernels, expansions, widths = 3, 3, 3
    block = kernels * expansions
    stage = sum(block**depth for depth in (2, 3, 4))
    return float(f"{widths * math.prod([stage] * 5):.2e}")
