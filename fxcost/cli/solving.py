"""Answers `fxcost solve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from fxcost.cli.limits import LimitText
from fxcost.cli.progress import Tell
from fxcost.report.solved import Solved
from fxcost.report.subject import Subject
from fxcost.solve import maximize, minimize

Best: TypeAlias = Literal["largest", "smallest"]


def solved(
    subject: Subject, best: Best, name: str, texts: Sequence[LimitText], seconds: float, tell: Tell
) -> Solved:
    """Return the setting where a quantity is best, of those that keep limits.

    Args:
        subject: The factory's costs and settings.
        best: What is best, the largest or the smallest.
        name: The quantity.
        texts: Limits.
        seconds: The time limit.
        tell: Is told what is being done.
    """
    quantities = subject.cost.quantities
    limits = [text.of(quantities) for text in texts]
    solve = maximize if best == "largest" else minimize
    return Solved(
        subject, solve(quantities[name], *limits, time_limit=seconds, progress=tell, **subject.restriction)
    )
