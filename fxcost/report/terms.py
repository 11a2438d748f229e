"""The places that add most to a quantity at one setting."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from fxcost import units
from fxcost.costs import Contribution
from fxcost.costs.timeline import label, masked
from fxcost.quantity import Quantity
from fxcost.report.places import line_of
from fxcost.report.repeats import alike
from fxcost.report.text import columns

MOST = 5
"""How many terms are shown."""


@dataclass(frozen=True)
class Term:
    """What one place adds, or several layers that are alike.

    Attributes:
        amount: How much, in the quantity's unit, all layers together.
        unit: The quantity's unit.
        times: How many layers.
        module: Path of the module, "" for the model itself; `*` stands for the layers' numbers.
        operator: The ATen operator, or the weight.
        phase: When, or for a storage what it holds.
        line: The user's line, "" where there is none.
    """

    amount: int
    unit: units.Unit
    times: int
    module: str
    operator: str
    phase: str
    line: str

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        place = {"module": self.module, "operator": self.operator, "phase": self.phase, "line": self.line}
        return {"amount": self.amount, "times": self.times, **place}


def largest_terms(quantity: Quantity, config: Mapping[str, Any]) -> tuple[Term, ...]:
    """Return the five places that add most to a quantity at a setting; for the peak, at its worst moment.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> terms = largest_terms(fc.cost(net).parameters, {"width": 8, "batch": 2})
        >>> [(term.operator, term.amount) for term in terms]
        [('weight', 32), ('bias', 8)]
    """
    every = quantity.terms(sys.maxsize, **config)
    groups = alike(every, lambda term: term[0].module, lambda term: (term[1], *_place(term[0])))
    terms = [
        Term(sum(amount for _, amount in group), quantity.unit, len(group), module, *_place(group[0][0]))
        for module, group in groups
    ]
    return tuple(sorted(terms, key=lambda term: -term.amount)[:MOST])


def binding_line(quantity: Quantity, config: Mapping[str, Any]) -> str:
    """Return the user's line that runs when a peak is reached; "" where that is not one line.

    Example:
        >>> import torch, fxcost as fc
        >>> @fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> binding_line(fc.cost(net).parameters, {"width": 8, "batch": 2})
        ''
    """
    point = masked(quantity.binding(**config))
    if not point:
        return ""
    parts = [part for part, _ in quantity.terms(sys.maxsize, **config)]
    lines = {
        line_of(part.source)
        for part in parts
        if masked(label(part.phase, part.module, part.operator)) == point
    }
    return lines.pop() if len(lines) == 1 else ""


def terms_table(terms: Sequence[Term], total: int) -> Table:
    """Return terms as a table with their shares of a total.

    Example:
        >>> from fxcost.report.text import as_text
        >>> term = Term(3072, units.Unit.BYTES, 3, "layers.*", "aten.relu.default", "activation", "net.py:8")
        >>> print(as_text(terms_table([term], total=6144)))
        3.00 KiB  50 %  3 x  layers.*  activation, aten.relu  net.py:8
    """
    rows = [
        (
            units.format(term.amount, term.unit),
            f"{100 * term.amount / total:.0f} %" if total else "",
            f"{term.times} x" if term.times > 1 else "",
            term.module or "the model",
            f"{term.phase}, {term.operator.removesuffix('.default')}",
            term.line,
        )
        for term in terms
    ]
    return columns(rows, ("bold", "dim", "", "", "", "cyan"), right=(0, 1, 2))


def _place(part: Contribution) -> tuple[str, str, str]:
    return part.operator, part.kind or part.phase, line_of(part.source)
