"""JSON files that are read only as they were written: a line that says what they are, then the content."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class DamagedError(ValueError):
    """A file is none of ours, or not as it was written."""


@dataclass(frozen=True)
class Seal:
    """What a file is.

    Attributes:
        kind: Such as "cache".
        version: Of its format; files of others are not read.
    """

    kind: str
    version: int

    def write(self, path: Path, content: Mapping[str, Any]) -> None:
        """Write a file whole or not at all, whoever else is writing it.

        Raises:
            OSError: It cannot be written.
        """
        body = json.dumps(content, separators=(",", ":")).encode()
        digest = hashlib.sha256(body).hexdigest()
        header = json.dumps({f"fxcost {self.kind}": self.version, "sha256": digest}).encode()
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

    def read(self, path: Path) -> dict[str, Any] | None:
        """Return what was written to a file, None where there is none.

        Raises:
            DamagedError: It is none of ours, of another kind or format, or not as it was written.
            OSError: It cannot be read.
        """
        try:
            header, _, body = path.read_bytes().partition(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return None
        said = _parsed(header)
        version = said.get(f"fxcost {self.kind}")
        if version is None:
            raise DamagedError(f"it is no {self.kind} that fxcost wrote")
        if version != self.version:
            raise DamagedError(f"it is of format {version!r}, not {self.version}")
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
