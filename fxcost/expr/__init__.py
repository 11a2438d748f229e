"""Expressions in a model's hyperparameters: normal form, evaluation, pruning, conditions, Z3."""

from __future__ import annotations

from fxcost.expr.domain import Axis, Domain
from fxcost.expr.evaluation import evaluate, evaluate_arrays
from fxcost.expr.expression import Expression, Row
from fxcost.expr.functions import FloatAdd, FloatMul, FloatNeg, FloatSub, Log
from fxcost.expr.lowering import Lowering
from fxcost.expr.normal import Normaliser
from fxcost.expr.polynomial import Atom, Polynomial

__all__ = [
    "Atom",
    "Axis",
    "Domain",
    "Expression",
    "FloatAdd",
    "FloatMul",
    "FloatNeg",
    "FloatSub",
    "Log",
    "Lowering",
    "Normaliser",
    "Polynomial",
    "Row",
    "evaluate",
    "evaluate_arrays",
]
