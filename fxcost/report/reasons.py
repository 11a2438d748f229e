"""Why there is no answer, or no better one, as rich sees it."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from fxcost.report.places import line_of
from fxcost.report.text import columns, indented
from fxcost.solve import Binding, Contradiction


def conflict_shown(conflict: Contradiction) -> Group:
    """Return which demands are in conflict, and what each would have to be.

    Example:
        >>> from fxcost.report.text import as_text
        >>> from fxcost.solve import Demand, Effort
        >>> demands = Demand("limit", "flops <= 1 FLOP", (), "the time limit is over"),
        >>> print(as_text(conflict_shown(Contradiction(demands, None, (), Effort(1, 0.1)))))
        in conflict, and no fewer (1 region, 0.1 s)
          flops <= 1 FLOP  the time limit is over
    """
    rows = [(demand.text, demand.advice) for demand in conflict.demands]
    refused = map(Text, conflict.refused(line_of))
    return Group(Text(conflict.headline), indented(columns(rows, ("bold", ""))), *map(indented, refused))


def binding_shown(binding: Binding) -> Group:
    """Return what keeps each hyperparameter of an optimum where it is.

    Example:
        >>> from fxcost.report.text import as_text
        >>> from fxcost.solve.binding import Held
        >>> from fxcost.units import Unit
        >>> held = Held("width", 64, (), "at the end of its range")
        >>> print(as_text(binding_shown(Binding("flops", Unit.FLOP, 8, (held,)))))
        what binds: no limit
          width=64  at the end of its range
    """
    tight = ", ".join(binding.limits) or "no limit"
    return Group(Text(f"what binds: {tight}"), indented(columns(binding.lines(), ("bold", ""))))
