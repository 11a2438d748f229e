"""How long a question takes: the median of some runs."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

MOST, ENOUGH = 7, 3.0
"""So many runs, or as many as begin within so many seconds."""


class Timed(NamedTuple, Generic[T]):
    """What a question took, and its answer.

    Attributes:
        seconds: Wall time.
        cpu_seconds: The same, without what other processes took.
        answer: What the last run returned.
    """

    seconds: float
    cpu_seconds: float
    answer: T


def timed(run: Callable[[], T]) -> Timed[T]:
    """Return the median seconds of some runs, and what the last one returned.

    What is compiled once is compiled before: the first run does not count where others follow.
    """
    taken: list[tuple[float, float]] = []
    begun = perf_counter()
    while len(taken) <= MOST and (not taken or perf_counter() - begun < ENOUGH):
        start, start_cpu = perf_counter(), process_time()
        answer = run()
        taken.append((perf_counter() - start, process_time() - start_cpu))
    seconds, cpu_seconds = (median(each) for each in zip(*(taken[1:] or taken), strict=True))
    return Timed(round(seconds, 4), round(cpu_seconds, 4), answer)
