"""What of a GPU decides which operators PyTorch runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        compute_capability: (major, minor).
        release: Of torch: its lists for autocast.
    """

    compute_capability: tuple[int, int]
    release: str = torch.__version__
