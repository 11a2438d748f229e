"""Values and names as the user writes them, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def spelled(value: object) -> str:
    """Return a value as a declaration spells it: classes and functions by name.

    >>> spelled(int), spelled("relu"), spelled(8)
    ('int', "'relu'", '8')
    """
    named = isinstance(value, type) or callable(value)
    return str(getattr(value, "__name__", repr(value))) if named else repr(value)


def assignments_text(values: Mapping[str, object]) -> str:
    """Return `name=value` pairs as in a call.

    >>> assignments_text({"width": 512, "heads": 8})
    'width=512, heads=8'
    """
    return ", ".join(f"{name}={spelled(value)}" for name, value in values.items())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name, as the end of a sentence.

    >>> did_you_mean("widht", ["width", "heads"])
    'did you mean width?'
    >>> did_you_mean("x", ["width", "heads"])
    'the hyperparameters are width, heads'
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"the hyperparameters are {', '.join(names)}" if names else "there are no hyperparameters"
