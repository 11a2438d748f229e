"""A first line that says that a text is whole: a comment with the digest of what follows."""

from __future__ import annotations

import hashlib
import re

from fxcost.errors import DeclarationError

_FIRST = re.compile(r"# written by fxcost, sha256 ([0-9a-f]*)")


def sealed(text: str) -> str:
    """Return a text behind the line that says that it is whole.

    >>> print(sealed("bytes = 3")[:52])
    # written by fxcost, sha256 368f691ac70dd2b4c3a2a80b
    """
    return f"# written by fxcost, sha256 {_digest(text)}\n{text}"


def checked(text: str, where: str) -> str:
    """Return a text as it is, where it is whole or has no such line.

    Args:
        text: The text.
        where: Its file, for the error.

    Raises:
        DeclarationError: It is not as it was written.

    >>> checked(sealed("bytes = 345")[:-1], "a100.toml")
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: a100.toml: it is cut short or changed; write it once more, or ...
    """
    first, _, rest = text.partition("\n")
    match = _FIRST.match(first)
    if match is not None and match[1] != _digest(rest):
        raise DeclarationError(
            f"{where}: it is cut short or changed; write it once more, or delete its first line if you have "
            "changed it yourself"
        )
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
