"""`fxcost solve`: the largest, or the smallest, cost under limits."""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.commands import exit_of
from fxcost.cli.output import write
from fxcost.cli.progress import progress


@click.command("solve")
@options.about_a_factory
@click.option("--maximize", metavar="QUANTITY", help="What is to be large.")
@click.option("--minimize", metavar="QUANTITY", help="What is to be small.")
@options.LIMITS
@options.SECONDS
@options.AS_JSON
@click.pass_context
def solve_command(
    ctx: click.Context,
    asked: options.Asked,
    maximize: str | None,
    minimize: str | None,
    limits: tuple[str, ...],
    seconds: float,
    as_json: bool,
) -> None:
    """Find the setting with the largest, or the smallest, cost or hyperparameter for which limits hold.

    Shows what keeps it from being better; where no setting keeps the limits, which are in conflict.

    Exits with 0 where it is proved the best, 1 where no setting keeps the limits, 2 for a wrong question,
    3 where that stays unknown.
    """
    if (maximize is None) == (minimize is None):
        raise click.UsageError("write one of --maximize and --minimize, such as --maximize parameters")
    from fxcost.cli.limits import read_limit
    from fxcost.cli.solving import solved
    from fxcost.cli.subjects import subject_of

    name = maximize or minimize or ""
    texts = [read_limit(text) for text in limits]
    with progress() as tell:
        subject = subject_of(asked, tell)
        answer = solved(subject, "largest" if maximize else "smallest", name, texts, seconds, tell)
    write(answer, as_json)
    ctx.exit(exit_of(answer.answer))
