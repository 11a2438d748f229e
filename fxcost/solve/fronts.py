"""The Pareto front of two quantities: the settings that no other one beats in both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, OutOfBudgetError, Progress
from fxcost.solve.effort import Effort
from fxcost.solve.limits import Limit, at_least, at_most, every, less_than, more_than
from fxcost.solve.optimise import Optimisation
from fxcost.solve.problems import Problem
from fxcost.solve.quantities import Quantity
from fxcost.solve.spelling import amount
from fxcost.solve.verdicts import Infeasible, Optimum, Unknown
from fxcost.space import Config
from fxcost.space.spelling import assignments_text

MOST = 100
"""A front of more points is cut off, where no number is given."""


@dataclass(frozen=True)
class Tradeoff:
    """A setting that no other one beats in both quantities.

    Attributes:
        config: The setting.
        values: Both quantities there, by name.
    """

    config: Config
    values: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Front:
    """Settings that are not beaten, from the best of the first quantity to the best of the second.

    Attributes:
        statement: What was asked.
        points: One setting for each pair of values.
        reason: Why there may be more points, None where these are proved to be all.
        quantities: Both.
        effort: What it took.
    """

    statement: str
    points: tuple[Tradeoff, ...]
    reason: str | None
    quantities: tuple[Quantity, Quantity]
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
    maximize: Quantity | None = None,
    minimize: Quantity | tuple[Quantity, Quantity] | None = None,
    points: int = MOST,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    **restriction: object,
) -> Front:
    """Return the settings that no other one beats in two quantities, each proved to be unbeaten.

    Args:
        *limits: What is to hold.
        maximize: What is to be large.
        minimize: What is to be small; a pair where nothing is to be large.
        points: At most so many are looked for, from the best of the first quantity on.
        time_limit: Seconds of search for all of them; tracing paths is not counted.
        progress: Is told what happens, in a few words at a time.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Raises:
        DeclarationError: There are not two quantities, or they belong to different spaces.
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
    return _Walk(goals, limits, restriction, Budget(time_limit, progress)).front(points)


def _goals(
    maximize: Quantity | None, minimize: Quantity | tuple[Quantity, Quantity] | None
) -> tuple[tuple[Quantity, int], tuple[Quantity, int]]:
    """Return the two quantities, each with 1 where it is to be large and -1 where it is to be small."""
    small = minimize if isinstance(minimize, tuple) else () if minimize is None else (minimize,)
    goals = [*(() if maximize is None else ((maximize, 1),)), *((each, -1) for each in small)]
    if len(goals) != 2:
        raise DeclarationError(
            "pareto() takes two quantities: pareto(maximize=cost.parameters, minimize=cost.flops), "
            "or pareto(minimize=(cost.flops, cost.peak_memory))"
        )
    return goals[0], goals[1]


@dataclass(frozen=True)
class _Walk:
    """Finds one point after the other: the best of the first quantity, then the best second beside it."""

    goals: tuple[tuple[Quantity, int], tuple[Quantity, int]]
    limits: tuple[Limit, ...]
    restriction: Mapping[str, object]
    budget: Budget

    def front(self, most: int) -> Front:
        """Return at most so many points."""
        found: list[Tradeoff] = []
        better: tuple[Limit, ...] = ()
        reason: str | None = None
        regions, (first, second) = 1, self.goals
        while reason is None:
            if len(found) == most:
                reason = f"{most} points were asked for"
                break
            top = self._best(*first, better)
            reason = _doubt(top)
            if not isinstance(top, Optimum) or reason is not None:
                break
            beside = self._best(*second, (*better, _no_worse(*first, top.value)))
            reason = _doubt(beside)
            if not isinstance(beside, Optimum) or reason is not None:
                break
            values = {first[0].name: top.value, second[0].name: beside.value}
            found.append(Tradeoff(beside.config, values))
            better = (_better(*second, beside.value),)
            regions = beside.effort.regions
        quantities = first[0], second[0]
        return Front(self._statement, tuple(found), reason, quantities, Effort(regions, self.budget.spent()))

    def _best(
        self, quantity: Quantity, sign: int, more: tuple[Limit, ...]
    ) -> Optimum | Infeasible | Unknown | None:
        """Return the best of one quantity, None where the time is over."""
        try:
            budget = Budget(self.budget.left(), self.budget.progress)
        except OutOfBudgetError:
            return None
        problem = Problem(every(*self.limits, *more), self.restriction, quantity, sign)
        return Optimisation(problem, budget).answer()

    @property
    def _statement(self) -> str:
        senses = ", ".join(
            f"{'largest' if sign > 0 else 'smallest'} {each.name}" for each, sign in self.goals
        )
        return f"{senses} with {' & '.join(map(str, self.limits))}" if self.limits else senses


def _doubt(answer: Optimum | Infeasible | Unknown | None) -> str | None:
    """Return why an answer is not proved."""
    if answer is None:
        return "the time limit is over"
    return None if isinstance(answer, Infeasible) else answer.reason


def _no_worse(quantity: Quantity, sign: int, value: int) -> Limit:
    return at_least(quantity, value) if sign > 0 else at_most(quantity, value)


def _better(quantity: Quantity, sign: int, value: int) -> Limit:
    return more_than(quantity, value) if sign > 0 else less_than(quantity, value)
