"""How a quantity changes with each hyperparameter, as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from fxcost.solve import Sensitivity


def sensitivity_table(sensitivity: Sensitivity) -> Table:
    """Return a row for each hyperparameter: the changes to its next values, elasticity and growth.

    Example:
        >>> import torch, fxcost as fc
        >>> from fxcost.report.text import as_text
        >>> @fc.model(width=fc.Int(8, 64, step=8), example=lambda: torch.zeros(2, 4))
        ... def net(width):
        ...     return torch.nn.Linear(4, width)
        >>> print(as_text(sensitivity_table(fc.cost(net).parameters.sensitivity(width=16))))
        parameters  next values      elasticity (measured)  growth (closed form)
        width=16    8: -40, 24: +40                   1.00  grows as width
    """
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(sensitivity.name, no_wrap=True)
    table.add_column("next values", overflow="fold")
    table.add_column("elasticity (measured)", justify="right")
    table.add_column("growth (closed form)", overflow="fold")
    for row in sensitivity.rows():
        table.add_row(*map(Text, row))
    return table
