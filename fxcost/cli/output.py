"""Writes a report: for people, or as JSON and nothing else."""

from __future__ import annotations

import json
from typing import Any, Protocol

import click
from rich.console import Console, RenderableType

from fxcost.report.text import as_text
from fxcost.space.spelling import spelled

PIPED_WIDTH = 120
"""Columns where stdout is no terminal."""


class Report(Protocol):
    """What a command found out."""

    def shown(self) -> RenderableType:
        """Return it for rich."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""


def write(report: Report, as_json: bool) -> None:
    """Print a report on stdout."""
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2, default=spelled))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(report.shown())
    else:
        click.echo(as_text(report.shown(), PIPED_WIDTH))
