"""`fxcost devices`: the GPUs that `--device` knows."""

from __future__ import annotations

import click

from fxcost.cli import options
from fxcost.cli.output import write


@click.command("devices")
@options.AS_JSON
def devices_command(as_json: bool) -> None:
    """List the devices with their memory, bandwidth and dense peaks."""
    from fxcost.devices import catalogue
    from fxcost.report.devices import Devices

    write(Devices(catalogue()), as_json)
