"""Runs fxcost's commands on factories that are written to a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from fxcost.cli import main


@contextmanager
def file_of(path: Path, source: str) -> Iterator[str]:
    """Write a module; afterwards it is as if it had never been imported."""
    path.write_text(source)
    before = sys.path.copy()
    yield str(path)
    sys.path[:] = before
    sys.modules.pop(path.stem, None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def answered(*arguments: str) -> dict[str, Any]:
    """Return what a command prints as JSON; nothing else may be on stdout."""
    result: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return result
