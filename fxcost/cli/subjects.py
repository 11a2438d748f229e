"""From a command's arguments to the costs that it is about."""

from __future__ import annotations

import random
from collections.abc import Mapping

from fxcost import targets
from fxcost.cli.options import Asked
from fxcost.cli.progress import Tell
from fxcost.cli.recipes import recipe_of
from fxcost.cli.settings import restriction_of
from fxcost.compilation import Cost, cost
from fxcost.costs import Region
from fxcost.devices import find
from fxcost.errors import InvalidConfigError
from fxcost.report.subject import Subject
from fxcost.trace import further_hints, generic_hint, with_recipe


def subject_of(asked: Asked, tell: Tell) -> Subject:
    """Load a target and trace it as its device runs it.

    Raises:
        FxcostError: One of the arguments is wrong, or the factory cannot be traced.

    Example:
        >>> subject_of(Asked("fxcost.nets:gpt", "none", ()), print)
        Traceback (most recent call last):
        fxcost.errors.TargetError: there is no module fxcost.nets; write ...
    """
    costs, restriction = costs_of(asked, tell)
    return Subject(asked.target, costs, restriction, _region(costs, restriction))


def costs_of(asked: Asked, tell: Tell) -> tuple[Cost, dict[str, object]]:
    """Load a target and trace it; return its costs and what is set of its hyperparameters.

    Raises:
        FxcostError: One of the arguments is wrong, or the factory cannot be traced.
    """
    device = "cpu" if asked.device is None else find(asked.device)
    tell(f"loading {asked.target}")
    factory = targets.load(asked.target)
    training, inference = recipe_of(asked.training, asked.recipe)
    space = with_recipe(factory.space, training or inference)
    restriction = restriction_of(asked.settings, space)
    space.restrict(**restriction).sample(random.Random(0))
    tell(f"tracing {asked.target}")
    return cost(factory, training=training, inference=inference, device=device), restriction


def _region(costs: Cost, restriction: Mapping[str, object]) -> Region:
    """Return a path of the factory that settings left open take, traced where it is not known yet."""
    space = costs.space.restrict(**restriction)
    hints = (*generic_hint(space), *further_hints(space, costs.training))
    for hint in hints:
        region = costs.regions.at(hint)
        if region.refusal is None:
            return region
    raise InvalidConfigError(f"the factory refuses all {len(hints)} settings tried: {region.refusal}")
