"""`fxcost regions`: the space in pieces, with a proof that none is missing."""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.commands import Exit
from fxcost.cli.output import write
from fxcost.cli.progress import progress


@click.command("regions")
@options.about_a_factory
@click.option(
    "--of",
    "names",
    multiple=True,
    metavar="QUANTITY",
    help="Also show this cost, piece by piece; repeatable.",
)
@click.option(
    "--regions",
    "most",
    default=64,
    show_default=True,
    type=click.IntRange(min=0),
    help="Trace at most so many paths of the factory.",
)
@options.SECONDS
@options.AS_JSON
@click.pass_context
def regions_command(
    ctx: click.Context,
    asked: options.Asked,
    names: tuple[str, ...],
    most: int,
    seconds: float,
    as_json: bool,
) -> None:
    """Divide the space into pieces with the same formulas each, and those the factory refuses.

    Exits with 0 where every setting is proved to lie in a piece, 2 for a wrong question, 3 where settings
    may be left.
    """
    from fxcost.cli.partitioning import divided

    with progress() as tell:
        answer = divided(asked, names, most, seconds, tell)
    write(answer, as_json)
    ctx.exit(Exit.HOLDS if answer.partition.proved else Exit.UNKNOWN)
