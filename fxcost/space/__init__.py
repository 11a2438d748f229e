"""Hyperparameters: domains, the conditions between them, spaces and their configurations."""

from __future__ import annotations

from fxcost.space.conditions import Condition
from fxcost.space.config import Config
from fxcost.space.domains import AnyDomain, Bool, Choice, Float, Int
from fxcost.space.dynamic import Dynamic, with_dynamic
from fxcost.space.space import Space

__all__ = [
    "AnyDomain",
    "Bool",
    "Choice",
    "Condition",
    "Config",
    "Dynamic",
    "Float",
    "Int",
    "Space",
    "with_dynamic",
]
