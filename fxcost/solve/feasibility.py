"""The settings for which limits hold, all of them: how many, some drawn evenly, the nearest to one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fxcost.errors import DeclarationError, EmptySpaceError, UnknownVerdictError
from fxcost.expr.vectorised import Array
from fxcost.solve.boxes.best import Extreme, Nearest
from fxcost.solve.boxes.sweep import Bundle, Frontier, volume
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, OutOfBudgetError, Progress
from fxcost.solve.cells import Ground
from fxcost.solve.counts import Count
from fxcost.solve.effort import Effort
from fxcost.solve.lattice import Boxes, Point
from fxcost.solve.limits import Limit, every
from fxcost.solve.parts import Best, Part, parts_of, require_finite
from fxcost.solve.problems import Problem
from fxcost.solve.readings import readings
from fxcost.solve.settings import Settings, ranked
from fxcost.solve.verdicts import Found, Infeasible, Unknown
from fxcost.solve.workers.crew import Executor
from fxcost.solve.workers.tally import Tally
from fxcost.space import Config

KEPT = 1_000_000
"""So many boxes are kept between two questions; more are searched for again."""

CHUNK = 4096
"""So many settings are made at a time where all are listed."""


def feasible(
    *limits: Limit,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    **restriction: object,
) -> Feasible:
    """Return the settings for which limits hold.

    Args:
        *limits: What is to hold; at least one.
        time_limit: Seconds that each question about them may take; tracing paths is not counted.
        progress: Is told what happens, in a few words at a time.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Raises:
        DeclarationError: There is no limit, a hyperparameter has infinitely many values, or the quantities
            belong to different spaces.
        EmptySpaceError: The restriction leaves nothing.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> small = fc.feasible(cost.flops <= "2 kFLOP")
        >>> print(small.count())
        flops <= 2 kFLOP: 452 of 1,767 settings (25.6 %), exact (1 region, ... s)
        >>> list(small.sample(2, seed=1))
        [Config(width=9, batch=6), Config(width=27, batch=6)]
        >>> small.ranges()["batch"]
        (2, 31)
        >>> small.nearest(width=40, batch=10).config
        Config(width=40, batch=6)
    """
    return Feasible(limits, restriction, time_limit, progress)


class Feasible:
    """The settings of a space for which limits hold; see `feasible`."""

    def __init__(
        self,
        limits: Sequence[Limit],
        restriction: Mapping[str, object],
        time_limit: float,
        progress: Progress | None,
    ) -> None:
        if not limits:
            raise DeclarationError("feasible() takes at least one limit, such as cost.flops <= '2 TFLOP'")
        self.limit = every(*limits)
        self._problem = Problem(self.limit, restriction)
        self._time_limit = time_limit
        self._progress = progress
        self._ground = Ground(self.limit.quantities, restriction, Budget(time_limit, progress))
        require_finite(self._ground)
        self._parts: list[Part] | None = None
        self._kept: list[Bundle] | None = None
        self._counted: Count | None = None

    @property
    def effort(self) -> Effort:
        """What the last question took."""
        return self._ground.effort

    def count(self, *, executor: Executor | None = None, resume: str | Path | None = None) -> Count:
        """Return how many there are: exactly, or between two numbers where the time is over.

        Args:
            executor: Counts on several processes or machines: a `concurrent.futures.ProcessPoolExecutor`, or
                anything with its `submit`. What is submitted and returned is plain data.
            resume: A JSON file that is written every few seconds and at the end. Where it is there, what it
                says is known, and only the rest is counted.

        Raises:
            DeclarationError: The file is damaged or about another question, or a condition is only known by
                calling Python, which workers do not.
        """
        if self._counted is None or not self._counted.exact:
            alone = executor is None and resume is None
            self._counted = self._count() if alone else self._shared(executor, resume)
        return self._counted

    def _shared(self, executor: Executor | None, resume: str | Path | None) -> Count:
        """Count by workers, or from a file on."""
        ground, statement, found, left = self._asked(), str(self.limit), 0, self._size
        try:
            tally = Tally(
                statement, self._all_parts(), ground.budget, None if resume is None else Path(resume)
            )
        except OutOfBudgetError as error:
            return Count(statement, found, left, self._size, str(error), ground.effort)
        try:
            tally.count(executor)
        except OutOfBudgetError as error:
            most = min(tally.found + tally.left, self._size)
            return Count(statement, tally.found, most, self._size, str(error), ground.effort)
        return Count(statement, tally.found, tally.found, self._size, None, ground.effort)

    def _count(self) -> Count:
        ground, found, left = self._asked(), 0, self._size
        kept, number = list[Bundle](), 0
        try:
            parts = self._all_parts()
            left = sum(volume(Boxes.of(part.box)) for part in parts)
            for part in parts:
                left -= volume(Boxes.of(part.box))
                frontier = Frontier(Boxes.of(part.box))
                try:
                    for bundle in part.bundles(frontier, ground.budget):
                        found += bundle.size
                        number += len(bundle) if number <= KEPT else 0
                        if number <= KEPT:
                            kept.append(bundle)
                        ground.budget.tell(f"{self.limit}: {found:,} settings so far")
                finally:
                    left += volume(frontier.boxes)
        except OutOfBudgetError as error:
            most = min(found + left, self._size)
            return Count(str(self.limit), found, most, self._size, str(error), ground.effort)
        self._kept = kept if number <= KEPT else None
        return Count(str(self.limit), found, found, self._size, None, ground.effort)

    def sample(self, count: int, seed: int = 0) -> Settings:
        """Return settings drawn evenly from all that are feasible, each independently of the others.

        Args:
            count: How many.
            seed: The same seed draws the same settings.

        Raises:
            DeclarationError: One of the numbers is negative, or no integer.
            EmptySpaceError: No setting is feasible.
            UnknownVerdictError: They could not be counted in time.
        """
        _check(count, f"sample({count!r}): write how many settings to draw, 0 or more")
        _check(seed, f"seed={seed!r}: write an integer, 0 or more")
        total = int(self.count())
        if not total:
            raise EmptySpaceError(f"no setting satisfies {self.limit}")
        ranks = _drawn(total, count, seed)
        order = np.argsort(ranks)
        with self._to_the_end() as ground:
            found = list(self._at(ranks[order], ground.budget))
        rows = [np.concatenate(pieces) for pieces in zip(*found, strict=True)]
        drawn = [np.empty_like(row) for row in rows]
        for row, sorted_ in zip(drawn, rows, strict=True):
            row[order] = sorted_
        return Settings(self._ground.lattice, tuple(drawn))

    def __iter__(self) -> Iterator[Config]:
        """Yield every one of them; what is done with one takes no time of the next.

        Raises:
            UnknownVerdictError: The time is over.
        """
        with self._to_the_end() as ground:
            budget = ground.budget
            for boxes in self._boxes(budget):
                for start in range(0, volume(boxes), CHUNK):
                    ranks = np.arange(start, min(start + CHUNK, volume(boxes)))
                    with budget.paused():
                        yield from Settings(ground.lattice, ranked(boxes, ranks))

    def ranges(self) -> dict[str, tuple[Any, Any]]:
        """Return the first and the last value of each hyperparameter that some feasible setting has.

        Of a `Choice`, in the order in which positions or numbers count.

        Raises:
            EmptySpaceError: No setting is feasible.
            UnknownVerdictError: The time is over.
        """
        with self._to_the_end() as ground:
            low, high = self._end(-1), self._end(1)
        lattice = ground.lattice
        first, last = lattice.config(low), lattice.config(high)
        return {name: (first[name], last[name]) for name in lattice.names}

    def nearest(self, **config: Any) -> Found | Infeasible | Unknown:
        """Return the feasible setting that changes fewest hyperparameters of one, and these by fewest steps.

        Raises:
            ConfigError: The setting does not lie in the space.
        """
        ground = self._asked()
        whole = ground.regions[0].space
        goal = Nearest(ground.lattice, ground.lattice.point(whole.config(**config)))
        best: Best | None = None
        try:
            for part in self._all_parts():
                best = part.best(goal, ground.budget, best)
        except OutOfBudgetError as error:
            return Unknown(str(self.limit), str(error), ground.effort)
        if best is None:
            return Infeasible(str(self.limit), ground.effort, self._problem)
        setting = ground.lattice.config(best.cell.found(best.point, self.limit))
        return Found(str(self.limit), setting, readings(self.limit, best.cell, best.point), ground.effort)

    def _end(self, sign: int) -> Point:
        """Return the lowest (or highest) position of each hyperparameter among feasible settings."""
        ground, ends = self._ground, []
        for index, name in enumerate(ground.lattice.names):
            best: Best | None = None
            for part in self._all_parts():
                best = part.best(Extreme(index, sign), ground.budget, best)
            if best is None:
                raise EmptySpaceError(f"no setting satisfies {self.limit}: {name} has no value left")
            ends.append(best.point[index])
        return tuple(ends)

    @property
    def _size(self) -> int:
        """The number of settings of the part of the space, valid or not."""
        return volume(Boxes.of(self._ground.box))

    def _asked(self) -> Ground:
        """Return the ground with a budget of its own for a new question."""
        self._ground.budget = Budget(self._time_limit, self._progress)
        return self._ground

    @contextmanager
    def _to_the_end(self) -> Iterator[Ground]:
        """Return the ground for a new question that half an answer does not help.

        Raises:
            UnknownVerdictError: The time is over.
        """
        try:
            yield self._asked()
        except OutOfBudgetError as error:
            advice = "give it a longer time_limit, or restrict the hyperparameters"
            raise UnknownVerdictError(f"{self.limit}: unknown, {error}; {advice}") from error

    def _all_parts(self) -> list[Part]:
        if self._parts is None:
            self._parts = list(parts_of(self._ground, self.limit))
        return self._parts

    def _at(self, ranks: Array, budget: Budget) -> Iterator[tuple[Array, ...]]:
        """Yield the positions of the feasible settings of ascending ranks, some at a time."""
        start = done = 0
        for boxes in self._boxes(budget):
            end = start + volume(boxes)
            here = int(np.searchsorted(ranks, end))
            yield ranked(boxes, ranks[done:here] - start)
            start, done = end, here
            if done == len(ranks):
                return

    def _boxes(self, budget: Budget) -> Iterator[Boxes]:
        """Yield boxes of feasible settings, in the same order each time."""
        if self._kept is not None:
            yield from (bundle.boxes for bundle in self._kept)
            return
        for part in self._all_parts():
            yield from (bundle.boxes for bundle in part.bundles(Frontier(Boxes.of(part.box)), budget))


def _check(number: object, message: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise DeclarationError(message)


def _drawn(total: int, count: int, seed: int) -> Array:
    """Return numbers drawn evenly from those below a total."""
    if total < 2**63:
        return np.random.default_rng(seed).integers(0, total, size=count)
    draw = random.Random(seed)
    ranks = np.empty(count, dtype=object)
    ranks[:] = [draw.randrange(total) for _ in range(count)]
    return ranks
