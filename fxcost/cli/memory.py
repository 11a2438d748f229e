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
READ = click.Path(dir_okay=False)


QUESTIONS = ("largest", "smallest_card", "least_checkpointing", "fewest_gpus", "relax")


@click.command("memory")
@options.about_a_factory
@click.option("--largest", metavar="NAME", help="Find the largest value of a hyperparameter that fits.")
@click.option(
    "--smallest-card",
    is_flag=True,
    flag_value="",
    default=None,
    help="Find the smallest GPU that it fits on.",
)
@click.option(
    "--least-checkpointing",
    is_flag=False,
    flag_value="",
    metavar="[PATTERN]",
    help="Find the least checkpointing that fits, of blocks, or of the modules that are named so.",
)
@click.option(
    "--fewest-gpus",
    is_flag=False,
    flag_value="",
    metavar="[BATCH]",
    help="Find on how few GPUs it fits, in the ways that fc.Parallel leaves open; BATCH is divided, too.",
)
@click.option(
    "--relax",
    is_flag=False,
    flag_value="",
    metavar="[BATCH]",
    help="Find what each single change would buy; BATCH names the batch's hyperparameter, if not so.",
)
@click.option(
    "--allocator",
    default="",
    metavar="CONF",
    help="What PYTORCH_ALLOC_CONF says, as in 'max_split_size_mb:64'.",
)
@click.option("--overheads", type=READ, help="What is no tensor, as `fxcost calibrate` writes it: .toml.")
@click.option("--picture", type=FILE, help="Draw two steps to this file: .svg, .png or .pdf.")
@click.option("--snapshot", type=FILE, help="Write a memory snapshot: .pickle for pytorch.org/memory_viz.")
@click.option("--trace", type=FILE, help="Write a trace for ui.perfetto.dev or chrome://tracing: .json.")
@options.AS_JSON
@click.pass_context
def memory_command(
    ctx: click.Context,
    /,
    asked: options.Asked,
    allocator: str,
    overheads: str | None,
    as_json: bool,
    **others: str | None,
) -> None:
    """Tell what a setting takes on a GPU: tensors alive, the least that is enough, what nvidia-smi shows.

    Two steps are replayed on PyTorch's caching allocator, from a cold start. Every hyperparameter is set, but
    the one that --largest is about, and those of fc.Parallel that --fewest-gpus is about.

    Exits with 0 where it fits, 1 where it does not, 2 for a wrong question, 3 where it is too close to call.
    """
    question, detail = _question({name: others.pop(name) for name in QUESTIONS})
    if asked.device is None and question != "smallest_card":
        raise click.UsageError("write the GPU, such as --device rtx-4090; `fxcost devices` lists them")
    from fxcost.allocator import Settings
    from fxcost.cli.inverse import OnGpu
    from fxcost.cli.subjects import subject_of
    from fxcost.devices import catalogue, find
    from fxcost.gpu import Card

    device = catalogue()[0] if asked.device is None else find(asked.device)
    card = Card(device, settings=Settings.parse(allocator), overheads=overheads)
    with progress() as tell:
        subject = subject_of(asked, tell)
        tell("replaying steps")
        report = OnGpu(subject, card, tell).answered(question, detail)
        _write(report.gpu, **others)
    write(report, as_json)
    ctx.exit(EXITS[report.fit])


def _question(wanted: dict[str, str | None]) -> tuple[str | None, str]:
    """Return the inverse question that is asked, and what its option says.

    Raises:
        click.UsageError: Several are.
    """
    asked = [(name, detail) for name, detail in wanted.items() if detail is not None]
    if len(asked) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name, _ in asked)
        raise click.UsageError(f"{names} are several questions; write one of them")
    return asked[0] if asked else (None, "")


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
