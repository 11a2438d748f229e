"""What kernels take for the time of a call, besides what their operators return."""

from __future__ import annotations

from fxcost.gpu.scratch.kernel import Kernel, Scratch, Tensor
from fxcost.gpu.scratch.table import largest_convolution, scratch_of

__all__ = ["Kernel", "Scratch", "Tensor", "largest_convolution", "scratch_of"]
