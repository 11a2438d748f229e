"""Counts, maxima, proofs and samples over the two spaces of GPTs, through the public functions.

Tracing, closed forms and the first use of each function are not counted; all else is, from the limits on.
"""

from __future__ import annotations

from typing import Any

import fxcost as fc
from bench import gpt_spaces
from bench.comparison import progress
from bench.timing import Timed, timed

CARD, FEWEST, DRAWN, SECONDS = "24 GiB", 10**9, 100_000, 300


def figures() -> dict[str, Any]:
    """Return the seconds of all questions, and their answers."""
    found: dict[str, Any] = {}
    for name in gpt_spaces.SPACES:
        progress(f"  {name}: tracing")
        cost = gpt_spaces.opened(name)
        found |= _asked(cost, name)
        if name == "5e9":
            found |= _claims(cost)
    return found


def _asked(cost: fc.Cost, name: str) -> dict[str, Any]:
    """Return what is counted and maximised over one space."""
    fits, large = cost.peak_memory <= CARD, cost.parameters >= FEWEST
    quick = (cost.flops <= "50 TFLOP") & (cost.traffic <= "100 GB")
    found: dict[str, Any] = {f"settings_{name}": cost.space.size}
    for label, limits in {
        "count": (fits,),
        "count_large": (fits, large),
        "count_limits": (fits, quick),
        "count_signed": (fits, cost.flops >= "50 TFLOP"),
    }.items():
        count = timed(lambda: fc.feasible(*limits, time_limit=SECONDS).count())  # noqa: B023
        found |= _told(f"{label}_{name}", count, str(count.answer))
    for label, goal, limits in (
        ("max", cost.parameters, (fits,)),
        ("max_flops", cost.flops, (fits, large)),
        ("max_limits", cost.parameters, (fits, quick)),
    ):
        best = timed(lambda: fc.maximize(goal, *limits, time_limit=SECONDS))  # noqa: B023
        found |= _told(f"{label}_{name}", best, str(best.answer))
    return found


def _told(label: str, taken: Timed[Any], answer: str) -> dict[str, Any]:
    progress(f"  {label}: {taken.seconds} s ({taken.cpu_seconds} s of CPU), {answer}")
    return {f"{label}_s": taken.seconds, f"{label}_cpu_s": taken.cpu_seconds, label: answer}


def _claims(cost: fc.Cost) -> dict[str, Any]:
    """Return how long it takes to refute, to prove, to draw, and to search through Z3."""
    fits, large = cost.peak_memory <= CARD, cost.parameters >= FEWEST
    best = fc.maximize(cost.flops, fits, large, time_limit=SECONDS)
    small = cost.parameters <= 2 * 10**8
    most = fc.maximize(cost.peak_memory, small, time_limit=SECONDS)
    batch, seq, depth, width = map(cost.hyperparameter, ("batch", "seq", "depth", "width"))
    shape = ((batch >= 64) & (seq >= 1024)) | (cost.flops >= "50 TFLOP")
    mixed = fits & shape & ~((depth >= 48) & (width <= 2048))
    questions = {
        "refute": lambda: fc.find(fits, large, cost.flops >= best.value + 1, time_limit=SECONDS),
        "find_tight": lambda: fc.find(fits, large, cost.flops >= best.value, time_limit=SECONDS),
        "universal": lambda: (~small | (cost.peak_memory <= most.value)).prove(time_limit=SECONDS),
        "counterexample": lambda: (~small | (cost.peak_memory <= most.value - 1)).prove(time_limit=SECONDS),
        "samples_1e5": lambda: fc.feasible(fits, large, time_limit=SECONDS).sample(DRAWN),
        "z3_mixed": lambda: fc.maximize(cost.parameters, mixed, time_limit=SECONDS),
    }
    found: dict[str, Any] = {}
    for label, question in questions.items():
        taken = timed(question)
        drawn = label == "samples_1e5"
        found |= _told(label, taken, f"{len(taken.answer):,} drawn" if drawn else str(taken.answer))
    return found
