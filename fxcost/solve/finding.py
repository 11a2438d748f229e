"""Finds a setting of one path by the engines of a route, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from fxcost.solve.boxes.tree import UndecidedError
from fxcost.solve.budget import OutOfBudgetError
from fxcost.solve.facts import Fact
from fxcost.solve.lattice import Point
from fxcost.solve.limits import Limit
from fxcost.solve.pruning import Conflict, Pruning
from fxcost.solve.routes import Engine, Engines

if TYPE_CHECKING:
    from fxcost.solve.cells import Cell

Finder: TypeAlias = "Callable[[Cell, Sequence[Fact], Limit], Point | None]"


def first_decided(cell: Cell, facts: Sequence[Fact], limit: Limit, engines: Engines) -> Point | None:
    """Return a point of a cell where a limit holds, from the first engine that decides; None: there is none.

    Args:
        cell: Where to look; it is told who answered.
        facts: The limit and what belongs to the cell, as what a point satisfies.
        limit: What is to hold.
        engines: Who is asked.

    Raises:
        OutOfBudgetError: None of them decides.
    """
    reasons = []
    for engine in engines:
        try:
            point = _FINDERS[engine](cell, facts, limit)
        except UndecidedError as error:
            reasons.append(undecided(engine, error))
            continue
        cell.ground.answered(engine)
        return point
    raise OutOfBudgetError("; ".join(reasons))


def undecided(engine: Engine, error: UndecidedError) -> str:
    """Return why an engine has no answer."""
    return f"{engine}: {str(error) or 'there are settings of which the bounds of costs tell nothing'}"


def _by_boxes(cell: Cell, facts: Sequence[Fact], _: Limit) -> Point | None:
    ground = cell.ground
    decided = Pruning(ground.lattice, ground.box, ground.budget).decide(facts, math.inf)
    if decided is None:
        raise UndecidedError
    return None if isinstance(decided, Conflict) else decided


def _by_search(engine: Engine) -> Finder:
    def find(cell: Cell, _: Sequence[Fact], limit: Limit) -> Point | None:
        return cell.search.find(cell.search.named(cell.formula(limit)), engines=(engine,))

    return find


def _by_cpsat(cell: Cell, facts: Sequence[Fact], _: Limit) -> Point | None:
    from fxcost.solve.cpsat import Model

    return Model(cell.ground.lattice, cell.ground.box, facts).find(cell.ground.budget)


_FINDERS: Mapping[Engine, Finder] = {
    Engine.BOXES: _by_boxes,
    Engine.MIXED: _by_search(Engine.MIXED),
    Engine.Z3: _by_search(Engine.Z3),
    Engine.CPSAT: _by_cpsat,
}
