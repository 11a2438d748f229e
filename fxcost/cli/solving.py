"""Answers `fxcost solve`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from fxcost.cli.limits import LimitText, require_quantity
from fxcost.cli.progress import Tell
from fxcost.cli.workers import processes
from fxcost.compilation import Cost
from fxcost.quantity import Quantity
from fxcost.report.solved import Solved
from fxcost.report.subject import Subject
from fxcost.solve import Infeasible, Optimum, maximize, minimize

Best: TypeAlias = Literal["largest", "smallest"]


@dataclass(frozen=True)
class Ways:
    """How the best is searched.

    Attributes:
        engine: What is to answer; None for what the routes say.
        workers: How many processes search.
        resume: A file to go on from, and to write to.
    """

    engine: str | None = None
    workers: int = 1
    resume: Path | None = None


def solved(
    subject: Subject,
    goal: tuple[Best, str],
    texts: Sequence[LimitText],
    seconds: float,
    tell: Tell,
    ways: Ways,
) -> Solved:
    """Return the setting where a quantity is best, of those that keep limits, and why there is no better one.

    Args:
        subject: The factory's costs and settings.
        goal: What is best, the largest or the smallest of a quantity, or of a hyperparameter.
        texts: Limits.
        seconds: The time limit.
        tell: Is told what is being done.
        ways: How it is searched.
    """
    best, name = goal
    quantities = subject.cost.quantities
    limits = [text.of(quantities) for text in texts]
    solve = maximize if best == "largest" else minimize
    quantity = _quantity(subject.cost, name)
    with processes(ways.workers) as executor:
        answer = solve(
            quantity,
            *limits,
            time_limit=seconds,
            progress=tell,
            engine=ways.engine,
            executor=executor,
            resume=ways.resume,
            **subject.restriction,
        )
    if isinstance(answer, Infeasible):
        return Solved(subject, answer, conflict=answer.explain(time_limit=seconds, progress=tell))
    return Solved(subject, answer, binding=answer.explain() if isinstance(answer, Optimum) else None)


def _quantity(cost: Cost, name: str) -> Quantity:
    """Return a cost, or a hyperparameter, by name."""
    if name in cost.space.names:
        return cost.hyperparameter(name)
    require_quantity(name)
    return cost.quantities[name]
