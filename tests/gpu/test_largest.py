"""The largest value of a hyperparameter that fits on a GPU."""

from __future__ import annotations

import dataclasses
import random

import pytest

from fxcost.gpu import Fit, GpuMemory, largest


@dataclasses.dataclass(frozen=True)
class Replayed:
    """What `largest` looks at of a value's memory."""

    value: int
    fit: Fit


def searched(values: list[int], needed: list[int], alive: list[int], usable: int):
    """Return what is found, and which values were replayed, where a value fits below what there is."""
    asked: list[int] = []

    def at(value: int) -> GpuMemory:
        asked.append(value)
        return Replayed(value, Fit.of(0, needed[values.index(value)], usable, 0.0))  # type: ignore[return-value]

    return largest("batch", values, alive, usable, at), asked


def test_what_is_found_is_what_trying_all_values_finds():
    draw = random.Random(0)
    for _ in range(300):
        values = sorted(draw.sample(range(1, 200), draw.randint(1, 40)))
        alive = sorted(draw.choices(range(1, 500), k=len(values)))
        needed = sorted(nbytes + draw.randint(0, 50) for nbytes in alive)
        usable = draw.randint(0, 550)
        found, asked = searched(values, needed, alive, usable)
        assert found.value == max(
            (v for v, n in zip(values, needed, strict=True) if n <= usable), default=None
        )
        assert found.certain == min(
            (v for v, n in zip(values, alive, strict=True) if n > usable), default=None
        )
        assert found.replays == len(asked) == len(set(asked)) <= len(values).bit_length() + 1


@pytest.mark.parametrize(("usable", "value", "following"), [(5, None, 1), (25, 2, 3), (100, 4, None)])
def test_why_no_larger_one_fits_is_told(usable, value, following):
    found, _ = searched([1, 2, 3, 4], [10, 20, 30, 40], [1, 2, 3, 4], usable)
    assert found.value == value
    assert (None if found.next is None else found.next.value) == following
