"""`fxcost calibrate`: what is on this machine's GPU besides tensors."""

from __future__ import annotations

from pathlib import Path

import click

from fxcost.cli import options
from fxcost.cli.output import write


@click.command("calibrate")
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what is found to this file, for --overheads and fc.Card(overheads=...): .toml.",
)
@click.option("--gpu", default=0, show_default=True, metavar="NUMBER", help="Which GPU, as torch counts.")
@options.AS_JSON
def calibrate_command(output: Path, gpu: int, as_json: bool) -> None:
    """Measure what is on this machine's NVIDIA GPU besides tensors, in less than a minute.

    That is the CUDA context, what the driver keeps for itself, and the workspaces of cuBLAS and cuDNN, which
    are forecasts otherwise. Nothing else should run on the GPU meanwhile.
    """
    from fxcost.measure import calibrate
    from fxcost.report.measured import Calibrated

    readings = calibrate(gpu)
    readings.write(output)
    write(Calibrated(readings, str(output)), as_json)
