"""Answers to questions about costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fxcost.errors import DeclarationError, ExpressionError, UnknownVerdictError
from fxcost.solve.budget import DEFAULT_SECONDS, Budget, Progress
from fxcost.solve.effort import Effort, Reading
from fxcost.solve.spelling import amount, count
from fxcost.space import Config
from fxcost.space.spelling import assignments_text
from fxcost.units import Unit

if TYPE_CHECKING:
    from fxcost.solve.binding import Binding
    from fxcost.solve.certificates import Certificate
    from fxcost.solve.contradictions import Contradiction
    from fxcost.solve.problems import Problem


@dataclass(frozen=True)
class Proved:
    """The statement holds for every setting that was asked about and that the factory accepts.

    Attributes:
        statement: What was asked.
        settings: The number of settings before conditions and refusals.
        filtered: Whether conditions or the factory exclude some of them.
        effort: What the proof took.
        problem: The question itself.
        endless: Which hyperparameters have no end in it, as text.

    >>> print(Proved("parameters <= 1 B", 1234567, False, Effort(2, 0.81)))
    parameters <= 1 B: proved for all 1,234,567 settings (2 regions, 0.8 s)
    """

    statement: str
    settings: int | float
    filtered: bool
    effort: Effort
    problem: Problem | None = field(default=None, repr=False, compare=False)
    endless: str = ""

    def check(self, *, time_limit: float = DEFAULT_SECONDS, progress: Progress | None = None) -> Certificate:
        """Prove it once more, by something else than what proved it.

        The settings are divided into boxes, and each is closed again: by exact evaluation, else by Z3.

        Args:
            time_limit: Seconds it may take.
            progress: Is told what happens, in a few words at a time.

        Raises:
            DeclarationError: The verdict does not come from a question.

        Example:
            >>> import torch, fxcost as fc
            >>> space = fc.Space(width=fc.Int(8, 64), batch=fc.Int(2, 32))
            >>> @fc.model(space=space, example=lambda batch: torch.zeros(batch, 4))
            ... def net(width):
            ...     return torch.nn.Linear(4, width)
            >>> print((fc.cost(net).flops <= "20 kFLOP").prove().check())
            no setting satisfies flops > 20 kFLOP: checked, 2 boxes: 2 by evaluation
        """
        from fxcost.solve.certificates import certified

        if self.problem is None:
            raise DeclarationError(f"{self}: checked is what a question returned")
        return certified(self.problem, ~self.problem.limit, Budget(time_limit, progress))

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        if self.endless:
            valid = ", those that are valid" if self.filtered else ""
            return f"{self.statement}: proved for {self.endless}{valid} ({self.effort})"
        which = "all valid ones of" if self.filtered else "all"
        return f"{self.statement}: proved for {which} {count(self.settings)} ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        size = self.settings if isinstance(self.settings, int) and not self.endless else None
        endless = {"endless": self.endless} if self.endless else {}
        return _dict("proved", self.statement, self.effort, settings=size, **endless)


@dataclass(frozen=True)
class Refuted:
    """The statement is false at a setting.

    Attributes:
        statement: What was asked.
        counterexample: The setting; none of its hyperparameters alone was found to go lower.
        readings: The quantities there.
        effort: What the search took.
    """

    statement: str
    counterexample: Config
    readings: tuple[Reading, ...]
    effort: Effort

    @property
    def values(self) -> Mapping[str, int]:
        """The quantities' values at the counterexample, by name."""
        return {reading.name: reading.value for reading in self.readings}

    @property
    def binding(self) -> Mapping[str, str]:
        """Where quantities that are maxima over program points reach these values, by name."""
        return {reading.name: reading.binding for reading in self.readings if reading.binding}

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        wrong = [reading for reading in self.readings if not reading.holds] or self.readings
        where = assignments_text(self.counterexample)
        return f"{'; '.join(map(str, wrong))}, at {where} ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        example, values = dict(self.counterexample), dict(self.values)
        found = {"counterexample": example, "values": values, "binding": dict(self.binding)}
        return _dict("refuted", self.statement, self.effort, **found)


@dataclass(frozen=True)
class Found:
    """A setting for which the statement holds.

    Attributes:
        statement: What was asked.
        config: The setting.
        readings: The quantities there.
        effort: What the search took.
    """

    statement: str
    config: Config
    readings: tuple[Reading, ...]
    effort: Effort

    @property
    def values(self) -> Mapping[str, int]:
        """The quantities' values at the setting, by name."""
        return {reading.name: reading.value for reading in self.readings}

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        costs = [f"{reading.name} is {amount(reading.value, reading.unit)}" for reading in self.readings]
        return f"{assignments_text(self.config)}: {', '.join(costs)} ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        config, values = dict(self.config), dict(self.values)
        return _dict("found", self.statement, self.effort, config=config, values=values)


@dataclass(frozen=True)
class Infeasible:
    """No setting satisfies the statement: proved.

    Attributes:
        statement: What was asked.
        effort: What the proof took.
        problem: The question itself.
    """

    statement: str
    effort: Effort
    problem: Problem | None = field(default=None, repr=False, compare=False)

    def explain(
        self, *, time_limit: float = DEFAULT_SECONDS, progress: Progress | None = None
    ) -> Contradiction:
        """Find out which limits, restrictions and conditions are in conflict, and what would resolve that.

        It takes a proof for each of them, so it is asked for: `find` does not wait for it.

        Args:
            time_limit: Seconds of search; what is not proved by then says so.
            progress: Is told what happens, in a few words at a time.

        Returns:
            A smallest set of demands in conflict, each with the smallest change that suffices alone.

        Raises:
            DeclarationError: The verdict does not come from a question.

        Example:
            >>> import torch, fxcost as fc
            >>> space = fc.Space(width=fc.Int(8, 64), batch=fc.Int(2, 32))
            >>> @fc.model(space=space, example=lambda batch: torch.zeros(batch, 4))
            ... def net(width):
            ...     return torch.nn.Linear(4, width)
            >>> cost = fc.cost(net)
            >>> print(fc.find(cost.parameters >= 100, cost.flops <= "2 kFLOP", batch=(16, 32)).explain())
            in conflict, and no fewer (1 region, ... s):
              parameters >= 100: would have to be parameters >= 75
              flops <= 2 kFLOP: would have to be flops <= 2.56 kFLOP
              batch >= 16: would have to be batch >= 12
        """
        from fxcost.solve.explaining import contradiction

        if self.problem is None:
            raise DeclarationError(f"{self}: explained is what `find`, `maximize` or `minimize` returned")
        return contradiction(self.problem, Budget(time_limit, progress))

    def check(self, *, time_limit: float = DEFAULT_SECONDS, progress: Progress | None = None) -> Certificate:
        """Prove it once more, by something else than what proved it.

        The settings are divided into boxes, and each is closed again: by exact evaluation, else by Z3.

        Args:
            time_limit: Seconds it may take.
            progress: Is told what happens, in a few words at a time.

        Raises:
            DeclarationError: The verdict does not come from a question.
        """
        from fxcost.solve.certificates import certified

        if self.problem is None:
            raise DeclarationError(f"{self}: checked is what a question returned")
        return certified(self.problem, self.problem.limit, Budget(time_limit, progress))

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"no setting satisfies {self.statement}: proved ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return _dict("infeasible", self.statement, self.effort)


@dataclass(frozen=True)
class Optimum:
    """The best setting found.

    Attributes:
        statement: What was asked.
        name: The quantity that was optimised.
        unit: Its unit.
        config: The setting.
        value: The quantity there, exactly.
        bound: No setting is better than this; None where nothing is proved of all settings.
        reason: Why better settings could not be excluded; None where they were.
        effort: What the search took.
        problem: The question itself.
        then: What was to be best after that, each among the settings where what came before is best.
    """

    statement: str
    name: str
    unit: Unit
    config: Config
    value: int
    bound: int | None
    reason: str | None
    effort: Effort
    problem: Problem | None = field(default=None, repr=False, compare=False)
    then: tuple[Optimum, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether no setting is better."""
        return self.bound == self.value and self.doubt is None

    @property
    def doubt(self) -> str | None:
        """Why it is not proved to be the best; None where it is."""
        return next((each.reason for each in (self, *self.then) if each.reason is not None), None)

    def explain(self) -> Binding:
        """Return what binds: for each hyperparameter the next value that is better, and the limits it breaks.

        Raises:
            DeclarationError: The verdict does not come from a question.

        Example:
            >>> import torch, fxcost as fc
            >>> space = fc.Space(width=fc.Int(8, 64), batch=fc.Int(2, 32))
            >>> @fc.model(space=space, example=lambda batch: torch.zeros(batch, 4))
            ... def net(width):
            ...     return torch.nn.Linear(4, width)
            >>> cost = fc.cost(net)
            >>> print(fc.maximize(cost.parameters, cost.flops <= "2 kFLOP", batch=(8, 32)).explain())
            width=31: with 32, parameters is 160, but flops is 2.05 kFLOP, limit <= 2.00 kFLOP
            batch=8: makes no difference
        """
        from fxcost.solve.tightness import binding

        if self.problem is None or self.problem.goal is None:
            raise DeclarationError(f"{self}: explained is what `maximize` or `minimize` returned")
        return binding(self.problem, self.problem.goal, self.config, self.value)

    def check(self, *, time_limit: float = DEFAULT_SECONDS, progress: Progress | None = None) -> Certificate:
        """Evaluate the best setting, and prove once more that no other is better; see `Proved.check`.

        Of several goals, the first is meant; `then` has the others.

        Args:
            time_limit: Seconds it may take.
            progress: Is told what happens, in a few words at a time.

        Raises:
            DeclarationError: The verdict does not come from a question.
            ExpressionError: The setting is not what the verdict says.
        """
        from fxcost.solve.certificates import certified
        from fxcost.solve.goals import Goal

        if self.problem is None or self.problem.goal is None:
            raise DeclarationError(f"{self}: checked is what `maximize` or `minimize` returned")
        limit, goal = self.problem.limit, Goal(self.problem.goal, self.problem.sign)
        if goal.quantity(**self.config) != self.value or not limit.holds(**self.config):
            raise ExpressionError(f"{self}: exact evaluation says otherwise")
        better = goal.better(self.value)
        more = limit & better if limit.comparisons else better
        return certified(self.problem, more, Budget(time_limit, progress))

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        values = ", ".join(f"{each.name} is {amount(each.value, each.unit)}" for each in (self, *self.then))
        best = f"{values} at {assignments_text(self.config)}"
        if self.proved:
            return f"{self.statement}: {best}: proved ({self.effort})"
        end = "" if self.bound is None else f"; no setting is beyond {amount(self.bound, self.unit)}"
        return f"{self.statement}: {best}, not proved: {self.doubt}{end} ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        found = {"config": dict(self.config), "value": self.value, "proved": self.proved, "bound": self.bound}
        then = [{"name": each.name, "value": each.value, "bound": each.bound} for each in self.then]
        return _dict("optimum", self.statement, self.effort, **found, reason=self.doubt, then=then)


@dataclass(frozen=True)
class Unknown:
    """Neither proved nor refuted; it has no truth value.

    Attributes:
        statement: What was asked.
        reason: Why there is no answer, and which settings were not looked at.
        effort: What the search took.
    """

    statement: str
    reason: str
    effort: Effort

    def __bool__(self) -> bool:
        raise UnknownVerdictError(f"{self}; give it a longer time_limit, or restrict the hyperparameters")

    def __str__(self) -> str:
        return f"{self.statement}: unknown, {self.reason} ({self.effort})"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return _dict("unknown", self.statement, self.effort, reason=self.reason)


def _dict(verdict: str, statement: str, effort: Effort, **more: Any) -> dict[str, Any]:
    spent = {"regions": effort.regions, "seconds": round(effort.seconds, 3)}
    rests_on = {"basis": list(effort.basis), "engines": list(effort.engines)}
    return {"verdict": verdict, "statement": statement, **more, **spent, **rests_on}
