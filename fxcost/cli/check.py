"""`fxcost check`: does it fit?"""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.commands import exit_of
from fxcost.cli.output import write
from fxcost.cli.progress import progress


@click.command("check")
@options.about_a_factory
@options.LIMITS
@options.ENGINE
@options.SECONDS
@options.AS_JSON
@click.pass_context
def check_command(
    ctx: click.Context,
    asked: options.Asked,
    limits: tuple[str, ...],
    engine: str | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Tell whether a model fits a device, and keeps limits, with every setting left open.

    The device is to hold the peak of what is alive when its own operators run.

    Exits with 0 where that is proved, 1 where it does not, 2 for a wrong question, 3 where it stays unknown.
    """
    if asked.device is None and not limits:
        raise click.UsageError("nothing to check; write --device rtx-4090, or --limit 'flops <= 1 PFLOP'")
    from fxcost.cli.checking import checked
    from fxcost.cli.limits import read_limit
    from fxcost.cli.subjects import subject_of

    texts = [read_limit(text) for text in limits]
    with progress() as tell:
        answer = checked(subject_of(asked, tell), texts, seconds, tell, engine)
    write(answer, as_json)
    ctx.exit(exit_of(answer.verdict))
