"""Where the costs of one setting come from: by module, operator, phase or source line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from rich.table import Table
from rich.text import Text

from fxcost.compilation import Cost
from fxcost.report.repeats import alike
from fxcost.space import Config
from fxcost.units import Unit
from fxcost.units import format as amount

Row: TypeAlias = tuple[str, tuple[int, ...]]

QUANTITIES = ("parameters", "flops", "traffic", "activations", "peak_memory")
MOST = 20
"""How many rows are shown."""


@dataclass(frozen=True)
class Breakdown:
    """Some quantities of a setting, split.

    Attributes:
        key: "module", "operator", "phase" or "source".
        amounts: By quantity, the amount of each part.
        units: By quantity, the unit.
    """

    key: str
    amounts: Mapping[str, Mapping[str, int]]
    units: Mapping[str, Unit]

    @classmethod
    def of(cls, cost: Cost, key: str, config: Config) -> Breakdown:
        """Return the breakdown of a setting's costs; quantities that are 0 there are left out."""
        split = {name: cost.quantities[name].by(key, **config) for name in QUANTITIES}
        amounts = {name: parts for name, parts in split.items() if any(parts.values())}
        return cls(key, amounts, {name: cost.quantities[name].unit for name in amounts})

    def table(self) -> Table:
        """Return a row for each part, those first that add most to the last quantity; layers alike in one."""
        rows = self._rows()
        shown = Table(box=None, header_style="bold", pad_edge=False)
        shown.add_column(self.key, overflow="fold")
        for name in self.amounts:
            shown.add_column(name, justify="right", no_wrap=True)
        for part, amounts in rows[:MOST]:
            shown.add_row(Text(part or "-"), *map(_cell, amounts, self.units.values()))
        if len(rows) > MOST:
            shown.add_row(Text(f"... and {len(rows) - MOST} more (--json has all)", style="dim"))
        return shown

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"by": self.key, "quantities": {name: dict(parts) for name, parts in self.amounts.items()}}

    def _rows(self) -> list[Row]:
        parts = dict.fromkeys(part for amounts in self.amounts.values() for part in amounts)
        rows = [(part, tuple(amounts.get(part, 0) for amounts in self.amounts.values())) for part in parts]
        if self.key == "module":
            rows = [_together(module, group) for module, group in alike(rows, itemgetter(0), itemgetter(1))]
        return sorted(rows, key=lambda row: row[1][::-1], reverse=True)


def _cell(value: int, unit: Unit) -> str:
    return amount(value, unit) if value else ""


def _together(module: str, group: list[Row]) -> Row:
    times = f" (x {len(group)})" if len(group) > 1 else ""
    return f"{module or 'the model'}{times}", tuple(len(group) * value for value in group[0][1])
