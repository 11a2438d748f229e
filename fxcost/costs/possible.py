"""Which values of one hyperparameter are possible where all others are set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fxcost.costs.region import Region
from fxcost.costs.regions import Regions
from fxcost.expr import evaluate_arrays


def possible_values(
    regions: Regions, name: str, values: Sequence[int], others: Mapping[str, Any]
) -> list[int]:
    """Return the values with which the space's conditions hold and the factory refuses nothing.

    Args:
        regions: Of the factory; more of them are traced.
        name: The hyperparameter.
        values: Some of its values.
        others: Every other one by name.

    Raises:
        ConfigError: Another hyperparameter is missing, unknown or outside the space.
    """
    if not values:
        return []
    numbers = np.asarray(values)
    axes = regions.domain.axes
    encoded = {
        other: np.asarray(axes[other].encode(value)) for other, value in others.items() if other in axes
    }
    arrays = {**encoded, name: numbers}
    left, possible = np.ones(numbers.shape, dtype=bool), np.zeros(numbers.shape, dtype=bool)
    if set(arrays) == set(axes):
        left = left & holding(regions.assumptions.declared, arrays)
    while left.any():
        region = regions.at(regions.space.config(**others, **{name: values[int(np.argmax(left))]}))
        inside = left & inside_of(region, arrays)
        if region.refusal is None:
            possible |= inside
        left &= ~inside
    return [value for value, kept in zip(values, possible.tolist(), strict=True) if kept]


def inside_of(region: Region, values: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Return where a region's conditions hold, for arrays of encoded hyperparameters."""
    return holding(region.conditions, values)


def holding(conditions: Sequence[Any], values: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Return where all of some conditions hold, for arrays of encoded hyperparameters."""
    mask = np.ones((), dtype=bool)
    for condition in conditions:
        mask = mask & np.asarray(evaluate_arrays(condition, values), dtype=bool)
    return mask
