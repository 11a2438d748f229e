"""Domains: what one hyperparameter may be."""

from __future__ import annotations

from typing import TypeAlias

from fxcost.space.choices import Bool, Choice
from fxcost.space.intervals import Float, Int

AnyDomain: TypeAlias = Int | Float | Choice

__all__ = ["AnyDomain", "Bool", "Choice", "Float", "Int"]
