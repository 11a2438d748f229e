"""A GPT of 1 to 96 blocks: compiling all depths against one trace, and unseen depths against real runs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

import fxcost as fc
from bench.comparison import Row, Witness, costs, told
from examples.gpt import gpt
from fxcost.expr import Domain
from fxcost.program import Program
from fxcost.trace import Subject, generic_hint, trace
from tests.oracles.agreement import RECIPES

DEEPEST, TRACED_DEPTH, RECIPE = 96, 4, "adamw"
SMALL = {"width": 64, "heads": 4, "batch": 2, "seq": 128}
QUANTITIES = ("parameters", "flops", "peak_memory")


deep_gpt = fc.model(
    space=fc.Space(gpt.space.domains | {"depth": fc.Int(1, DEEPEST)}),
    example=gpt.example,
)(gpt.__wrapped__)  # type: ignore[attr-defined]


def compiled() -> fc.Cost:
    """Compile the training step of every depth, and read its closed forms."""
    cost = fc.cost(deep_gpt, training=RECIPES[RECIPE][0])
    for name in QUANTITIES:
        cost.quantities[name].expression(cost.first)
    return cost


def traced() -> Program:
    """Trace the training step once, at one depth."""
    subject = Subject(
        factory=deep_gpt.__wrapped__,  # type: ignore[attr-defined]
        factory_names=deep_gpt.factory_names,
        example=deep_gpt.example,
        example_names=deep_gpt.example_names,
        training=RECIPES[RECIPE][0],
    )
    space = deep_gpt.space
    hint = generic_hint(space.restrict(depth=TRACED_DEPTH), 1)[0]
    return trace(subject, Domain(space), hint)


def compile_ratio(repeats: int) -> float:
    """Return the median ratio of compiling to one trace, taken in turns after a first trace of each."""
    traced(), compiled()
    return median(seconds(compiled) / seconds(traced) for _ in range(repeats))


def seconds(run: Any) -> float:
    """Return the wall time of a run."""
    start = perf_counter()
    run()
    return perf_counter() - start


def unseen_depths(count: int, seed: int) -> Iterator[list[Row]]:
    """Yield the comparisons at each of some depths that were never traced, the deepest among them."""
    witness = Witness()
    with witness.watching():
        subject = costs(deep_gpt, RECIPE)
        depths = [depth for depth in range(1, DEEPEST) if witness.is_new({"depth": depth}, ["depth"])]
        for depth in (DEEPEST, *random.Random(seed).sample(depths, count - 1)):
            config = deep_gpt.space.config(**SMALL, depth=depth)
            yield list(told(subject.row(quantity, config) for quantity in QUANTITIES))


def figures(repeats: int, count: int, seed: int) -> dict[str, Any]:
    """Return the ratio, and at how many unseen depths all numbers are equal."""
    equal = [all(row.equal for row in rows) for rows in unseen_depths(count, seed)]
    return {
        "depth_compile_ratio": round(compile_ratio(repeats), 2),
        "gpt_unseen_depths_equal": sum(equal),
        "gpt_unseen_depths": len(equal),
    }
