"""What a program's sizes rest on: the space's own conditions, and the answers given while it was traced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy

from fxcost.expr import Domain, Normaliser, conditions
from fxcost.expr.decide import Decider
from fxcost.program import Question


@dataclass(frozen=True, eq=False)
class Assumptions:
    """Drops the questions that a space answers, and normalises under those that are left."""

    domain: Domain

    @cached_property
    def declared(self) -> list[sympy.Basic]:
        """The space's conditions."""
        return [conditions.of_callable(condition, self.domain) for condition in self.domain.space.conditions]

    def restrictive(self, questions: Iterable[Question]) -> tuple[Question, ...]:
        """Drop the questions whose answer the space implies."""
        by_condition = {question.condition: question for question in questions}
        normaliser = Normaliser(self.domain, self.declared)
        _, remaining = conditions.discharge(list(by_condition), self.domain, normaliser)
        return tuple(by_condition[condition] for condition in remaining)

    def normaliser(self, questions: Sequence[Question]) -> Normaliser:
        """Return a normaliser for the settings where questions are answered as they were."""
        return Normaliser(self.domain, [*self.declared, *(question.condition for question in questions)])

    def follow(self, questions: Iterable[Question], normaliser: Normaliser) -> bool:
        """Tell whether the answers to questions follow from a normaliser's conditions."""
        decider = Decider(normaliser)
        known = set(normaliser.conditions)
        return all(q.condition in known or decider.holds(q.condition) for q in questions)
