"""Finds the hyperparameters that count repeats, and the closed form over all their values."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import sympy

from fxcost.costs.assumptions import Assumptions
from fxcost.costs.counting import (
    Counter,
    bent,
    between,
    common,
    count_of,
    counters_of,
    fixed,
    holds_at,
    looked_at,
    regular,
    varying,
    verifying,
)
from fxcost.costs.definitions import SUMS
from fxcost.costs.forms import Counted, Traced
from fxcost.costs.region import Region
from fxcost.costs.sizes import Sizes
from fxcost.errors import FactoryError, FxcostError
from fxcost.program import Program, Question, QuestionKind
from fxcost.space import Config
from fxcost.trace import PinnedError

Trace: TypeAlias = "Callable[[Config, Mapping[str, int]], Program]"
"""Traces at a configuration; fixing a hyperparameter at another value than is given is a `PinnedError`."""

MOST_FAILURES = 2
"""After so many a hyperparameter's values are traced one by one, on every path."""


@dataclass
class Families:
    """Traces of a few counts become the closed form of all; what showed no form is not tried again.

    Attributes:
        assumptions: Of the space.
        trace: Traces the factory.
        failures: By hyperparameter, how often its values showed no repeats.
        least: By hyperparameter, the smallest count that a form was found for.
    """

    assumptions: Assumptions
    trace: Trace
    failures: Tally[str] = field(default_factory=Tally)
    least: dict[str, int] = field(default_factory=dict)

    @cached_property
    def counters(self) -> Mapping[str, Counter]:
        """The hyperparameters that may count repeats."""
        return counters_of(self.assumptions.domain)

    def explore(
        self, config: Config, *, nearby: bool = False
    ) -> tuple[Config, Program, Mapping[str, Counter]]:
        """Trace a configuration, or one nearby where what counts repeats has its base.

        A base that the factory refuses is moved up.

        Args:
            config: The configuration.
            nearby: Whether its own counts are the base, not the lowest ones.

        Returns:
            Where it was traced, the program, and the hyperparameters that count repeats there.

        Raises:
            FactoryError: The factory refuses the configuration itself.
        """
        counters = {
            name: counter.near(count_of(config, name)) if nearby else counter
            for name, counter in self.counters.items()
            if self.failures[name] < MOST_FAILURES and not self.starts_above(config, [name])
        }
        near = config
        while True:
            try:
                program = self.trace(near, {name: counter.base for name, counter in counters.items()})
            except PinnedError as pinned:
                moved = near.replace(**{pinned.name: counters[pinned.name].base})
                if moved in self.assumptions.domain.space:
                    near = moved
                else:
                    del counters[pinned.name]
                continue
            except FactoryError:
                if near == config:
                    raise
                near, counters = self._moved_up(config, near, counters)
                continue
            return near, program, {name: counters[name] for name in fixed(program, counters)}

    @staticmethod
    def _moved_up(
        config: Config, near: Config, counters: Mapping[str, Counter]
    ) -> tuple[Config, dict[str, Counter]]:
        """Return a higher base for what was moved; what has none keeps its value, and counts nothing."""
        higher = {
            name: counter.higher() if near[name] != config[name] else counter
            for name, counter in counters.items()
        }
        left = {name: counter for name, counter in higher.items() if counter is not None}
        bases = {name: left[name].base for name in left if near[name] != config[name]}
        return config.replace(**bases), left

    def starts_above(self, config: Config, names: Iterable[str]) -> bool:
        """Tell whether one of some counts of a configuration is below the form found for it."""
        return any(count_of(config, name) < self.least.get(name, 0) for name in names)

    def family(self, base: Config, program: Program, counters: Mapping[str, Counter]) -> Region | None:
        """Return the region in which some hyperparameters count repeats, None where they do not.

        Args:
            base: Where they all have their base.
            program: What was traced there.
            counters: The hyperparameters.
        """
        first, counters = counters, dict(counters)
        known: dict[Config, Program | None] = {base: program}
        while counters:
            attempt = _Attempt(self, base, counters, known)
            region = attempt.region()
            if region is not None:
                return region
            raised = _raised({name: counters[name] for name in attempt.uneven}, first)
            above = base.replace(**{name: counter.base for name, counter in raised.items()})
            if raised and attempt.traced(above) is not None:
                base, counters = above, counters | raised
                continue
            self.failures[attempt.uneven[-1]] += 1
            del counters[attempt.uneven[-1]]
        return None


def _raised(counters: Mapping[str, Counter], first: Mapping[str, Counter]) -> dict[str, Counter]:
    """Return counters with the next higher base, but those whose base was raised already.

    In the first layers of few, gradients may be released in another order than in those of many.
    """
    higher = {name: counter.higher() for name, counter in counters.items() if counter == first[name]}
    return {name: counter for name, counter in higher.items() if counter is not None}


@dataclass
class _Attempt:
    """The attempt to find one closed form for all values of some counters; `known` are traces made before."""

    families: Families
    base: Config
    counters: Mapping[str, Counter]
    known: dict[Config, Program | None]
    uneven: list[str] = field(default_factory=list)

    def region(self) -> Region | None:
        """Return the region; None where there is none, and those of the counters in `uneven` that are why."""
        longer = self._longer()
        if longer is None:
            return None
        program = self.known[self.base]
        if program is None:
            return None
        programs = [(self._counts(self.base), program), *longer.values()]
        questions = self._questions(programs)
        normaliser = self.families.assumptions.normaliser(questions)
        base, *others = (Traced(Sizes(program, normaliser)) for _, program in programs)
        form = self._form(base, dict(zip(longer, others, strict=True)))
        if form is None:
            return None
        looked = self._looked(program, longer)
        allowed = self._allowed(questions)
        points = verifying(self.counters, form.repeats.least, looked, allowed)
        if not all(self._verified(form, point, programs) for point in points):
            self.uneven = list(self.counters)
            return None
        answers = varying(programs, self.counters, self.families.assumptions.domain)
        inside = list(between(self.counters, form.repeats.least, allowed)) if looked and answers else []
        if not regular(answers) or not all(self._verified(form, point, programs) for point in inside):
            self.uneven = list(self.counters)
            return None
        self.families.least.update(form.repeats.least)
        restricted = (*self._questions(programs), *self._start(form))
        return Region(self.base, restricted, form=form, verified=(*points, *inside))

    def _looked(
        self, program: Program, longer: Mapping[str, tuple[dict[str, int], Program]]
    ) -> frozenset[str]:
        """Return the counters whose higher values may be other than the lower ones."""
        neighbours = {name: neighbour for name, (_, neighbour) in longer.items()}
        values = self.families.assumptions.domain.encode(self.base)
        return looked_at(program, neighbours) | bent(program, self.counters, values)

    def _counts(self, config: Config) -> dict[str, int]:
        return {name: count_of(config, name) for name in self.counters}

    def traced(self, config: Config) -> Program | None:
        """Trace at other counts, None where the space or the factory refuses them."""
        if config not in self.known:
            self.known[config] = self._trace(config)
        return self.known[config]

    def _trace(self, config: Config) -> Program | None:
        if config not in self.families.assumptions.domain.space:
            return None
        try:
            return self.families.trace(config, {})
        except FxcostError:
            return None

    def _allowed(self, questions: Iterable[Question]) -> Callable[[Mapping[str, int]], bool]:
        """Return what tells whether counts are in the space and fulfil the questions about counts alone."""
        about = [
            q.condition
            for q in questions
            if {symbol.name for symbol in q.condition.free_symbols} <= self.counters.keys()
        ]
        space = self.families.assumptions.domain.space
        return lambda counts: self.base.replace(**counts) in space and holds_at(about, counts)

    def _longer(self) -> dict[str, tuple[dict[str, int], Program]] | None:
        """Trace one step further along each counter."""
        found = {}
        for name, counter in self.counters.items():
            counts = self._counts(self.base) | {name: counter.base + counter.step}
            program = self.traced(self.base.replace(**counts))
            if program is None:
                self.uneven = [name]
                return None
            found[name] = (counts, program)
        return found

    def _questions(self, programs: list[tuple[dict[str, int], Program]]) -> tuple[Question, ...]:
        asked = common(programs, self.counters, self.families.assumptions.domain)
        return self.families.assumptions.restrictive(asked)

    def _form(self, base: Traced, longer: Mapping[str, Traced]) -> Counted | None:
        steps = {name: counter.step for name, counter in self.counters.items()}
        counts = self._counts(self.base)
        alone = {name: Counted.of(base, counts, steps, {name: each}) for name, each in longer.items()}
        bad = [name for name, form in alone.items() if form is None]
        form = None if bad else Counted.of(base, counts, steps, longer)
        if form is None:
            self.uneven = bad or list(self.counters)
        return form

    def _verified(
        self, form: Counted, point: Mapping[str, int], programs: list[tuple[dict[str, int], Program]]
    ) -> bool:
        """Compare a form with a trace that had no part in it."""
        program = self.traced(self.base.replace(**point))
        if program is None:
            return False
        programs.append((dict(point), program))
        if not self.families.assumptions.follow(
            common(programs, self.counters, self.families.assumptions.domain), form.normaliser
        ):
            return False
        return form.agrees(Traced(Sizes(program, form.normaliser)), point, SUMS)

    def _start(self, form: Counted) -> list[Question]:
        """Return from which count on each counter's segments are repeated, where lower ones are allowed."""
        symbols = self.families.assumptions.domain.symbols
        return [
            Question(sympy.Ge(symbols[name], least), QuestionKind.REPEATS, None)
            for name, least in form.repeats.least.items()
            if least > self.counters[name].values[0]
        ]
