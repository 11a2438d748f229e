"""Conditions between hyperparameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy

from fxcost.errors import DeclarationError
from fxcost.space.lambda_text import text_of
from fxcost.space.spelling import assignments_text, did_you_mean
from fxcost.space.text import parse_text


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold between hyperparameters.

    Attributes:
        names: The hyperparameters it reads.
        text: How it reads in messages.
        function: Takes them as keyword arguments, also as symbolic objects with overloaded operators.
    """

    names: tuple[str, ...]
    text: str
    function: Callable[..., object]

    def __str__(self) -> str:
        return self.text

    def holds(self, config: Mapping[str, object]) -> bool:
        """Tell whether the condition is true at a configuration, which may set more names than it reads.

        Raises:
            DeclarationError: The condition raises, or is neither True nor False.
        """
        values = {name: config[name] for name in self.names}
        try:
            result = self.function(**values)
        except Exception as error:
            reason = f"raises {type(error).__name__}: {error}"
            raise DeclarationError(self._fault(values, f"{reason}; guard it with `and` or `or`")) from error
        if isinstance(result, bool | numpy.bool_):
            return bool(result)
        raise DeclarationError(self._fault(values, f"gives {result!r}; write a comparison, such as ... == 0"))

    def _fault(self, values: Mapping[str, object], what: str) -> str:
        return f'the condition "{self}" at {assignments_text(values)} {what}'


def condition_of(written: Condition | str | Callable[..., object], names: Collection[str]) -> Condition:
    """Return a condition over the named hyperparameters from text or from a function of them.

    Raises:
        DeclarationError: It cannot be read, names something else, or names nothing.

    >>> condition_of("width % heads == 0", ["width", "heads"]).holds({"width": 512, "heads": 8})
    True
    >>> condition_of(lambda widht: widht > 1, ["width", "heads"])
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: the condition "widht > 1" names widht: did you mean width?
    """
    if isinstance(written, Condition):
        condition = written
    elif isinstance(written, str):
        parsed = parse_text(written)
        condition = Condition(parsed.names, parsed.text, parsed)
    else:
        parameters = _parameters(written, names)
        condition = Condition(parameters, text_of(written, parameters), written)
    if not condition.names:
        raise DeclarationError(
            f'the condition "{condition}" names no hyperparameter; {did_you_mean("", names)}'
        )
    for name in condition.names:
        if name not in names:
            raise DeclarationError(f'the condition "{condition}" names {name}: {did_you_mean(name, names)}')
    return condition


def _parameters(function: object, names: Collection[str]) -> tuple[str, ...]:
    """Return the arguments a condition is called with: those without a default, and hyperparameters."""
    example = 'such as "width % heads == 0", or a function of the hyperparameters'
    if not callable(function):
        raise DeclarationError(f"{function!r} is no condition; write text {example}")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError) as error:
        raise DeclarationError(f"{function!r} has no signature to read; write text {example}") from error
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            taken = f'the condition {text_of(function, ())} takes "{parameter}"'
            raise DeclarationError(f"{taken}; write the hyperparameters it reads")
    return tuple(each.name for each in parameters if each.name in names or each.default is each.empty)
