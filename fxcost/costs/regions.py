"""The paths of a factory that have been traced, each with the settings it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from fxcost.costs.sizes import Sizes
from fxcost.errors import FactoryError
from fxcost.expr import Domain, Normaliser, conditions, evaluate
from fxcost.expr.functions import Number
from fxcost.program import Program, Question
from fxcost.space import Config, Space


@dataclass(frozen=True, eq=False)
class Region:
    """The settings for which one trace is right, or which the factory refuses alike.

    Attributes:
        hint: The configuration that was traced.
        questions: What must hold, without what the space implies.
        refusal: The factory's exception and its line, None where it builds the model.
        sizes: The traced program with its sizes in normal form, None where the factory refuses.
    """

    hint: Config
    questions: tuple[Question, ...]
    refusal: str | None = None
    sizes: Sizes | None = None

    @cached_property
    def conditions(self) -> tuple[sympy.Basic, ...]:
        """The conditions of the questions."""
        return tuple(question.condition for question in self.questions)

    def covers(self, values: Mapping[str, Number]) -> bool:
        """Tell whether a configuration, encoded by the domain, lies in this region."""
        return all(evaluate(condition, values) for condition in self.conditions)


@dataclass
class Regions:
    """All regions known of one factory and recipe; more are traced where they are asked for.

    Attributes:
        space: The hyperparameters.
        trace_at: Traces the factory at a configuration.
        known: The regions traced so far.
    """

    space: Space
    trace_at: Callable[[Config], Program]
    known: list[Region] = field(default_factory=list)

    @cached_property
    def domain(self) -> Domain:
        """The hyperparameters' symbols and values."""
        return Domain(self.space)

    def at(self, config: Config) -> Region:
        """Return the region of a configuration, traced now if none covers it yet."""
        values = self.domain.encode(config)
        for region in self.known:
            if region.covers(values):
                return region
        region = self._traced(config)
        self.known.append(region)
        return region

    def open(self, hints: Sequence[Config]) -> None:
        """Trace at the first of some configurations that the factory does not refuse.

        Raises:
            FactoryError: It refuses them all.
        """
        for hint in hints:
            if self.at(hint).refusal is None:
                return
        raise FactoryError(f"the factory refuses all {len(hints)} settings tried: {self.known[0].refusal}")

    def first(self) -> Region:
        """Return the first region traced that the factory does not refuse."""
        return next(region for region in self.known if region.refusal is None)

    def _traced(self, config: Config) -> Region:
        try:
            program = self.trace_at(config)
        except FactoryError as error:
            questions = self._restrictive(error.questions)
            if not questions:
                raise
            return Region(config, questions, refusal=str(error))
        questions = self._restrictive(program.questions)
        normaliser = self._normaliser(questions)
        return Region(config, questions, sizes=Sizes(program, normaliser))

    def _normaliser(self, questions: tuple[Question, ...]) -> Normaliser:
        held = [question.condition for question in questions]
        return Normaliser(self.domain, [*self._declared, *held])

    @cached_property
    def _declared(self) -> list[sympy.Basic]:
        return [conditions.of_callable(condition, self.domain) for condition in self.space.conditions]

    def _restrictive(self, questions: tuple[Question, ...]) -> tuple[Question, ...]:
        """Drop the questions whose answer the space implies."""
        by_condition = {question.condition: question for question in questions}
        normaliser = Normaliser(self.domain, self._declared)
        _, remaining = conditions.discharge(list(by_condition), self.domain, normaliser)
        return tuple(by_condition[condition] for condition in remaining)
