"""Layers that are alike, in one row: `blocks.*.mlp` for `blocks.0.mlp`, `blocks.1.mlp`, ..."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Row = TypeVar("Row")


def alike(
    rows: Iterable[Row], module: Callable[[Row], str], rest: Callable[[Row], Hashable]
) -> list[tuple[str, list[Row]]]:
    """Return rows together whose modules differ in their first number alone, each group with its module.

    Args:
        rows: What is to be shown.
        module: The path of a row's module.
        rest: Everything else, which must be equal.

    Example:
        >>> sizes = [("blocks.0.mlp", 8), ("blocks.1.mlp", 8), ("blocks.1.head", 8), ("blocks.2.mlp", 9)]
        >>> [(name, len(rows)) for name, rows in alike(sizes, lambda row: row[0], lambda row: row[1])]
        [('blocks.*.mlp', 2), ('blocks.1.head', 1), ('blocks.2.mlp', 1)]
    """
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault((_starred(module(row)), rest(row)), []).append(row)
    return [(_name([module(row) for row in group]), group) for group in groups.values()]


def _name(modules: list[str]) -> str:
    return modules[0] if len(modules) == 1 else _starred(modules[0])


def _starred(module: str) -> str:
    return re.sub(r"(^|\.)\d+(?=\.|$)", r"\1*", module, count=1)
