"""The largest value of a hyperparameter with which a model still fits on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fxcost.gpu.fit import Fit
from fxcost.gpu.memory import GpuMemory


@dataclass(frozen=True)
class Largest:
    """The largest value that fits, and why no larger one does.

    Attributes:
        name: The hyperparameter.
        value: The largest value that fits; None where none does.
        memory: With that value.
        next: With the next larger one, which does not fit or is too close to call; None where there is none.
        certain: The smallest value from which on more is alive than there is memory: none of these can fit.
            None where there is none.
        replays: At how many values steps were replayed.
    """

    name: str
    value: int | None
    memory: GpuMemory | None
    next: GpuMemory | None
    certain: int | None
    replays: int

    def __str__(self) -> str:
        lines = [f"{self.name}={self.value} is the largest that fits"]
        if self.value is None:
            lines = [f"no {self.name} fits"]
        if self.next is not None:
            lines.append(f"{self.name}={self.next.config[self.name]} {described(self.next)}")
        if self.certain is not None:
            lines.append(f"from {self.name}={self.certain} on, tensors alone take more than there is")
        lines.append(f"{self.replays} values replayed, taken for monotone")
        return "\n  ".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "hyperparameter": self.name,
            "largest": self.value,
            "certain": self.certain,
            "replays": self.replays,
            "memory": None if self.memory is None else self.memory.as_dict(),
            "next": None if self.next is None else self.next.as_dict(),
        }


def described(memory: GpuMemory) -> str:
    """Return an answer as the end of a sentence."""
    return "is too close to call" if memory.fit is Fit.TOO_CLOSE else str(memory.fit)


def largest(
    name: str,
    values: Sequence[int],
    alive: Sequence[int],
    usable: int,
    at: Callable[[int], GpuMemory],
) -> Largest:
    """Return the largest of some values that fits.

    Tensors alive are known for every value; replays answer for those of which that does not decide. They are
    bisected: that a larger value needs more memory is likely, and not proved.

    Args:
        name: The hyperparameter.
        values: Its values, ascending.
        alive: Bytes of tensors alive at the peak with each of them.
        usable: Bytes that there are.
        at: Replays a value.
    """
    last = max((place for place, nbytes in enumerate(alive) if nbytes <= usable), default=-1)
    certain = values[last + 1] if last + 1 < len(values) else None
    known: dict[int, GpuMemory] = {}

    def fits(place: int) -> bool:
        if place not in known:
            known[place] = at(values[place])
        return known[place].fit is Fit.FITS

    low, high = -1, last + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    value = values[low] if low >= 0 else None
    return Largest(name, value, known.get(low), known.get(high), certain, len(known))
