"""A picture of two steps on a GPU: what is alive, by what it holds, and what the allocator reserves."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from fxcost.errors import DeclarationError, MissingPackageError
from fxcost.gpu import GpuMemory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (11.0, 5.0)
GIB = 2**30
ORDER = ("parameter", "buffer", "optimizer state", "gradient", "batch", "workspace")
"""What lasts is drawn below what comes and goes."""
SUFFIXES = (".png", ".svg", ".pdf")


def draw(memory: GpuMemory, file: str | PathLike[str]) -> None:
    """Draw a setting's memory over two steps, event by event.

    Args:
        memory: What is drawn.
        file: Where to; its ending says what is written.

    Raises:
        DeclarationError: The file ends in none of `.png`, `.svg` and `.pdf`.
        MissingPackageError: matplotlib is not installed.
    """
    if not str(file).endswith(SUFFIXES):
        raise DeclarationError(f"{file}: write a file that ends in {', '.join(SUFFIXES)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError("a picture needs matplotlib: pip install 'fxcost[pictures]'") from error
    figure = Figure(SIZE, layout="constrained")
    axes = figure.add_subplot()
    _alive(axes, memory)
    _phases(axes, memory)
    axes.set_title(f"{memory.config}: {memory.fit} on {memory.card.device.full_name}", fontsize=9)
    axes.set_ylabel("GiB")
    axes.set_xlabel("allocations and releases")
    axes.margins(x=0)
    axes.legend(loc="upper left", fontsize=7, bbox_to_anchor=(1, 1))
    figure.savefig(file)


def _alive(axes: Axes, memory: GpuMemory) -> None:
    """Stack what is alive by what it holds, under what is reserved."""
    found = memory.requests.by_role()
    names = sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    stacks = {name: found[name] for name in names}
    events = np.arange(len(memory.requests.events))
    axes.stackplot(events, *(stack / GIB for stack in stacks.values()), labels=list(stacks), step="post")
    reserved = memory.replay.reserved / GIB
    axes.step(events, reserved, color="black", where="post", label="reserved", linewidth=1)
    usable = memory.usable / GIB
    if usable < 2 * reserved.max(initial=0):
        axes.axhline(usable, color="red", linestyle="--", label="usable")


def _phases(axes: Axes, memory: GpuMemory) -> None:
    for span in memory.requests.spans:
        axes.axvline(span.first, color="grey", linewidth=0.5)
        top = (span.first, 0.99)
        axes.annotate(span.name, top, xycoords=axes.get_xaxis_transform(), fontsize=6, rotation=90, va="top")
