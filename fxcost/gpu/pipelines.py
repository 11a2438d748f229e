"""The stage of a pipeline that needs most of its GPU."""

from __future__ import annotations

from typing import Any

from fxcost.costs import Sizes
from fxcost.gpu.memory import GpuMemory, gpu_memory


def worst_stage(sizes: Sizes, *args: Any, **kwargs: Any) -> GpuMemory:
    """Return a configuration's memory on a GPU, of a pipeline on the one that needs most.

    Args:
        sizes: Its program's, traced alone.
        *args: As in `gpu_memory`.
        **kwargs: Likewise.
    """
    stages = (gpu_memory(stage, *args, **kwargs) for stage in sizes.stages())
    return max(stages, key=lambda memory: memory.capacity.enough)
