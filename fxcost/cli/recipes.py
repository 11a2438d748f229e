"""How the model is used, as text: `none` for an inference, or the optimizer of a training step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fxcost import targets
from fxcost.errors import DeclarationError

if TYPE_CHECKING:
    from fxcost.trace import Inference, Training

NAMED = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}
OF_BOTH = ("precision", "channels_last", "attention")
"""What an inference may have, too."""


def recipe_of(text: str, fields: Mapping[str, Any]) -> tuple[Training | None, Inference | None]:
    """Return the recipe that a text and further options mean.

    Args:
        text: What `training_of` takes.
        fields: By name, the fields of the recipe that were given.

    Raises:
        DeclarationError: The text is no recipe, a field's value is wrong, or an inference has no such field.
        TargetError: The target's module is missing or has no such name.

    Example:
        >>> recipe_of("adamw", {"precision": "bf16-mixed"})[0].precision
        'bf16-mixed'
        >>> recipe_of("none", {"accumulation": 4})
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: --accumulation is about training: write --training adamw, too
    """
    training = training_of(text)
    if training is not None:
        return dataclasses.replace(training, **fields), None
    for name in fields:
        if name not in OF_BOTH:
            option = name.replace("_", "-")
            raise DeclarationError(f"--{option} is about training: write --training adamw, too")
    if not fields:
        return None, None
    from fxcost.trace import Inference

    return None, Inference(**fields)


def training_of(text: str) -> Training | None:
    """Return the recipe that a text means, None for an inference.

    Args:
        text: `none`, `adamw`, `adam`, `sgd` (without momentum), or the target of a `Training`, an optimizer
            class, or a callable from parameters to an optimizer.

    Raises:
        DeclarationError: The text is none of these.
        TargetError: The target's module is missing or has no such name.

    Example:
        >>> training_of("adamw").optimizer.__name__
        'AdamW'
        >>> training_of("adamv")
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: --training adamv: write none, adamw, adam, sgd, or module:name ...
    """
    if text == "none":
        return None
    import torch

    from fxcost.trace import Training

    if text in NAMED:
        return Training(getattr(torch.optim, NAMED[text]))
    if ":" not in text:
        choices = ", ".join(("none", *NAMED))
        raise DeclarationError(f"--training {text}: write {choices}, or module:name of an optimizer")
    found = targets.load_object(text)
    if isinstance(found, Training):
        return found
    if callable(found):
        return Training(found)
    raise DeclarationError(
        f"--training {text}: this is a {type(found).__name__}; write the name of a Training or an optimizer"
    )
