"""How long a question takes: the median of some runs."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

MOST, ENOUGH = 7, 3.0
"""So many runs, or as many as begin within so many seconds."""


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """Return the median seconds of some runs, and what the last one returned.

    What is compiled once is compiled before: the first run does not count where others follow.
    """
    taken: list[float] = []
    begun = perf_counter()
    while len(taken) <= MOST and (not taken or perf_counter() - begun < ENOUGH):
        start = perf_counter()
        result = run()
        taken.append(perf_counter() - start)
    return round(median(taken[1:] or taken), 4), result
