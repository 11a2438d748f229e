"""Gives jobs to workers, and takes what they return."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fxcost.solve.budget import Budget
from fxcost.solve.lattice import Boxes

SLICE = 5.0
"""A job takes about so many seconds at most."""

AHEAD = 256
"""So many jobs are given at once."""


class Pending(Protocol):
    """What will be known."""

    def result(self) -> Any:
        """Return what a function returned, when it has."""


class Executor(Protocol):
    """Runs functions, in any order and anywhere: `concurrent.futures`, or the like for Ray or Dask."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Pending:
        """Begin to run a function."""


@dataclass(frozen=True)
class Done:
    """What a function has returned."""

    value: Any

    def result(self) -> Any:
        """Return it."""
        return self.value


class Here:
    """Runs functions at once, in this process.

    >>> Here().submit(max, 3, 4).result()
    4
    """

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Done:
        """Run a function."""
        return Done(function(*arguments))


@dataclass(frozen=True, eq=False)
class Job:
    """Some boxes of one part of a question."""

    part: int
    boxes: Boxes


Begin = Callable[[Executor, Job, float], Pending]
"""Gives a job to workers, for so many seconds."""

Take = Callable[[Job, Mapping[str, Any]], Iterable[Job]]
"""Takes what a worker returned, and returns what is left to do."""


class Crew:
    """Workers, and the jobs that are left.

    Args:
        executor: Runs jobs; None runs them here, one after the other.
        jobs: What there is to do.
        budget: When to stop.
    """

    def __init__(self, executor: Executor | None, jobs: Iterable[Job], budget: Budget) -> None:
        self.executor = Here() if executor is None else executor
        self.budget = budget
        self._ahead = 1 if executor is None else AHEAD
        self._waiting = deque(jobs)
        self._given: deque[tuple[Job, Pending]] = deque()

    def work(self, begin: Begin, take: Take) -> None:
        """Have all jobs done.

        Args:
            begin: Gives a job to the executor.
            take: Takes what a worker returned, and returns the jobs that are left of it.

        Raises:
            OutOfBudgetError: The time is over.
        """
        try:
            while self._waiting or self._given:
                seconds = min(SLICE, self.budget.left())
                while self._waiting and len(self._given) < self._ahead:
                    job = self._waiting.popleft()
                    self._given.append((job, begin(self.executor, job, seconds)))
                job, pending = self._given.popleft()
                self._waiting.extend(take(job, pending.result()))
        finally:
            for _, pending in self._given:
                getattr(pending, "cancel", bool)()  # where there is a way to: what began goes on


def divided(part: int, boxes: Boxes, most: int) -> Iterator[Job]:
    """Yield boxes as at most so many jobs, neighbours in different ones.

    >>> import numpy as np
    >>> row = np.arange(5)
    >>> [job.boxes.low[0].tolist() for job in divided(0, Boxes((row,), (row,)), 2)]
    [[0, 2, 4], [1, 3]]
    """
    for first in range(min(most, len(boxes))):
        yield Job(part, boxes.take(slice(first, None, most)))
