"""The figures of whole configuration spaces: depth, branches, choices and the zoo, each against real runs.

    python bench/whole_space.py [--json] [--only gpt] [--only cells] ...

Nothing but PyPI packages is needed, and for the rows of NAS-Bench-201 its public table. Progress, the seconds
of each part and every unequal row go to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import accuracy, branching, cells, deep_gpt, deep_resnet, sub_networks
from bench.comparison import progress, show
from tests.oracles.agreement import RECIPES


@dataclass(frozen=True)
class Amounts:
    """How much is compared.

    Attributes:
        zoo: Settings of each factory of the zoo, under each recipe.
        recipes: Of the zoo.
        depths: Depths of the GPT that were never traced.
        resnets: Settings of torchvision's ResNet.
        cells: Cells of NAS-Bench-201.
        sub_networks: Sub-networks of the once-for-all space.
        repeats: Compilations of which the median ratio counts.
        seed: Of all that is drawn.
        table: Where NAS-Bench-201's public table is; None looks for it.
    """

    zoo: int
    recipes: tuple[str, ...]
    depths: int
    resnets: int
    cells: int
    sub_networks: int
    repeats: int
    seed: int
    table: Path | None


PARTS: dict[str, Callable[[Amounts], dict[str, Any]]] = {
    "branches": lambda _: branching.figures(),
    "gpt": lambda amounts: deep_gpt.figures(amounts.repeats, amounts.depths, amounts.seed),
    "resnet": lambda amounts: deep_resnet.figures(amounts.resnets, amounts.seed),
    "cells": lambda amounts: cells.figures(amounts.cells, amounts.seed, amounts.table),
    "sub-networks": lambda amounts: sub_networks.figures(amounts.sub_networks, amounts.seed),
    "zoo": lambda amounts: accuracy.figures(amounts.zoo, amounts.seed, amounts.recipes),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="A part; again for another.")
@click.option("--zoo", default=5, show_default=True, help="Settings of each factory of the zoo.")
@click.option(
    "--recipe",
    "recipes",
    type=click.Choice(list(RECIPES)),
    default=("inference", "adamw"),
    show_default=True,
    multiple=True,
    help="A recipe of the zoo; again for another.",
)
@click.option("--depths", default=10, show_default=True, help="Unseen depths of the GPT.")
@click.option("--resnets", default=30, show_default=True, help="Settings of ResNet.")
@click.option("--cells", default=50, show_default=True, help="Cells of NAS-Bench-201.")
@click.option("--sub-networks", default=50, show_default=True, help="Sub-networks of once-for-all.")
@click.option("--repeats", default=5, show_default=True, help="Compilations of which the median counts.")
@click.option("--seed", default=0, show_default=True, help="Seed of all that is drawn.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    envvar="NASBENCH201_TABLE",
    help=f"NAS-Bench-201's public table, else {cells.PATTERN} here or in a folder beside this one.",
)
def main(as_json: bool, only: tuple[str, ...], **amounts: Any) -> None:
    """Print the figures of whole configuration spaces."""
    figures: dict[str, Any] = {}
    start = perf_counter()
    for name in only or PARTS:
        progress(name)
        begun = perf_counter()
        figures |= PARTS[name](Amounts(**amounts))
        progress(f"{name}: {perf_counter() - begun:.0f} s")
    progress(f"all: {perf_counter() - start:.0f} s")
    show(figures, as_json=as_json)


if __name__ == "__main__":
    main()
