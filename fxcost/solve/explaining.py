"""Explains why no setting satisfies what was asked."""

from __future__ import annotations

from collections.abc import Sequence

from fxcost.solve.budget import Budget, OutOfBudgetError
from fxcost.solve.contradictions import Contradiction
from fxcost.solve.demands import Asked, bounds, conjuncts
from fxcost.solve.probing import Probe
from fxcost.solve.problems import Problem
from fxcost.solve.refusals import Refusal
from fxcost.solve.relaxing import Relaxing
from fxcost.space import Condition


def contradiction(problem: Problem, budget: Budget) -> Contradiction:
    """Return which demands of a problem that has no solution are in conflict, and what would solve it.

    Each demand is left out in turn, for good where the others are proved to be in conflict without it. Limits
    and restrictions are judged among the settings that the space's conditions allow; of the conditions,
    those are kept without which the closed forms alone do not prove the conflict.

    Args:
        problem: A question proved to have no answer.
        budget: What may be spent.
    """
    probe = Probe(problem, budget)
    asked: list[Asked] = [*conjuncts(problem.limit), *bounds(probe.whole, problem.restriction)]
    kept, doubt = _fewest(probe, asked)
    conditions, doubt_of_conditions = _fewest_conditions(probe, kept)
    relaxing = Relaxing(probe, asked)
    return Contradiction(
        demands=tuple(relaxing.demand(each) for each in (*kept, *conditions)),
        doubt=doubt or doubt_of_conditions,
        refusals=_refusals(probe),
        effort=probe.effort(),
    )


def _fewest(probe: Probe, asked: Sequence[Asked]) -> tuple[list[Asked], str | None]:
    """Return limits and bounds in conflict of which none can be left out; else with the reason for doubt.

    What comes last is left out first: of two conflicts, the one between limits alone is returned.
    """
    kept, doubt = list(asked), None
    for number, each in enumerate(reversed(asked), start=1):
        probe.budget.tell(f"why is there none? {number} of {len(asked)}: is there one without {each}?")
        others = [other for other in kept if other is not each]
        try:
            if probe.setting(others) is None:
                kept = others
        except OutOfBudgetError as error:
            doubt = doubt or str(error)
    return kept, doubt


def _fewest_conditions(probe: Probe, asked: Sequence[Asked]) -> tuple[list[Condition], str | None]:
    """Return the conditions of the space that a conflict needs; all, with the reason, that are in doubt."""
    kept, doubt = list(probe.whole.conditions), None
    for condition in probe.whole.conditions:
        try:
            if probe.conflict_without(condition, [*asked, *kept]):
                kept.remove(condition)
        except OutOfBudgetError as error:
            doubt = doubt or str(error)
    return kept, doubt


def _refusals(probe: Probe) -> tuple[Refusal, ...]:
    """Return what the factories raise where it was asked, each exception once."""
    known = [region for each in probe.problem.quantities for region in each.regions.known]
    refused = [region for region in dict.fromkeys(known) if region.refusal is not None]
    refusals = [Refusal.of(region) for region in refused if probe.reaches(region)]
    return tuple(dict.fromkeys(refusal for refusal in refusals if refusal is not None))
