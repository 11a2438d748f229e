"""Writes a report: for people, or as JSON and nothing else."""

from __future__ import annotations

import json
from typing import Any, Protocol

import click
from rich.console import Console, RenderableType

from fxcost.answers import Recording
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
    """Print a report on stdout, and hand it to who records the command's answer."""
    text = _text(report, as_json)
    recording = click.get_current_context().find_object(Recording)
    if recording is not None:
        recording.text = text
    click.echo(text, nl=False)


def _text(report: Report, as_json: bool) -> str:
    if as_json:
        return json.dumps(report.as_dict(), indent=2, default=spelled) + "\n"
    console = Console(highlight=False)
    if not console.is_terminal:
        return f"{as_text(report.shown(), PIPED_WIDTH)}\n"
    with console.capture() as captured:
        console.print(report.shown())
    return captured.get()
