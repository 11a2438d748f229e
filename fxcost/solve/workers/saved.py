"""The frontier of a count as a JSON file: what was found, and the boxes that are left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fxcost.errors import DeclarationError
from fxcost.sealed import DamagedError, Seal

SEAL = Seal("frontier", 1)
"""What such a file says it is."""


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a frontier, whole or not at all.

    Raises:
        DeclarationError: It cannot be written there.
    """
    try:
        SEAL.write(path, content)
    except OSError as error:
        raise DeclarationError(f"resume={str(path)!r}: it cannot be written: {error}") from error


def saved(path: Path) -> dict[str, Any] | None:
    """Return the frontier that was written to a file, None where there is no file.

    Raises:
        DeclarationError: The file cannot be read, or holds something else, or not all that was written.
    """
    try:
        return SEAL.read(path)
    except OSError as error:
        raise DeclarationError(f"resume={str(path)!r}: it cannot be read: {error}") from error
    except DamagedError as error:
        raise DeclarationError(
            f"resume={str(path)!r}: {error}; name another file, or delete this one"
        ) from error
