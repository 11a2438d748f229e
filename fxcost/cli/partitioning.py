"""Answers `fxcost regions`."""

from __future__ import annotations

from collections.abc import Sequence

from fxcost.cli.limits import require_quantity
from fxcost.cli.options import Asked
from fxcost.cli.progress import Tell
from fxcost.cli.subjects import costs_of
from fxcost.report.partition import Divided
from fxcost.report.subject import Subject


def divided(asked: Asked, names: Sequence[str], regions: int, seconds: float, tell: Tell) -> Divided:
    """Return a factory's space in pieces.

    Args:
        asked: The factory, as the user wrote it.
        names: Quantities to be shown piece by piece.
        regions: At most so many paths are traced that are not known yet.
        seconds: The time limit of the search.
        tell: Is told what is being done.
    """
    for name in names:
        require_quantity(name)
    cost, restriction = costs_of(asked, tell)
    partition = cost.partition(regions=regions, time_limit=seconds, progress=tell, **restriction)
    costs = tuple(partition.of(cost.quantities[name]) for name in names)
    return Divided(Subject(asked.target, cost, restriction, cost.first), partition, costs)
