"""Says on stderr what is being done: a spinner on a terminal, elsewhere a line after two seconds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import click
from rich.console import Console

FIRST_LINE = 2.0
"""Seconds until the first line; the next ones take twice as long each."""

Tell: TypeAlias = "Callable[[str], None]"


@contextlib.contextmanager
def progress(first_line: float = FIRST_LINE) -> Iterator[Tell]:
    """Yield a function that is told what is being done now.

    Example:
        >>> with progress() as tell:
        ...     tell("tracing")
    """
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            yield lambda message: status.update(f"[dim]{message}[/]")
        return
    lines = _Lines(first_line)
    thread = threading.Thread(target=lines.write, daemon=True)
    thread.start()
    try:
        yield lines.tell
    finally:
        lines.done.set()
        thread.join()


class _Lines:
    """Writes the latest message after 2, 6, 14, ... seconds, until all is done."""

    def __init__(self, first_line: float) -> None:
        self.message = ""
        self.pause = first_line
        self.started = time.perf_counter()
        self.done = threading.Event()

    def tell(self, message: str) -> None:
        self.message = message

    def write(self) -> None:
        while not self.done.wait(self.pause):
            seconds = time.perf_counter() - self.started
            click.echo(f"fxcost: {self.message} ({seconds:.0f} s)", err=True)
            self.pause *= 2
