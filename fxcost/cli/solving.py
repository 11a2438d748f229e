"""Answers `fxcost solve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from fxcost.cli.limits import LimitText, require_quantity
from fxcost.cli.progress import Tell
from fxcost.compilation import Cost
from fxcost.quantity import Quantity
from fxcost.report.solved import Solved
from fxcost.report.subject import Subject
from fxcost.solve import Infeasible, Optimum, maximize, minimize

Best: TypeAlias = Literal["largest", "smallest"]


def solved(
    subject: Subject,
    goal: tuple[Best, str],
    texts: Sequence[LimitText],
    seconds: float,
    tell: Tell,
    engine: str | None = None,
) -> Solved:
    """Return the setting where a quantity is best, of those that keep limits, and why there is no better one.

    Args:
        subject: The factory's costs and settings.
        goal: What is best, the largest or the smallest of a quantity, or of a hyperparameter.
        texts: Limits.
        seconds: The time limit.
        tell: Is told what is being done.
        engine: What is to answer.
    """
    best, name = goal
    quantities = subject.cost.quantities
    limits = [text.of(quantities) for text in texts]
    solve = maximize if best == "largest" else minimize
    quantity = _quantity(subject.cost, name)
    answer = solve(quantity, *limits, time_limit=seconds, progress=tell, engine=engine, **subject.restriction)
    if isinstance(answer, Infeasible):
        return Solved(subject, answer, conflict=answer.explain(time_limit=seconds, progress=tell))
    return Solved(subject, answer, binding=answer.explain() if isinstance(answer, Optimum) else None)


def _quantity(cost: Cost, name: str) -> Quantity:
    """Return a cost, or a hyperparameter, by name."""
    if name in cost.space.names:
        return cost.hyperparameter(name)
    require_quantity(name)
    return cost.quantities[name]
