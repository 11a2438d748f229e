"""`fxcost memory`: what one setting takes on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fxcost.cli import options
from fxcost.cli.commands import Exit
from fxcost.cli.output import write
from fxcost.cli.progress import progress

if TYPE_CHECKING:
    from fxcost.gpu import GpuMemory

FILE = click.Path(dir_okay=False, writable=True)


@click.command("memory")
@options.about_a_factory
@click.option("--largest", metavar="NAME", help="Find the largest value of a hyperparameter that fits.")
@click.option(
    "--allocator",
    default="",
    metavar="CONF",
    help="What PYTORCH_ALLOC_CONF says, as in 'max_split_size_mb:64'.",
)
@click.option("--picture", type=FILE, help="Draw two steps to this file: .svg, .png or .pdf.")
@click.option("--snapshot", type=FILE, help="Write a memory snapshot: .pickle for pytorch.org/memory_viz.")
@click.option("--trace", type=FILE, help="Write a trace for ui.perfetto.dev or chrome://tracing: .json.")
@options.AS_JSON
@click.pass_context
def memory_command(
    ctx: click.Context,
    /,
    asked: options.Asked,
    largest: str | None,
    allocator: str,
    as_json: bool,
    **files: str | None,
) -> None:
    """Tell what a setting takes on a GPU: tensors alive, the least that is enough, what nvidia-smi shows.

    Two steps are replayed on PyTorch's caching allocator, from a cold start. Every hyperparameter is set, but
    the one that --largest is about.

    Exits with 0 where it fits, 1 where it does not, 2 for a wrong question, 3 where it is too close to call.
    """
    if asked.device is None:
        raise click.UsageError("write the GPU, such as --device rtx-4090; `fxcost devices` lists them")
    from fxcost.allocator import Settings
    from fxcost.cli.subjects import subject_of
    from fxcost.devices import find
    from fxcost.gpu import Card
    from fxcost.report.memory import LargestThatFits, Memory

    card = Card(find(asked.device), settings=Settings.parse(allocator))
    with progress() as tell:
        subject = subject_of(asked, tell)
        tell("replaying steps")
        report = Memory.of(subject, card) if largest is None else LargestThatFits.of(subject, card, largest)
        _write(report.gpu, **files)
    write(report, as_json)
    ctx.exit(EXITS[report.fit])


EXITS = {"fits": Exit.HOLDS, "does not fit": Exit.FAILS, "too close to call": Exit.UNKNOWN}


def _write(memory: GpuMemory | None, picture: str | None, snapshot: str | None, trace: str | None) -> None:
    """Write the files that are asked for, of a setting; none where none fits."""
    if memory is None:
        return
    if picture is not None:
        from fxcost.report.timeline import draw

        draw(memory, picture)
    if snapshot is not None:
        memory.write_snapshot(snapshot)
    if trace is not None:
        memory.write_trace(trace)
