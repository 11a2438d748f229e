"""What was asked, kept with an answer so that it can say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fxcost.solve.limits import Limit
from fxcost.solve.quantities import Quantity


@dataclass(frozen=True, eq=False)
class Problem:
    """A question about settings that keep a limit.

    Attributes:
        limit: What is to hold.
        restriction: What is set of the hyperparameters, as `Space.restrict` takes it.
        goal: What is to be best; None where any setting will do.
        sign: 1 where the goal is to be large, -1 where it is to be small.
    """

    limit: Limit
    restriction: Mapping[str, object] = field(default_factory=dict)
    goal: Quantity | None = None
    sign: int = 1

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What the question is about."""
        return (*(() if self.goal is None else (self.goal,)), *self.limit.quantities)
