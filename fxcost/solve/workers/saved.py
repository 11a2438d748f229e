"""The frontier of a count as a JSON file: what was found, and the boxes that are left."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fxcost.errors import DeclarationError

FORMAT = 1
"""Another number is another format: such files are not read."""


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a frontier, whole or not at all.

    Raises:
        DeclarationError: It cannot be written there.
    """
    body = json.dumps(content, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    header = json.dumps({"fxcost frontier": FORMAT, "sha256": digest})
    try:
        _replace(path, f"{header}\n{body}\n")
    except OSError as error:
        raise DeclarationError(f"resume={str(path)!r}: it cannot be written: {error}") from error


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f"{path.stem}.", suffix=".part", delete=False
    ) as part:
        try:
            part.write(text)
            part.close()
            os.replace(part.name, path)  # noqa: PTH105 - one step, also where the file is there
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def saved(path: Path) -> dict[str, Any] | None:
    """Return the frontier that was written to a file, None where there is no file.

    Raises:
        DeclarationError: The file cannot be read, or holds something else, or not all that was written.
    """
    try:
        header, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeclarationError(f"resume={str(path)!r}: it cannot be read: {error}") from error
    said = _parsed(path, header)
    if said.get("fxcost frontier") != FORMAT:
        raise _refused(path, f"it is no frontier of format {FORMAT}")
    if said.get("sha256") != hashlib.sha256(body.removesuffix(b"\n")).hexdigest():
        raise _refused(path, "it is not as it was written")
    return _parsed(path, body)


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _refused(path, "fxcost did not write it")
    return value


def _refused(path: Path, why: str) -> DeclarationError:
    return DeclarationError(f"resume={str(path)!r}: {why}; name another file, or delete this one")
