"""Which engine answers a question: one table, read by the questions themselves."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeAlias

from fxcost.errors import DeclarationError, MissingPackageError
from fxcost.solve.facts import Connected, Fact


class Engine(enum.StrEnum):
    """What answers."""

    EVALUATION = "evaluation"
    BOXES = "boxes"
    MIXED = "z3+boxes"
    Z3 = "z3"
    CPSAT = "cpsat"


class Kind(enum.StrEnum):
    """What is asked."""

    DECIDE = "prove, find"
    OPTIMISE = "maximize, minimize, pareto"
    LIST = "feasible"
    COVER = "is every setting traced?"


Engines: TypeAlias = "tuple[Engine, ...]"


@dataclass(frozen=True)
class Route:
    """A row of the table.

    Attributes:
        kind: What is asked.
        plain: Whether the limits are comparisons that all hold; None where that does not matter.
        bounded: Whether all costs and conditions have bounds in boxes; None where that does not matter.
        engines: What is tried first, and what after it where that one does not decide.
    """

    kind: Kind
    plain: bool | None
    bounded: bool | None
    engines: Engines

    def __str__(self) -> str:
        limits = {True: "a & b", False: "with | ", None: "any"}[self.plain].strip()
        bounds = {True: "all", False: "not all", None: "any"}[self.bounded]
        return f"{self.kind:<28}{limits:<8}{bounds:<9}{', then '.join(self.engines)}"


ROUTES = (
    Route(Kind.DECIDE, True, True, (Engine.BOXES, Engine.MIXED, Engine.Z3)),
    Route(Kind.DECIDE, False, True, (Engine.MIXED, Engine.Z3)),
    Route(Kind.DECIDE, None, False, (Engine.MIXED, Engine.Z3)),
    Route(Kind.OPTIMISE, None, True, (Engine.BOXES, Engine.MIXED, Engine.Z3)),
    Route(Kind.OPTIMISE, None, False, (Engine.MIXED, Engine.Z3)),
    Route(Kind.LIST, None, None, (Engine.BOXES,)),
    Route(Kind.COVER, None, None, (Engine.MIXED, Engine.Z3)),
)
"""The first row that fits counts."""

CHOSEN = (Engine.BOXES, Engine.MIXED, Engine.Z3, Engine.CPSAT)
"""What `engine=` may be."""


def table() -> str:
    """Return the table as text.

    Before any engine, a question's corners are evaluated exactly: they may be all it takes.

    >>> print(table())
    question                    limits  bounded  engines
    prove, find                 a & b   all      boxes, then z3+boxes, then z3
    prove, find                 with |  all      z3+boxes, then z3
    prove, find                 any     not all  z3+boxes, then z3
    maximize, minimize, pareto  any     all      boxes, then z3+boxes, then z3
    maximize, minimize, pareto  any     not all  z3+boxes, then z3
    feasible                    any     any      boxes
    is every setting traced?    any     any      z3+boxes, then z3
    """
    return "\n".join([f"{'question':<28}{'limits':<8}{'bounded':<9}engines", *map(str, ROUTES)])


def engines_for(kind: Kind, facts: Sequence[Fact] = (), chosen: Engine | None = None) -> Engines:
    """Return the engines that a question is put to, in this order.

    Args:
        kind: What is asked.
        facts: What is to hold at a setting.
        chosen: The one that the user wants; None for the table's.
    """
    if chosen is not None:
        return (chosen,)
    plain = not any(isinstance(fact, Connected) for fact in facts)
    bounded = all(fact.bounded for fact in facts)
    return next(
        route.engines
        for route in ROUTES
        if route.kind is kind and route.plain in (None, plain) and route.bounded in (None, bounded)
    )


def installed(package: str) -> bool:
    """Tell whether a package can be imported."""
    return find_spec(package) is not None


def engine_of(name: str | None) -> Engine | None:
    """Return an engine by its name.

    Raises:
        DeclarationError: There is none of this name.
        MissingPackageError: It is CP-SAT, and ortools is not installed.

    >>> engine_of("cplex")
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: engine='cplex': write one of 'boxes', 'z3+boxes', 'z3', 'cpsat'
    """
    if name is None:
        return None
    if name not in CHOSEN:
        known = ", ".join(repr(str(engine)) for engine in CHOSEN)
        raise DeclarationError(f"engine={name!r}: write one of {known}")
    if name == Engine.CPSAT and not installed("ortools"):
        raise MissingPackageError("engine='cpsat' needs ortools: pip install 'fxcost[cpsat]'")
    return Engine(name)
