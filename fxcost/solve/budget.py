"""What one question may spend: seconds of search, and regions traced on its way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from fxcost.errors import DeclarationError

Progress: TypeAlias = "Callable[[str], None]"

DEFAULT_SECONDS = 10.0
"""The time limit of a question that sets none."""

NEW_REGIONS = 16
"""A question traces at most so many regions that were not known before, where it sets no number."""


class OutOfBudgetError(Exception):
    """A search cannot go on; the message says why. Every question turns it into an `Unknown`."""


@dataclass
class Budget:
    """Counts down while a question is answered.

    Args:
        seconds: The time limit; tracing is not counted.
        progress: Is told, in a few words, what happens.
        regions: At most so many regions are traced that were not known before.

    >>> Budget(5.0).left() <= 5.0
    True
    >>> Budget(-1)
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: time_limit=-1: write a number of seconds above 0
    """

    seconds: float = DEFAULT_SECONDS
    progress: Progress | None = None
    regions: int = NEW_REGIONS
    _traced: int = field(default=0, init=False)
    _uncounted: float = field(default=0.0, init=False)
    _started: float = field(default_factory=time.perf_counter, init=False)

    def __post_init__(self) -> None:
        number: object = self.seconds
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
            raise DeclarationError(f"time_limit={self.seconds!r}: write a number of seconds above 0")
        count: object = self.regions
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise DeclarationError(f"regions={self.regions!r}: write how many may be traced, 0 or more")

    def spent(self) -> float:
        """Return the seconds since the question was asked."""
        return time.perf_counter() - self._started

    def left(self) -> float:
        """Return the seconds left.

        Raises:
            OutOfBudgetError: There are none.
        """
        left = self.seconds + self._uncounted - self.spent()
        if left <= 0:
            raise OutOfBudgetError(f"the time limit of {self.seconds:g} s is over")
        return left

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Count one more region, and none of the seconds that tracing it takes.

        Raises:
            OutOfBudgetError: There were enough.
        """
        self.left()
        if self._traced == self.regions:
            count = f"{self.regions} region{'s were' if self.regions != 1 else ' was'}"
            raise OutOfBudgetError(f"{count} traced for this question, and more are there")
        self._traced += 1
        with self.paused():
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Count none of the seconds meanwhile."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self._uncounted += time.perf_counter() - before

    @contextmanager
    def half(self) -> Iterator[Budget]:
        """Lend half of the seconds left, and the regions, to a question that is a part of this one.

        Raises:
            OutOfBudgetError: There are no seconds left.
        """
        lent = Budget(self.left() / 2, self.progress, self.regions - self._traced)
        try:
            yield lent
        finally:
            self._traced += lent._traced
            self._uncounted += lent._uncounted

    def tell(self, message: str) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(message)
