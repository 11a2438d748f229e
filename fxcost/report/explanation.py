"""Why a limit does not hold: where, by how much, and what adds most there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fxcost import units
from fxcost.quantity import Quantity
from fxcost.report.terms import Term, binding_line, largest_terms, terms_table
from fxcost.report.text import as_text, indented
from fxcost.solve import Limit, Refuted
from fxcost.solve.effort import Reading
from fxcost.space import Config
from fxcost.space.spelling import assignments_text


@dataclass(frozen=True)
class Violation:
    """A comparison that is false at a setting.

    Attributes:
        reading: The quantity's value and its bound.
        terms: What adds most to the value, largest first.
        line: The user's line that runs at the worst moment; "" where the quantity has none.
    """

    reading: Reading
    terms: tuple[Term, ...]
    line: str = ""

    @property
    def excess(self) -> str:
        """By how much the bound is missed, with its unit."""
        reading = self.reading
        missed = abs(Fraction(reading.value) - reading.bound)
        if not missed:
            return f"exactly the bound, and {reading.relation} is asked"
        side = "too much" if reading.relation in ("<=", "<") else "too little"
        return f"{units.format(missed, reading.unit)} {side}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        reading = self.reading
        asked = {"quantity": reading.name, "relation": reading.relation, "bound": int(reading.bound)}
        over = {"value": reading.value, "excess": int(reading.value - reading.bound)}
        terms = [term.as_dict() for term in self.terms]
        binding = {"point": reading.binding, "line": self.line} if reading.binding else None
        return {**asked, **over, "unit": reading.unit.symbol, "binding": binding, "terms": terms}


@dataclass(frozen=True)
class Explanation:
    """Why a limit is refuted.

    Attributes:
        statement: The limit.
        config: The counterexample.
        violations: The comparisons that are false there.
    """

    statement: str
    config: Config
    violations: tuple[Violation, ...]

    def shown(self) -> Group:
        """Return it for rich: for each violation what is wrong, and a table of the largest terms."""
        parts: list[RenderableType] = []
        for violation in self.violations:
            where = (f"  {violation.line}", "cyan") if violation.line else ""
            parts.append(Text.assemble(f"{violation.reading}: {violation.excess}", where))
            parts.append(indented(terms_table(violation.terms, violation.reading.value)))
        return Group(*parts)

    def __str__(self) -> str:
        where = assignments_text(self.config)
        return f"{self.statement} does not hold at {where}\n{as_text(self.shown())}"


def explained(limit: Limit, verdict: Refuted) -> Explanation:
    """Return why a limit is refuted.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> small = fc.cost(net).parameters <= 300
        >>> print(explained(small, small.prove()))
        parameters <= 300 does not hold at width=61, batch=2
        parameters is 305, limit <= 300: 5 too much
          244  80 %  the model  float32, weight
           61  20 %  the model  float32, bias
    """
    readings = zip(limit.comparisons, verdict.readings, strict=True)
    violations = tuple(
        _violation(comparison.quantity, reading, verdict.counterexample)
        for comparison, reading in readings
        if not reading.holds
    )
    return Explanation(verdict.statement, verdict.counterexample, violations)


def _violation(quantity: object, reading: Reading, config: Config) -> Violation:
    if not isinstance(quantity, Quantity):
        return Violation(reading, ())
    return Violation(reading, largest_terms(quantity, config), binding_line(quantity, config))
