"""The command line: `fxcost cost`, `check`, `solve`, `memory` and others, each in a file of its name.

Commands import torch when they run, so that `fxcost --help` is quick.
"""

from __future__ import annotations

import click

from fxcost.cli.cache import cache_command
from fxcost.cli.calibrate import calibrate_command
from fxcost.cli.check import check_command
from fxcost.cli.commands import Commands
from fxcost.cli.cost import cost_command
from fxcost.cli.devices import devices_command
from fxcost.cli.memory import memory_command
from fxcost.cli.regions import regions_command
from fxcost.cli.solve import solve_command
from fxcost.cli.validate import validate_command

__all__ = ["main"]


@click.group(
    "fxcost",
    cls=Commands,
    commands=[
        cost_command,
        check_command,
        solve_command,
        memory_command,
        regions_command,
        devices_command,
        cache_command,
        calibrate_command,
        validate_command,
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="fxcost")
def main() -> None:
    """What a PyTorch model costs, in closed form, for every setting of its hyperparameters at once.

    TARGET is a factory decorated with @fc.model: path/to/file.py:name or package.module:name.
    """
