"""In which numbers a model computes: one row for each precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from fxcost.errors import DeclarationError


@dataclass(frozen=True)
class Precision:
    """How numbers are stored and computed with.

    Attributes:
        weights: The type that floating weights, buffers and inputs are converted to; None leaves them.
        autocast: The type of `torch.autocast` around the forward pass and the loss; None is no autocast.
        scaled: Whether a `GradScaler` scales the loss, as the narrow range of fp16 asks for.
    """

    weights: torch.dtype | None = None
    autocast: torch.dtype | None = None
    scaled: bool = False


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        "fp32": Precision(),
        "tf32": Precision(),  # stored as fp32; only products are rounded
        "fp16-mixed": Precision(autocast=torch.float16, scaled=True),
        "bf16-mixed": Precision(autocast=torch.bfloat16),
        "fp16-true": Precision(weights=torch.float16),
        "bf16-true": Precision(weights=torch.bfloat16),
    }
)


def precision_of(name: str, who: str) -> Precision:
    """Return what a precision's name means.

    Args:
        name: One of `PRECISIONS`.
        who: Whose it is, for the message.

    Raises:
        DeclarationError: There is none of this name.

    Example:
        >>> precision_of("bf16-mixed", "Training").autocast
        torch.bfloat16
        >>> precision_of("int3", "Training")
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: Training(precision='int3'): write one of "fp32", "tf32", ...
    """
    if name not in PRECISIONS:
        known = ", ".join(f'"{each}"' for each in PRECISIONS)
        raise DeclarationError(f"{who}(precision={name!r}): write one of {known}")
    return PRECISIONS[name]
