"""How the model is used, as text: `none` for an inference, or the optimizer of a training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fxcost import targets
from fxcost.errors import DeclarationError

if TYPE_CHECKING:
    from fxcost.trace import Training

NAMED = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}


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
