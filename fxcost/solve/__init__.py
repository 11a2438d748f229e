"""Questions about costs, answered with proof: limits, prove, find, maximize, minimize, partition."""

from __future__ import annotations

from fxcost.solve.binding import Binding
from fxcost.solve.certificates import Certificate
from fxcost.solve.contradictions import Contradiction, Demand, Relaxation
from fxcost.solve.counts import Count
from fxcost.solve.effort import Effort, Reading
from fxcost.solve.feasibility import Feasible, feasible
from fxcost.solve.fronts import Front, Tradeoff, pareto
from fxcost.solve.goals import Goal, largest, smallest
from fxcost.solve.limits import Comparison, Limit, at_least, at_most, less_than, more_than
from fxcost.solve.optimise import maximize, minimize
from fxcost.solve.partition import Partition, Piece, partition
from fxcost.solve.piecewise import Piecewise
from fxcost.solve.quantities import Quantity
from fxcost.solve.questions import find, prove
from fxcost.solve.sensitivities import Sensitivity
from fxcost.solve.totals import Total
from fxcost.solve.verdicts import Found, Infeasible, Optimum, Proved, Refuted, Unknown

__all__ = [
    "Binding",
    "Certificate",
    "Comparison",
    "Contradiction",
    "Count",
    "Demand",
    "Effort",
    "Feasible",
    "Found",
    "Front",
    "Goal",
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
    "Relaxation",
    "Sensitivity",
    "Total",
    "Tradeoff",
    "Unknown",
    "at_least",
    "at_most",
    "feasible",
    "find",
    "largest",
    "less_than",
    "maximize",
    "minimize",
    "more_than",
    "pareto",
    "partition",
    "prove",
    "smallest",
]
