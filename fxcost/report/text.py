"""What is shown, as rich sees it: plain columns, and the same as text."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 240
"""Columns of text that is not to be wrapped."""


def columns(rows: Iterable[Sequence[str | Text]], styles: Sequence[str], right: Sequence[int] = ()) -> Table:
    """Return rows as columns without lines, wrapped where they are too long.

    Args:
        rows: Cells, shown as they are.
        styles: A rich style for each column.
        right: The columns that are set to the right, and not wrapped.

    Example:
        >>> print(as_text(columns([("width", "8"), ("heads", "16")], ("", ""), right=[1])))
        width   8
        heads  16
    """
    table = Table.grid(padding=(0, 2))
    for index, style in enumerate(styles):
        numbers = index in right
        table.add_column(
            style=style, justify="right" if numbers else "left", no_wrap=numbers, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def remarked(shown: str, remark: str) -> Text:
    """Return some Python with a remark behind it.

    Example:
        >>> print(remarked("batch != 1", "model.py:8"))
        batch != 1  # model.py:8
    """
    return Text(shown) if not remark else Text.assemble(shown, (f"  # {remark}", "dim"))


def indented(shown: RenderableType) -> Padding:
    """Return the same, two columns to the right.

    Example:
        >>> print(as_text(indented(Text("width"))))
          width
    """
    return Padding(shown, (0, 0, 0, 2))


def as_text(shown: RenderableType, width: int = WIDTH) -> str:
    """Return what rich would print, without colours and without spaces at the ends of lines.

    Example:
        >>> print(as_text(Text("a long formula", style="bold"), width=8))
        a long
        formula
    """
    file = io.StringIO()
    Console(file=file, width=width, color_system=None, force_terminal=False, highlight=False).print(shown)
    written = file.getvalue()
    return "\n".join(line.rstrip() for line in written.rstrip().splitlines())
