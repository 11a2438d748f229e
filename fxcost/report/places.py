"""Lines of code as they are shown: from the working directory on, where they lie in it."""

from __future__ import annotations

import sys
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
    """Return a path from the working directory on, or as an import names it, where it lies there.

    Example:
        >>> relative("/elsewhere/model.py")
        '/elsewhere/model.py'
    """
    path = Path(file)
    roots = [Path.cwd(), *(Path(entry) for entry in sys.path if entry.endswith("-packages"))]
    names = [str(path.relative_to(root)) for root in roots if path.is_relative_to(root)]
    return min(names, key=len, default=file)
