"""`fxcost cost`: all costs as formulas."""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.output import write
from fxcost.cli.progress import progress


@click.command("cost")
@options.about_a_factory
@click.option(
    "--by",
    type=click.Choice(["module", "operator", "phase", "source"]),
    help="Also show where the costs come from; needs every hyperparameter set.",
)
@click.option(
    "--sensitivity",
    metavar="QUANTITY",
    help="Also show how it changes with each hyperparameter; needs every hyperparameter set.",
)
@options.AS_JSON
def cost_command(asked: options.Asked, by: str | None, sensitivity: str | None, as_json: bool) -> None:
    """Print all costs as formulas, and as numbers where every hyperparameter is set."""
    from fxcost.cli.limits import require_quantity
    from fxcost.cli.subjects import subject_of
    from fxcost.report.costs import Costs

    if sensitivity is not None:
        require_quantity(sensitivity)
    with progress() as tell:
        costs = Costs.of(subject_of(asked, tell), by, sensitivity)
    write(costs, as_json)
