"""The Pareto front of some quantities: the settings that no other one beats in all of them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, OutOfBudgetError, Progress
from fxcost.solve.effort import Effort
from fxcost.solve.goals import Goal, largest, smallest
from fxcost.solve.limits import Limit, every
from fxcost.solve.means import Means
from fxcost.solve.optimise import staged
from fxcost.solve.quantities import Quantity
from fxcost.solve.spelling import amount
from fxcost.solve.verdicts import Infeasible, Optimum, Unknown
from fxcost.solve.workers.crew import Executor
from fxcost.space import Config
from fxcost.space.spelling import assignments_text

MOST = 100
"""A front of more points is cut off, where no number is given."""


@dataclass(frozen=True)
class Tradeoff:
    """A setting that no other one beats in all quantities.

    Attributes:
        config: The setting.
        values: The quantities there, by name.
    """

    config: Config
    values: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Front:
    """Settings that are not beaten; of two quantities, from the best of the first to the best of the second.

    Attributes:
        statement: What was asked.
        points: One setting for each combination of values.
        reason: Why there may be more points, None where these are proved to be all.
        quantities: They.
        effort: What it took.
    """

    statement: str
    points: tuple[Tradeoff, ...]
    reason: str | None
    quantities: tuple[Quantity, ...]
    effort: Effort

    @property
    def complete(self) -> bool:
        """Whether these points are proved to be all."""
        return self.reason is None

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Tradeoff]:
        return iter(self.points)

    def __str__(self) -> str:
        number = f"{len(self.points)} point{'s' * (len(self.points) != 1)}"
        all_ = "proved to be all" if self.complete else f"there may be more: {self.reason}"
        lines = [f"{self.statement}: {number}, {all_} ({self.effort})"]
        for point in self.points:
            costs = ", ".join(amount(point.values[each.name], each.unit) for each in self.quantities)
            lines.append(f"  {costs} at {assignments_text(point.config)}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "verdict": "front",
            "statement": self.statement,
            "complete": self.complete,
            "reason": self.reason,
            "points": [{"config": dict(each.config), "values": dict(each.values)} for each in self.points],
            "seconds": round(self.effort.seconds, 3),
        }


def pareto(
    *limits: Limit,
    maximize: Quantity | Sequence[Quantity] | None = None,
    minimize: Quantity | Sequence[Quantity] | None = None,
    points: int = MOST,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    engine: str | None = None,
    executor: Executor | None = None,
    **restriction: object,
) -> Front:
    """Return the settings that no other one beats in all of some quantities, each proved to be unbeaten.

    Args:
        *limits: What is to hold.
        maximize: What is to be large; a quantity, or several.
        minimize: What is to be small; a quantity, or several.
        points: At most so many are looked for, from the best of the first quantity on.
        time_limit: Seconds of search for all of them; tracing paths is not counted.
        progress: Is told what happens, in a few words at a time.
        engine: Who answers, as for `maximize`.
        executor: Searches boxes elsewhere, as for `maximize`.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Raises:
        DeclarationError: There are not two quantities at least, they belong to different spaces, or there is
            no such engine.
        EmptySpaceError: There is no setting to look at.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> front = fc.pareto(cost.flops <= 160, maximize=cost.parameters, minimize=cost.flops)
        >>> print(front)
        largest parameters, smallest flops with flops <= 160 FLOP: 3 points, proved to be all (1 ... s)
          50, 160 FLOP at width=10, batch=2
          45, 144 FLOP at width=9, batch=2
          40, 128 FLOP at width=8, batch=2
    """
    goals = _goals(maximize, minimize)
    if points < 1:
        raise DeclarationError(f"pareto(points={points}): write how many points to look for, 1 or more")
    means = Means.of(engine, executor)
    return _Walk(goals, limits, restriction, Budget(time_limit, progress), means).front(points)


def _goals(maximize: object, minimize: object) -> tuple[Goal, ...]:
    """Return the quantities that are to be large, and behind them those that are to be small."""
    goals = (*map(largest, _several(maximize)), *map(smallest, _several(minimize)))
    if len(goals) < 2:
        raise DeclarationError(
            "pareto() takes two quantities or more: pareto(maximize=cost.parameters, minimize=cost.flops), "
            "or pareto(minimize=(cost.flops, cost.peak_memory))"
        )
    return goals


def _several(quantities: object) -> tuple[Quantity, ...]:
    if quantities is None:
        return ()
    return tuple(quantities) if isinstance(quantities, Iterable) else (quantities,)  # type: ignore[return-value]


@dataclass(frozen=True)
class _Walk:
    """Finds one point after the other: the best of the first quantity, beside it the best second, and so on.

    It is beaten by none: what beats it would have been found instead. Points that are no better than one
    found before, in each of the quantities, are left out of the next search.
    """

    goals: tuple[Goal, ...]
    limits: tuple[Limit, ...]
    restriction: Mapping[str, object]
    budget: Budget
    means: Means

    def front(self, most: int) -> Front:
        """Return at most so many points."""
        found: list[Tradeoff] = []
        better: list[Limit] = []
        reason: str | None = None
        effort = Effort(1, 0.0)
        while True:
            if len(found) == most:
                reason = f"{most} points were asked for"
                break
            best = self._best(better)
            if not isinstance(best, Optimum) or not best.proved:
                reason = _doubt(best)
                break
            values = {each.name: each.value for each in (best, *best.then)}
            found.append(Tradeoff(best.config, values))
            better = self._better(better, list(values.values()))
            effort = best.effort
        quantities = tuple(goal.quantity for goal in self.goals)
        spent = replace(effort, seconds=self.budget.spent())
        return Front(self._statement, tuple(found), reason, quantities, spent)

    def _best(self, more: Sequence[Limit]) -> Optimum | Infeasible | Unknown | None:
        """Return the best of the first quantity, and so on; None where the time is over."""
        try:
            budget = Budget(self.budget.left(), self.budget.progress)
        except OutOfBudgetError:
            return None
        return staged(self.goals, every(*self.limits, *more), self.restriction, budget, self.means)

    def _better(self, before: Sequence[Limit], values: Sequence[int]) -> list[Limit]:
        """Return what a point satisfies that no found one is as good as; of two goals, the second says it."""
        if len(self.goals) == 2:
            return [self.goals[1].better(values[1])]
        better = [goal.better(value) for goal, value in zip(self.goals, values, strict=True)]
        return [*before, functools.reduce(operator.or_, better)]

    @property
    def _statement(self) -> str:
        senses = ", ".join(map(str, self.goals))
        return f"{senses} with {' & '.join(map(str, self.limits))}" if self.limits else senses


def _doubt(answer: Optimum | Infeasible | Unknown | None) -> str | None:
    """Return why there may be more points; None where there are none."""
    match answer:
        case None:
            return "the time limit is over"
        case Infeasible():
            return None
        case Optimum():
            return answer.doubt
    return answer.reason
