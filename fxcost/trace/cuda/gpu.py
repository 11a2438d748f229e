"""What of a GPU decides which operators PyTorch runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.torch_version import TorchVersion


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        compute_capability: (major, minor).
        release: Of torch: its lists for autocast, and which kernels of attention it knows.
    """

    compute_capability: tuple[int, int]
    release: str = torch.__version__

    def runs(self, release: str) -> bool:
        """Tell whether its torch is of a release, or of a later one.

        >>> Gpu((9, 0), "2.11.0").runs("2.12"), Gpu((9, 0), "2.12.1+cu130").runs("2.12")
        (False, True)
        """
        return TorchVersion(self.release) >= release
