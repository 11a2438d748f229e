"""Prove a limit for all settings, or find a setting for which it holds."""

from __future__ import annotations

from fxcost.errors import FactoryError
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, OutOfBudgetError, Progress
from fxcost.solve.cells import Cell, Ground
from fxcost.solve.effort import Effort
from fxcost.solve.endless import endless
from fxcost.solve.lattice import Point
from fxcost.solve.limits import Limit, every
from fxcost.solve.problems import Problem
from fxcost.solve.readings import readings
from fxcost.solve.routes import engine_of
from fxcost.solve.shrinking import lowered
from fxcost.solve.verdicts import Found, Infeasible, Proved, Refuted, Unknown


def prove(
    limit: Limit,
    /,
    *,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    engine: str | None = None,
    **restriction: object,
) -> Proved | Refuted | Unknown:
    """Prove that a limit holds for every setting, or find one for which it does not.

    Settings that the factory refuses, and those that the space's conditions exclude, do not count.

    Args:
        limit: What is to hold.
        time_limit: Seconds of search after which the answer is `Unknown`; tracing paths is not counted.
        progress: Is told what happens, in a few words at a time.
        engine: "boxes", "z3+boxes", "z3" or "cpsat"; by default `fxcost.solve.routes.table()` says which.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`. The pair
            `batch=(1, None)` is every batch from 1 on, declared or not: the factory is traced once more.

    Returns:
        `Proved`, `Refuted` with a counterexample, or `Unknown` with the reason.

    Raises:
        EmptySpaceError: There is no setting to prove it for.
        DeclarationError: The limit compares quantities of different spaces.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> print(fc.prove(cost.flops <= "20 kFLOP"))
        flops <= 20 kFLOP: proved for all 1,767 settings (1 region, ... s)
        >>> print(fc.prove(cost.flops <= "10 kFLOP", batch=(2, 20)))
        flops is 10.08 kFLOP, limit <= 10.00 kFLOP, at width=63, batch=20 (1 region, ... s)
        >>> print(fc.prove(cost.flops >= 16 * 8, width=8, batch=(2, None)))
        flops >= 128 FLOP: proved for every batch from 2 on (1 region, ... s)
    """
    try:
        asked = endless(limit, restriction)
    except (FactoryError, OutOfBudgetError) as error:
        return Unknown(str(limit), f"nothing is known beyond the declared space: {error}", Effort(0, 0.0))
    limit, budget = asked.limit, Budget(time_limit, progress)
    ground = Ground(limit.quantities, asked.restriction, budget, engine_of(engine))
    try:
        found = _satisfying(ground, ~limit)
    except OutOfBudgetError as error:
        return Unknown(str(limit), str(error), ground.effort)
    if found is None:
        problem = Problem(limit, asked.restriction)
        return Proved(str(limit), ground.space.size, ground.filtered, ground.effort, problem, str(asked))
    cell, point = found
    smallest = lowered(point, ground.box.low, lambda moved: cell.satisfies(~limit, moved))
    config = ground.lattice.config(smallest)
    return Refuted(str(limit), config, readings(limit, cell, smallest), ground.effort)


def find(
    limit: Limit,
    /,
    *more: Limit,
    time_limit: float = DEFAULT_SECONDS,
    progress: Progress | None = None,
    engine: str | None = None,
    **restriction: object,
) -> Found | Infeasible | Unknown:
    """Find a setting for which limits hold, or prove that there is none.

    Args:
        limit: What is to hold.
        *more: What is to hold as well.
        time_limit: Seconds of search after which the answer is `Unknown`; tracing paths is not counted.
        progress: Is told what happens, in a few words at a time.
        engine: "boxes", "z3+boxes", "z3" or "cpsat"; by default `fxcost.solve.routes.table()` says which.
        **restriction: Hyperparameters to fix, or to bound by a pair, as in `Space.restrict`.

    Returns:
        `Found` with a setting, `Infeasible`, or `Unknown` with the reason.

    Raises:
        EmptySpaceError: There is no setting to look at.
        DeclarationError: The limits compare quantities of different spaces.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> cost = fc.cost(net)
        >>> fc.find(cost.parameters <= 40, cost.flops >= "2 kFLOP").config
        Config(width=8, batch=32)
    """
    both = every(limit, *more)
    ground = Ground(both.quantities, restriction, Budget(time_limit, progress), engine_of(engine))
    try:
        found = _satisfying(ground, both)
    except OutOfBudgetError as error:
        return Unknown(str(both), str(error), ground.effort)
    if found is None:
        return Infeasible(str(both), ground.effort, Problem(both, restriction))
    cell, point = found
    return Found(str(both), ground.lattice.config(point), readings(both, cell, point), ground.effort)


def _satisfying(ground: Ground, limit: Limit) -> tuple[Cell, Point] | None:
    """Return a point where a limit holds, None where there is none in the whole ground."""
    for number, cell in enumerate(ground.cells(), start=1):
        ground.budget.tell(f"region {number}: is there a setting with {limit}?")
        point = cell.find(limit)
        if point is not None:
            return cell, point
    ground.require_settings()
    return None
