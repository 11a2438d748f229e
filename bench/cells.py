"""All cells of NAS-Bench-201 from one closed form: against the public table's parameters, and real runs."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import fxcost as fc
from bench.comparison import Row, Subject, costs, progress, told
from examples.nas_bench_201 import EDGES, network

CHECKOUT = Path(__file__).resolve().parent.parent
PATTERN = "data/nasbench201/*.csv.gz"
COLUMNS = ("arch_str", "cifar10_params_M", "cifar10_params_inconsistent")
SMALL = {"batch": (2, 3)}


@dataclass(frozen=True)
class Cell:
    """A row of the public table: the six operations, and the parameters as published, in millions."""

    operations: tuple[str, ...]
    millions: Decimal

    def has(self, parameters: int) -> bool:
        """Tell whether a number of parameters is the published one, to its last digit."""
        return (Decimal(parameters) / 10**6).quantize(self.millions) == self.millions


def table_path(given: Path | None) -> Path | None:
    """Return where the public table is: as given, or in a `data` folder of the checkout or beside it."""
    if given is not None:
        return given
    found = [*CHECKOUT.glob(PATTERN), *CHECKOUT.glob(f"../*/{PATTERN}")]
    return found[0] if found else None


def cells(path: Path) -> list[Cell]:
    """Return the rows of the table whose parameters agree with its other data sets' parameters."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    return [
        Cell(operations(row["arch_str"]), Decimal(row["cifar10_params_M"]))
        for row in rows
        if row["cifar10_params_inconsistent"] == "0"
    ]


def operations(architecture: str) -> tuple[str, ...]:
    """Return the operations on the edges, in the order of `EDGES`.

    Example:
        >>> operations("|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|")
        ('none', 'nor_conv_1x1', 'none', 'none', 'none', 'skip_connect')
    """
    return tuple(edge.split("~")[0] for edge in architecture.replace("+", "").split("|") if edge)


def compiled() -> fc.Cost:
    """Compile an inference of every cell, and read its closed forms."""
    cost = fc.cost(network)
    for quantity in (cost.parameters, cost.flops, cost.peak_memory):
        quantity.expression(cost.first)
    return cost


def table_figures(cost: fc.Cost, path: Path | None) -> dict[str, Any]:
    """Return how many rows of the public table agree."""
    if path is None or not path.is_file():
        where = f"{path} is no file" if path else f"no {PATTERN} in {CHECKOUT} or in a folder beside it"
        progress(
            f"  the table of NAS-Bench-201 is missing: {where}; give one with columns {', '.join(COLUMNS)}"
        )
        return {"nb201_rows_equal": None, "nb201_rows": None}
    published = cells(path)
    columns = zip(EDGES, zip(*(cell.operations for cell in published), strict=True), strict=True)
    arrays = {edge: np.array(column) for edge, column in columns}
    counts = cost.parameters.many(**arrays, batch=2).tolist()
    equal = [cell.has(count) for cell, count in zip(published, counts, strict=True)]
    for cell, count, agrees in zip(published, counts, equal, strict=True):
        if not agrees:
            progress(f"  differs: {cell.operations} has {count} parameters, published {cell.millions} M")
    return {"nb201_rows_equal": sum(equal), "nb201_rows": len(equal)}


def peaks(count: int, seed: int) -> Iterator[list[Row]]:
    """Yield, of random cells, the peaks of inference and of a training step."""
    subjects: list[Subject] = [costs(network, recipe) for recipe in ("inference", "sgd")]
    draw, space = random.Random(seed), network.space.restrict(**SMALL)
    for _ in range(count):
        config = space.sample(draw)
        yield list(told(subject.row("peak_memory", config) for subject in subjects))


def figures(count: int, seed: int, path: Path | None) -> dict[str, Any]:
    """Return the seconds to compile, the table's rows that agree, and the cells whose peaks are equal."""
    start = perf_counter()
    cost = compiled()
    seconds = perf_counter() - start
    progress(f"  compiled in {seconds:.0f} s")
    equal = [all(row.equal for row in rows) for rows in peaks(count, seed)]
    return {
        **table_figures(cost, table_path(path)),
        "nb201_compile_s": round(seconds, 1),
        "nb201_closed_forms": len(cost.regions.known),
        "nb201_peak_equal": sum(equal),
        "nb201_peak_tried": len(equal),
    }
