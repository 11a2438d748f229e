"""A region: settings that share closed forms, or that the factory refuses alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from fxcost.costs.definitions import Definition
from fxcost.costs.forms import Form, closed_form
from fxcost.errors import InvalidConfigError
from fxcost.expr import Expression, evaluate
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
        expressions: The closed forms made so far.
    """

    hint: Config
    questions: tuple[Question, ...]
    refusal: str | None = None
    form: Form | None = None
    verified: tuple[Mapping[str, object], ...] = ()
    expressions: dict[Definition, Expression] = field(default_factory=dict)

    @cached_property
    def conditions(self) -> tuple[sympy.Basic, ...]:
        """The conditions of the questions."""
        return tuple(question.condition for question in self.questions)

    def covers(self, values: Mapping[str, Number]) -> bool:
        """Tell whether a configuration, encoded by the domain, lies in this region."""
        return all(evaluate(condition, values) for condition in self.conditions)

    def expression(self, definition: Definition) -> Expression:
        """Return a quantity's closed form.

        Raises:
            InvalidConfigError: The factory refuses these settings.
        """
        if self.form is None:
            raise InvalidConfigError(f"the factory refuses these settings: {self.refusal}")
        if definition not in self.expressions:
            self.expressions[definition] = closed_form(definition, self.form)
        return self.expressions[definition]

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
