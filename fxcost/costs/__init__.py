"""Costs: a traced program becomes expressions in its hyperparameters."""

from __future__ import annotations

from fxcost.costs.contributions import GROUPINGS, Contribution, grouped, largest, total
from fxcost.costs.definitions import DEFINITIONS, Definition, hyperparameter
from fxcost.costs.memory import alive_at_peak, alive_rows
from fxcost.costs.regions import Region, Regions
from fxcost.costs.sizes import Sizes

__all__ = [
    "DEFINITIONS",
    "GROUPINGS",
    "Contribution",
    "Definition",
    "Region",
    "Regions",
    "Sizes",
    "alive_at_peak",
    "alive_rows",
    "grouped",
    "hyperparameter",
    "largest",
    "total",
]
