"""Factories without torch: paths given as formulas, discovered one by one as a tracer would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from fxcost import solve
from fxcost.expr import Domain, Expression, Normaliser, Row, evaluate
from fxcost.expr.conditions import of_callable
from fxcost.program import Question, QuestionKind
from fxcost.space import Config, Space
from fxcost.units import Unit

NOWHERE = Config()
"""A hint that lies in no space."""


@dataclass(frozen=True, eq=False)
class Path:
    """A region: where it holds, and the rows of each quantity there; refused where there are none."""

    conditions: tuple[sympy.Basic, ...] = ()
    costs: Mapping[str, Sequence[sympy.Expr]] = field(default_factory=dict)
    refusal: str | None = None
    hint: Config = NOWHERE
    basis: str = "exact"

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(Question(condition, QuestionKind.MODEL, None) for condition in self.conditions)

    def covers(self, values: Mapping[str, Any]) -> bool:
        return all(bool(evaluate(condition, values)) for condition in self.conditions)


@dataclass(eq=False)
class Paths:
    """Regions that become known when a setting of theirs is asked for."""

    space: Space
    domain: Domain
    hidden: Sequence[Path]
    known: list[Path] = field(default_factory=list)
    traced: int = 0
    kept: dict[Any, Any] = field(default_factory=dict)

    def at(self, config: Config) -> Path:
        values = self.domain.encode(config)
        for path in self.known:
            if path.covers(values):
                return path
        self.traced += 1
        (path,) = (path for path in self.hidden if path.covers(values))
        self.known.append(path)
        return path


@dataclass(eq=False)
class Cost:
    """A quantity."""

    name: str
    unit: Unit
    regions: Paths

    def expression(self, region: Path) -> Expression:
        """Return a path's closed form, made when it is first asked for."""
        kept, key = self.regions.kept, (self.name, region)
        if key not in kept:
            domain = self.regions.domain
            declared = [of_callable(condition, domain) for condition in domain.space.conditions]
            normaliser = Normaliser(domain, [*declared, *region.conditions])
            kept[key] = Expression(tuple(Row(normaliser.polynomial(row)) for row in region.costs[self.name]))
        expression: Expression = kept[key]
        return expression

    def __call__(self, **config: Any) -> int:
        checked = self.regions.space.config(**config)
        values = self.regions.domain.encode(checked)
        return max(int(evaluate(row, values)) for row in self.regions.at(checked).costs[self.name])

    def __le__(self, bound: object) -> solve.Comparison:
        return solve.at_most(self, bound)

    def __lt__(self, bound: object) -> solve.Comparison:
        return solve.less_than(self, bound)

    def __ge__(self, bound: object) -> solve.Comparison:
        return solve.at_least(self, bound)

    def __gt__(self, bound: object) -> solve.Comparison:
        return solve.more_than(self, bound)


def costs(space: Space, paths: Callable[..., Sequence[Path]], known: int = 0) -> tuple[Cost, Cost]:
    """Return the quantities "memory" and "size" of paths written over the space's symbols."""
    domain = Domain(space)
    written = paths(**domain.symbols)
    regions = Paths(space, domain, written, list(written[:known]))
    return Cost("memory", Unit.BYTES, regions), Cost("size", Unit.COUNT, regions)
