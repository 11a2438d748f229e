"""Questions about costs, answered with proof: limits, prove, find, maximize, minimize, partition."""

from __future__ import annotations

from fxcost.solve.limits import Comparison, Limit, at_least, at_most, less_than, more_than
from fxcost.solve.optimise import maximize, minimize
from fxcost.solve.partition import Partition, Piece, partition
from fxcost.solve.piecewise import Piecewise
from fxcost.solve.quantities import Quantity
from fxcost.solve.questions import find, prove
from fxcost.solve.verdicts import Effort, Found, Infeasible, Optimum, Proved, Reading, Refuted, Unknown

__all__ = [
    "Comparison",
    "Effort",
    "Found",
    "Infeasible",
    "Limit",
    "Optimum",
    "Partition",
    "Piece",
    "Piecewise",
    "Proved",
    "Quantity",
    "Reading",
    "Refuted",
    "Unknown",
    "at_least",
    "at_most",
    "find",
    "less_than",
    "maximize",
    "minimize",
    "more_than",
    "partition",
    "prove",
]
