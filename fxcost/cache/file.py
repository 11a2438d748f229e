"""One file of the cache: a line that says whose it is and what the rest must be, then the rest."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 2
"""Another number is another format: such files are not read."""


class CacheWarning(UserWarning):
    """A file of the cache cannot be used or written; the costs are the same without it."""


class DamagedError(ValueError):
    """A file is none of ours, or not as it was written."""


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all, whoever else is writing it.

    Raises:
        OSError: It cannot be written.
    """
    body = json.dumps(content, separators=(",", ":")).encode()
    header = json.dumps({"fxcost cache": FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f"{path.stem}.", suffix=".part", delete=False
    ) as part:
        try:
            part.write(header + b"\n" + body)
            part.close()
            os.replace(part.name, path)  # noqa: PTH105 - one step, also where the file is there
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def read(path: Path) -> dict[str, Any] | None:
    """Return what was written to a file, None where there is none.

    Raises:
        DamagedError: It is none of ours, of another format, or not as it was written.
        OSError: It cannot be read.
    """
    try:
        header, _, body = path.read_bytes().partition(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    said = _parsed(header)
    if "fxcost cache" not in said:
        raise DamagedError("it was not written by fxcost")
    if said["fxcost cache"] != FORMAT:
        raise DamagedError(f"it is of format {said['fxcost cache']!r}, not {FORMAT}")
    if said.get("sha256") != hashlib.sha256(body).hexdigest():
        raise DamagedError("it is not as it was written")
    return _parsed(body)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError("it was not written by fxcost") from error
    if not isinstance(value, dict):
        raise DamagedError("it was not written by fxcost")
    return value
