"""What `fxcost regions` shows: the pieces of a space, and costs piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fxcost.report.places import line_of
from fxcost.report.subject import Subject
from fxcost.report.text import columns, indented, remarked
from fxcost.solve import Partition, Piece, Piecewise
from fxcost.solve.where import Where
from fxcost.space.spelling import assignments_text


@dataclass(frozen=True)
class Divided:
    """A factory's space in pieces.

    Attributes:
        subject: The factory and its settings.
        partition: The pieces.
        costs: The quantities asked for, piece by piece.
    """

    subject: Subject
    partition: Partition
    costs: tuple[Piecewise, ...]

    def shown(self) -> Group:
        """Return it for rich."""
        partition = self.partition
        parts: list[RenderableType] = [
            self.subject.heading(),
            Text(),
            Text(partition.summary),
            self._pieces(),
        ]
        if partition.uncovered is not None:
            parts.append(Text(f"not covered: settings such as {assignments_text(partition.uncovered)}"))
        if partition.uncovered_where is not None:
            parts.append(indented(Group(*_conditions(partition.uncovered_where))))
        for cost in self.costs:
            parts += [Text(), Text(cost.name, "bold"), indented(Text(cost.text(line_of)))]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        costs = {cost.name: cost.as_dict(line_of) for cost in self.costs}
        return {**self.subject.as_dict(), **self.partition.as_dict(line_of), "costs": costs}

    def _pieces(self) -> Table:
        rows: list[tuple[str, str, Text]] = []
        for number, piece in enumerate(self.partition.pieces, start=1):
            first, *more = _described(piece)
            rows += [(str(number), piece.size, first), *(("", "", line) for line in more)]
        return columns(rows, ("dim", "", ""), right=(0, 1))


def _described(piece: Piece) -> list[Text]:
    """Return a piece's conditions, and what the factory raises there or what its costs rest on."""
    lines = _conditions(piece.where)
    if piece.refusal is not None:
        lines.append(Text(f"raises {piece.refusal.text(line_of)}", "red"))
    return [*lines, *(Text(basis, "dim") for basis in piece.basis if basis.startswith("verified"))]


def _conditions(where: Where) -> list[Text]:
    return [remarked(text, remark) for text, remark in where.lines(line_of)]
