"""`fxcost validate`: predicted against measured."""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.commands import Exit
from fxcost.cli.output import write
from fxcost.cli.progress import progress


@click.command("validate")
@options.about_a_factory
@options.AS_JSON
@click.pass_context
def validate_command(ctx: click.Context, asked: options.Asked, as_json: bool) -> None:
    """Really run a setting, and compare what was predicted of its memory with what it took.

    With --device it runs on this machine's GPU, which is to be of that name; without, on the CPU. Every
    hyperparameter is set.

    Exits with 0 where the prediction holds, on a CPU to the byte and on a GPU within its margin; with 1 where
    it does not, with 2 for a wrong question.
    """
    from fxcost.cli.subjects import subject_of
    from fxcost.measure import validate
    from fxcost.report.inverse import settings_of
    from fxcost.report.measured import Validated

    with progress() as tell:
        subject = subject_of(asked, tell)
        settings = settings_of(subject, "fxcost validate")
        tell("running it")
        report = Validated(subject, validate(subject.cost, **settings))
    write(report, as_json)
    ctx.exit(Exit.HOLDS if report.validation.holds else Exit.FAILS)
