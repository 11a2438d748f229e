"""Settings as text: `batch=8` fixes a hyperparameter, `width=64:512` bounds it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from fxcost.errors import ConfigError, DeclarationError, FxcostError
from fxcost.space import AnyDomain, Choice, Config, Space
from fxcost.space.spelling import spelled


def restriction_of(texts: Sequence[str], space: Space) -> dict[str, object]:
    """Return what `Space.restrict` takes for some settings, each checked against the space.

    Raises:
        ConfigError: A text cannot be read, or names an unknown hyperparameter or a value outside the space.
        EmptySpaceError: A range holds no value.

    Example:
        >>> from fxcost.space import Int
        >>> space = Space(width=Int(64, 4096), batch=Int(1, 512))
        >>> restriction_of(["batch=8", "width=64:512"], space)
        {'batch': 8, 'width': (64, 512)}
    """
    restriction: dict[str, object] = {}
    for text in texts:
        name, value = _parts(text, "--set", "name=value, or name=low:high", restriction)
        try:
            restriction[name] = _read(value, space[name])
            space.restrict(**{name: restriction[name]})
        except FxcostError as error:
            raise type(error)(f"--set {text}: {error}") from None
    return restriction


def setting_of(texts: Sequence[str], space: Space, part: Space) -> Config:
    """Return the whole setting that some texts write; what has a single value left needs none.

    Args:
        texts: Such as `"batch=8"`; values may lie outside the part.
        space: The hyperparameters.
        part: What is left of them.

    Raises:
        ConfigError: A text cannot be read, is missing, or names an unknown hyperparameter.

    Example:
        >>> from fxcost.space import Int
        >>> space = Space(width=Int(64, 4096), batch=Int(1, 512))
        >>> setting_of(["width=64"], space, space.restrict(batch=8))
        Config(width=64, batch=8)
    """
    values: dict[str, object] = {}
    for text in texts:
        name, value = _parts(text, "--near", "name=value", values)
        values[name] = _read(value, space[name])
        if isinstance(values[name], tuple) and values[name] not in space[name]:
            one = f"--near {name}={value.partition(':')[0]}"
            raise ConfigError(f"--near {text}: write one value, such as {one}")
    left = [name for name in part.names if name not in values and part[name].size != 1]
    if left:
        missing = " ".join(f"--near {name}=..." for name in left)
        raise ConfigError(f"--near is about one setting; add {missing}")
    fixed = {name: part[name].values[0] for name in part.names if name not in values}
    return Config(**{name: {**fixed, **values}[name] for name in part.names})


def _parts(text: str, option: str, form: str, known: Collection[str]) -> tuple[str, str]:
    """Return the name and the value that a text of an option sets."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name or not value:
        raise ConfigError(f"{option} {text}: write {form}")
    if name in known:
        raise ConfigError(f"{option} {text}: {name} is set twice")
    return name, value


def _read(text: str, domain: AnyDomain) -> object:
    for option in domain.options if isinstance(domain, Choice) else ():
        if text in (spelled(option), str(option)):
            return option
    low, colon, high = text.partition(":")
    if colon:
        return _number(low), _number(high)
    return _literal(text)


def _number(text: str) -> int | float:
    value = _literal(text)
    if isinstance(value, int | float):
        return value
    raise DeclarationError(f"{text!r} is no number; a range is low:high, such as 64:512")


def _literal(text: str) -> object:
    """Return a number, or whatever else the text is in Python; a bare word is text."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text
