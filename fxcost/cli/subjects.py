"""From a command's arguments to the costs that it is about."""

from __future__ import annotations

import random

from fxcost import targets
from fxcost.cli.options import Asked
from fxcost.cli.progress import Tell
from fxcost.cli.recipes import training_of
from fxcost.cli.settings import restriction_of
from fxcost.compilation import cost
from fxcost.report.subject import Subject


def subject_of(asked: Asked, tell: Tell) -> Subject:
    """Load a target and trace it.

    Raises:
        FxcostError: One of the arguments is wrong, or the factory cannot be traced.
    """
    tell(f"loading {asked.target}")
    factory = targets.load(asked.target)
    training = training_of(asked.training)
    restriction = restriction_of(asked.settings, factory.space)
    factory.space.restrict(**restriction).sample(random.Random(0))
    tell(f"tracing {asked.target}")
    return Subject(asked.target, cost(factory, training=training), restriction)
