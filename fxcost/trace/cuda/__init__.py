"""What PyTorch chooses on a GPU, imposed while a model is traced on a CPU: one file for each choice."""

from __future__ import annotations

from fxcost.trace.cuda.copying import copying
from fxcost.trace.cuda.gpu import Gpu
from fxcost.trace.cuda.imposing import imposed
from fxcost.trace.cuda.kernels import rules_of
from fxcost.trace.cuda.recurrent import allocating, flattened
from fxcost.trace.cuda.sums import added_in_place

__all__ = ["Gpu", "added_in_place", "allocating", "copying", "flattened", "imposed", "rules_of"]
