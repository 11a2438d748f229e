"""`fxcost cache`: what compiling has stored on disk."""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.output import write


@click.command("cache")
@click.option("--clear", is_flag=True, help="Delete what is stored.")
@options.AS_JSON
def cache_command(clear: bool, as_json: bool) -> None:
    """Say where compiled costs are stored and how much that is.

    FXCOST_CACHE names another folder; FXCOST_CACHE=off stores nothing.
    """
    from fxcost.cache import Folder
    from fxcost.report.cache import Cached

    write(Cached.of(Folder.of(), clear=clear), as_json)
