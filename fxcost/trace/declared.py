"""Domains in a recipe: what a field may be, instead of what it is, is a hyperparameter named as the field."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from fxcost.errors import DeclarationError
from fxcost.space import AnyDomain, Choice, Float, Int, Space

Recipe = TypeVar("Recipe")

OPEN = "open"
"""Marks a field whose number a trace keeps symbolic; others are fixed at one value in each region."""

MOST_CHECKED = 256
"""Of a domain with more values the ends are checked when a recipe is declared."""


def domains_of(recipe: Any) -> dict[str, AnyDomain]:
    """Return the domains in a recipe, those in its parts among them, by the names of their fields.

    Example:
        >>> from fxcost.trace import Training
        >>> import torch
        >>> domains_of(Training(torch.optim.AdamW, accumulation=Int(1, 8)))
        {'accumulation': Int(1, 8)}
    """
    return {field.name: value for field, value in _fields(recipe) if isinstance(value, Int | Float | Choice)}


def is_open(recipe: Any, name: str) -> bool:
    """Tell whether a trace keeps a field's number symbolic."""
    return any(field.name == name and field.metadata.get(OPEN, False) for field, _ in _fields(recipe))


def chosen(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return a recipe with values in the place of its domains.

    Args:
        recipe: The recipe.
        values: By field, what it is.

    Example:
        >>> from fxcost.trace import Training
        >>> import torch
        >>> recipe = Training(torch.optim.AdamW, precision=Choice("fp32", "tf32"))
        >>> chosen(recipe, {"precision": "tf32"}).precision
        'tf32'
    """
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(recipe):  # type: ignore[arg-type]
        value = getattr(recipe, field.name)
        if isinstance(value, Int | Float | Choice):
            changed[field.name] = values[field.name]
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changed[field.name] = chosen(value, values)
    if hasattr(recipe, "inapplicable"):
        changed.update(dict.fromkeys(recipe.inapplicable(changed)))
    return dataclasses.replace(recipe, **changed) if changed else recipe  # type: ignore[type-var]


def with_recipe(space: Space, recipe: Any) -> Space:
    """Return a space with a recipe's hyperparameters, too.

    Raises:
        DeclarationError: The space has a hyperparameter of the same name.
    """
    added = domains_of(recipe)
    for name in added:
        if name in space.names:
            raise DeclarationError(
                f"{name} is a hyperparameter of the factory and of the recipe; "
                "give that of the factory another name, or the recipe a value"
            )
    conditions = getattr(recipe, "conditions", ())
    return Space({**space.domains, **added}).where(*space.conditions, *conditions) if added else space


def leaves_open(recipe: Any) -> bool:
    """Tell whether a recipe has domains; if so, check it with each of their values.

    Raises:
        DeclarationError: One of the values is no value of its field.
    """
    domains = domains_of(recipe)
    first = {name: domain.values[0] if domain.finite else domain.low for name, domain in domains.items()}  # type: ignore[union-attr]
    for name, domain in domains.items():
        for value in _examples(domain):
            chosen(recipe, {**first, name: value})
    return bool(domains)


def _examples(domain: AnyDomain) -> Iterator[object]:
    if isinstance(domain, Float):
        yield from (domain.low, domain.high)
    elif len(domain.values) <= MOST_CHECKED:
        yield from domain.values
    else:
        yield from (domain.values[0], domain.values[-1])


def _fields(recipe: Any) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    """Yield the fields of a recipe and of its parts with their values."""
    if recipe is None:
        return
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type | Int | Float | Choice):
            yield from _fields(value)
        else:
            yield field, value


def check_count(value: Any, spelled: str) -> None:
    """Refuse what is no number of things, of which there is at least one.

    Args:
        value: The number, which may be symbolic.
        spelled: How it is given, such as `"Training(accumulation="`.

    Raises:
        DeclarationError: It is none.
    """
    import torch

    if isinstance(value, torch.SymInt):
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise DeclarationError(f"{spelled}{value!r}): write how many, as an int, or fc.Choice(1, 2, 4)")
    if value < 1:
        raise DeclarationError(f"{spelled}{value}): there is at least one")
