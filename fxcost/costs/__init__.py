"""Costs: a traced program becomes expressions in its hyperparameters."""

from __future__ import annotations

from fxcost.costs.contributions import GROUPINGS, Contribution, grouped, largest
from fxcost.costs.definitions import DEFINITIONS, Definition, gpus, hyperparameter
from fxcost.costs.forms import Form
from fxcost.costs.memory import alive_at_peak
from fxcost.costs.region import Region
from fxcost.costs.regions import Regions
from fxcost.costs.sizes import Sizes

__all__ = [
    "DEFINITIONS",
    "GROUPINGS",
    "Contribution",
    "Definition",
    "Form",
    "Region",
    "Regions",
    "Sizes",
    "alive_at_peak",
    "gpus",
    "grouped",
    "hyperparameter",
    "largest",
]
