"""Answers `fxcost solve`."""

from __future__ import annotations

from collections.abc import Sequence

from fxcost.cli.limits import limit_of, quantity_of
from fxcost.cli.progress import Tell
from fxcost.report.solved import Solved
from fxcost.report.subject import Subject
from fxcost.solve import maximize, minimize


def solved(
    subject: Subject, large: str | None, small: str | None, texts: Sequence[str], seconds: float, tell: Tell
) -> Solved:
    """Return the setting where a quantity is largest, or smallest, of those that keep limits.

    Args:
        subject: The factory's costs and settings.
        large: The quantity that is to be large, None where one is to be small.
        small: The quantity that is to be small.
        texts: Limits.
        seconds: The time limit.
        tell: Is told what is being done.
    """
    quantities = subject.cost.quantities
    limits = [limit_of(text, quantities) for text in texts]
    quantity = quantity_of(large or small or "", quantities)
    best = maximize if large else minimize
    return Solved(subject, best(quantity, *limits, time_limit=seconds, progress=tell, **subject.restriction))
