"""Lines of code as they are shown: from the working directory on, where they lie in it."""

from __future__ import annotations

from pathlib import Path

from fxcost.program import Source


def line_of(source: Source | None) -> str:
    """Return `file:line`, or nothing where there is no line.

    Example:
        >>> line_of(Source(str(Path.cwd() / "examples" / "gpt.py"), 56))
        'examples/gpt.py:56'
    """
    return "" if source is None else f"{relative(source.file)}:{source.line}"


def relative(file: str) -> str:
    """Return a path from the working directory on, where it lies in it.

    Example:
        >>> relative("/elsewhere/model.py")
        '/elsewhere/model.py'
    """
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file
