"""All regions known of a factory: each is traced when a setting in it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fxcost.costs.assumptions import Assumptions
from fxcost.costs.families import Families
from fxcost.costs.forms import Traced
from fxcost.costs.region import Region
from fxcost.costs.sizes import Sizes
from fxcost.costs.stored import Stored
from fxcost.costs.verifying import verified_alternatives
from fxcost.errors import FactoryError
from fxcost.expr import Domain
from fxcost.program import Program
from fxcost.space import Config, Space
from fxcost.trace import Together


@dataclass
class Regions:
    """All regions known of one factory and recipe; more are traced where they are asked for.

    Attributes:
        space: The hyperparameters.
        trace: Traces the factory at a configuration; some hyperparameters may be fixed at one value only, and
            some alternatives are traced together.
        of: Returns the regions of the same factory and recipe in another space, none of them known.
        known: The regions traced so far.
        changed: Is told that there is a new region, or a new closed form of one.
        kept: What the solver calculated of closed forms.
    """

    space: Space
    trace: Callable[[Config, Mapping[str, int], Together], Program]
    of: Callable[[Space], Regions]
    known: list[Region] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    kept: dict[Any, Any] = field(default_factory=dict)
    _single: list[Region] = field(default_factory=list)
    _together: Together = Together.MODELS
    _wider: dict[Space, Regions] = field(default_factory=dict)

    @cached_property
    def domain(self) -> Domain:
        """The hyperparameters' symbols and values."""
        return Domain(self.space)

    @cached_property
    def assumptions(self) -> Assumptions:
        """What holds throughout the space."""
        return Assumptions(self.domain)

    @cached_property
    def families(self) -> Families:
        """What is known of the hyperparameters that count repeats."""
        return Families(self.assumptions, self._traced)

    def at(self, config: Config) -> Region:
        """Return the region of a configuration, traced now if none covers it yet."""
        values = self.domain.encode(config)
        for region in self.known:
            if region.covers(values):
                return region
        region = self._explored(config)
        self.known.append(region)
        self.changed()
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

    def widened(self, space: Space) -> Regions:
        """Return the regions of a space that holds this one, traced first where this one was; they are kept.

        Nothing is taken over: what was proved within this space need not be so in a wider one.

        Raises:
            FactoryError: The factory refuses all settings that were traced here.
        """
        if space not in self._wider:
            wider = self.of(space)
            wider.open([region.hint for region in self.known if region.refusal is None])
            self._wider[space] = wider
        return self._wider[space]

    def first(self) -> Region:
        """Return the first region traced that the factory does not refuse."""
        return next(region for region in self.known if region.refusal is None)

    def sizes_at(self, config: Config) -> Sizes:
        """Return the program of a configuration in a region that is not refused, place by place.

        Where its region stands for other programs, too, it is traced alone, once.
        """
        region = self.at(config)
        form = region.form.traced if isinstance(region.form, Stored) and not region.verified else region.form
        if isinstance(form, Traced) and not form.alternatives:
            return form.sizes
        values = self.domain.encode(config)
        for single in self._single:
            if single.covers(values) and isinstance(single.form, Traced):
                return single.form.sizes
        alone = self._alone(config)
        self._single.append(Region(config, alone.sizes.program.questions, form=alone))
        return alone.sizes

    def _explored(self, config: Config) -> Region:
        try:
            region = self._counted(config) or self._region(config, self._traced(config, {}))
            verified = verified_alternatives(region, self.domain, self._alone)
        except FactoryError as error:
            questions = self.assumptions.restrictive(error.questions)
            if not questions:
                raise
            return Region(config, questions, refusal=str(error))
        if verified is not None:
            return verified
        self._together = Together(self._together - 1)
        return self._explored(config)

    def _counted(self, config: Config) -> Region | None:
        """Return the region of a configuration in which hyperparameters count repeats, or its own trace's.

        First they count from their lowest values; where these are on another path, from the configuration's.
        """
        for nearby in (False, True):
            near, program, counters = self.families.explore(config, nearby=nearby)
            family = self.families.family(near, program, counters) if counters else None
            if family is None:
                return self._region(config, program) if near == config else None
            if family.covers(self.domain.encode(config)):
                return family
            elsewhere = verified_alternatives(family, self.domain, self._alone)
            self.known += [elsewhere] if elsewhere is not None else []
            if self.families.starts_above(config, counters):
                return self._counted(config)
        return None

    def _traced(self, config: Config, counters: Mapping[str, int]) -> Program:
        return self.trace(config, counters, self._together)

    def _alone(self, config: Config) -> Traced:
        """Return the form of a configuration's own program."""
        program = self.trace(config, {}, Together.NOTHING)
        return Traced(Sizes(program, self.assumptions.normaliser(program.questions)))

    def _region(self, config: Config, program: Program) -> Region:
        """Return the region of one traced program."""
        questions = self.assumptions.restrictive(program.questions)
        return Region(config, questions, form=Traced(Sizes(program, self.assumptions.normaliser(questions))))
