"""What of a GPU decides which operators PyTorch runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        compute_capability: (major, minor).
    """

    compute_capability: tuple[int, int]
