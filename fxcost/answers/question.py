"""A command of a process, and what it answered the last time."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxcost.answers.footing import Footing
from fxcost.answers.recording import Recording
from fxcost.cache import Folder
from fxcost.sealed import DamagedError, Seal

SEAL = Seal("answer", 1)
"""What a file with an answer says it is."""

PASSING = frozenset(
    ("_", "OLDPWD", "SHLVL", "SSH_AUTH_SOCK", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "WINDOWID")
)
"""Variables of the environment that differ from one terminal to the next, and decide nothing."""


@dataclass(frozen=True)
class Answer:
    """What a command printed.

    Attributes:
        text: On stdout.
        warned: On stderr.
        code: Its exit code.
        files: How many files it follows from.
    """

    text: str
    warned: Sequence[str]
    code: int
    files: int


@dataclass(frozen=True)
class Question:
    """A command, as its answer is looked up.

    Attributes:
        path: The file that holds the answer, where there is one.
    """

    path: Path

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Question | None:
        """Return the question that this process was started with, None where the cache is off."""
        folder = Folder.of()
        return None if folder is None else cls(folder.file(_key(arguments)))

    def answer(self) -> Answer | None:
        """Return the answer, None where none is kept, or one that may be another by now.

        Raises:
            DamagedError: The file is not as it was written.
            OSError: It cannot be read.
        """
        content = SEAL.read(self.path)
        if content is None:
            return None
        try:
            footing = Footing.of_record(content["footing"])
            answer = Answer(content["text"], content["warned"], content["code"], len(footing))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DamagedError("it was not written by fxcost") from error
        return answer if footing.holds() else None

    def keep(self, recording: Recording, code: int, footing: Footing) -> None:
        """Write what was recorded of an answer.

        Raises:
            OSError: It cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {"text": recording.text, "warned": recording.warned, "code": code}
        SEAL.write(self.path, content | {"footing": footing.as_record()})


def _key(arguments: Sequence[str]) -> str:
    """Return a digest of what the process was given, and of where and how it shows what it answers."""
    given = {
        "arguments": list(arguments),
        "environment": {name: value for name, value in sorted(os.environ.items()) if name not in PASSING},
        "folder": str(Path.cwd()),
        "machine": platform.node(),
        "python": [sys.version, sys.executable, sys.path, list(sys.flags), sorted(sys._xoptions.items())],
        "terminal": [sys.stdout.isatty(), *shutil.get_terminal_size()],
    }
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()
