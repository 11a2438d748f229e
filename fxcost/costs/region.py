"""A region: settings that share closed forms, or that the factory refuses alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy

from fxcost.costs.forms import Form
from fxcost.expr import evaluate
from fxcost.expr.functions import Number
from fxcost.program import Question, QuestionKind
from fxcost.space import Config
from fxcost.space.spelling import assignments_text


@dataclass(frozen=True, eq=False)
class Region:
    """The settings for which closed forms are right, or which the factory refuses alike.

    Attributes:
        hint: The configuration that was traced.
        questions: What must hold, without what the space implies.
        refusal: The factory's exception and its line, None where it builds the model.
        form: What its quantities are made of, None where the factory refuses.
        verified: The counts and alternatives at which the form was compared with traces it is not made of.
    """

    hint: Config
    questions: tuple[Question, ...]
    refusal: str | None = None
    form: Form | None = None
    verified: tuple[Mapping[str, object], ...] = ()

    @cached_property
    def conditions(self) -> tuple[sympy.Basic, ...]:
        """The conditions of the questions."""
        return tuple(question.condition for question in self.questions)

    def covers(self, values: Mapping[str, Number]) -> bool:
        """Tell whether a configuration, encoded by the domain, lies in this region."""
        return all(evaluate(condition, values) for condition in self.conditions)

    @property
    def basis(self) -> str:
        """What its numbers rest on.

        "exact": the formulas are those of the traced program. "enumerated at ...": so they are, and the trace
        fixed hyperparameters. "verified at ...": hyperparameters say how often segments are repeated, or
        whether they are there, which was compared with traces of their own.
        """
        if self.verified:
            return "verified at " + "; ".join(map(assignments_text, self.verified))
        fixed = [q.condition for q in self.questions if q.kind is QuestionKind.SPECIALISATION]
        names = {symbol.name for condition in fixed for symbol in condition.free_symbols}
        values = {name: self.hint[name] for name in self.hint if name in names}
        return f"enumerated at {assignments_text(values)}" if values else "exact"
