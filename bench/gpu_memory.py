"""What a GPU will really hold, against measurements made by others.

    python bench/gpu_memory.py [--data DIR] [--json] [--only allocator] [--keep FILE] ...

DIR/cuda_allocator holds memory histories of `torch.cuda.memory` from a cold start: NAME.csv.gz with columns
i, action, addr, size and stream, and index.csv, which names the public repository of each (students'
solutions of Stanford's CS336), its peak_reserved_MiB and its segment_alloc. `bench/brackets.py` says what
DIR/timm holds, `bench/tables.py` what DIR/llm_tables and DIR/milabench hold. A part whose folder is missing
says so, and prints no figure of it. Progress and the seconds of each part go to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import allocator, brackets, parallel, tables
from bench.comparison import progress, show


@dataclass(frozen=True)
class Amounts:
    """How much is compared.

    Attributes:
        data: Where the measurements are; None for nowhere.
        programs: Random programs whose replays are compared with their bounds.
        models: timm's models whose brackets are compared, in each layout.
        seed: Of all that is drawn.
        keep: A file for the brackets, from which an interrupted run goes on; None keeps nothing.
    """

    data: Path | None
    programs: int
    models: int
    seed: int
    keep: Path | None


PARTS: dict[str, Callable[[Amounts], dict[str, Any]]] = {
    "allocator": lambda amounts: allocator.figures(amounts.data, amounts.programs, amounts.seed),
    "brackets": lambda amounts: brackets.figures(amounts.data, amounts.models, amounts.seed, amounts.keep),
    "tables": lambda amounts: tables.figures(amounts.data),
    "parallel": lambda amounts: parallel.figures(amounts.seed),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="A part; again for another.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="FXCOST_MEASUREMENTS",
    help="Folder of the measurements, else the environment's FXCOST_MEASUREMENTS.",
)
@click.option("--programs", default=10_000, show_default=True, help="Random programs within bounds.")
@click.option("--models", default=170, show_default=True, help="timm's models, in each layout.")
@click.option("--keep", type=click.Path(path_type=Path), help="File for the brackets, to go on from later.")
@click.option("--seed", default=0, show_default=True, help="Seed of all that is drawn.")
def main(as_json: bool, only: tuple[str, ...], **amounts: Any) -> None:
    """Print the figures of a GPU's memory."""
    figures: dict[str, Any] = {"load_before": [round(each, 2) for each in os.getloadavg()]}
    try:
        for name in only or PARTS:
            progress(name)
            begun = perf_counter()
            figures |= PARTS[name](Amounts(**amounts))
            progress(f"{name}: {perf_counter() - begun:.0f} s")
    finally:  # what is known is not lost where a later part fails
        show(figures, as_json=as_json)


if __name__ == "__main__":
    main()
