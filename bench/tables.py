"""Published memory of training and inference: predicted against measured, row by row, no constant fitted.

DIR/llm_tables holds litgpt.csv, torchtune.csv and torchtitan.csv, DIR/milabench holds scaling.csv: tables of
github.com/Lightning-AI/litgpt, pytorch/torchtune, pytorch/torchtitan and mila-iqia/milabench. What is called
memory differs: litgpt tells the peak of allocated bytes, torchtune that of active ones, torchtitan that of
reserved ones, milabench what nvidia-smi shows.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import fxcost as fc
from bench import litgpt, milabench, torchtune
from bench.comparison import progress
from bench.litgpt import NotModelled
from fxcost.costs import Sizes
from fxcost.costs.assumptions import Assumptions
from fxcost.errors import FxcostError
from fxcost.expr import Domain
from fxcost.factory import ModelFactory
from fxcost.gpu import GpuMemory, gpu_memory
from fxcost.trace import Gpu, Subject, trace


class Run(Protocol):
    """What a row of a table ran."""

    @property
    def batch(self) -> int: ...

    def recipe(self) -> fc.Training | fc.Inference: ...

    def factory(self) -> ModelFactory: ...


@dataclass(frozen=True)
class Table:
    """A published table.

    Attributes:
        file: Where it is.
        run: From a row to what it ran; raises NotModelled.
        measured: From a row to what was measured, in bytes.
        card: From a row to the GPU and its software.
        predicted: The bytes that are comparable.
        failed: Whether a row ran out of memory.
    """

    file: Path
    run: Callable[[dict[str, str]], Run]
    measured: Callable[[dict[str, str]], float]
    card: Callable[[dict[str, str]], fc.Card]
    predicted: Callable[[GpuMemory], int]
    failed: Callable[[dict[str, str]], bool] = lambda _: False


def sharded(row: dict[str, str]) -> Run:
    """Refuse a row of torchtitan: those that are not compiled keep every second product of a block.

    So say its benchmarks/*.md of the rows, and `_get_custom_policy` of what "selective" means.
    """
    if not row["peak_mem_GiB"]:
        raise NotModelled("no figure")
    alone = row["case"] == "Techniques=FSDP"
    raise NotModelled("checkpointing that counts products" if alone else "compiled, in 8 bit, or not told")


def card(device: str, release: str) -> fc.Card:
    return fc.Card(fc.Card.of(device).device, release=release)


def litgpt_card(row: dict[str, str]) -> fc.Card:
    return card("a10g", "2.3.0") if "A10G" in row["gpus"] else card("a100-40gb", "2.1.0")


LLM = Path("llm_tables")
TABLES = {
    "litgpt": Table(
        LLM / "litgpt.csv",
        litgpt.run,
        lambda row: float(row["peak_mem_GB"]) * 1e9,
        litgpt_card,
        lambda memory: memory.replay.peak_allocated,
        lambda row: row["status"] == litgpt.OUT_OF_MEMORY,
    ),
    "torchtune": Table(
        LLM / "torchtune.csv",
        torchtune.run,
        lambda row: float(row["Peak Memory Active (GiB)"]) * 2**30,
        lambda _: card("a100-80gb", "2.5.0"),
        lambda memory: memory.replay.peak_allocated,
    ),
    "torchtitan": Table(
        LLM / "torchtitan.csv",
        sharded,
        lambda row: float(row["peak_mem_GiB"]) * 2**30,
        lambda _: card("h100-sxm", "2.6.0"),
        lambda memory: memory.reserved,
    ),
    "milabench": Table(
        Path("milabench") / "scaling.csv",
        milabench.run,
        lambda row: float(row["memory_MiB"]) * 2**20,
        lambda _: card("h200", "2.7.0"),
        lambda memory: memory.shown,
    ),
}


@dataclass(frozen=True)
class Compared:
    """A row's memory as predicted and as measured, in bytes."""

    run: Run
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """The signed error, as a part of what was measured."""
        return self.predicted / self.measured - 1


def figures(data: Path | None) -> dict[str, Any]:
    """Return how far predictions are from published measurements, by table and over all rows."""
    found: dict[str, Any] = {}
    whole: list[Compared] = []
    for name, table in TABLES.items():
        if data is None or not (data / table.file).is_file():
            where = "--data is not given" if data is None else f"there is no {data / table.file}"
            found[f"tables_{name}_skipped"] = f"{where}; see bench/gpu_memory.py"
            continue
        rows, answers, reasons = compared(table, data)
        whole += rows
        found |= {f"tables_{name}_{key}": value for key, value in judged(rows).items()}
        found[f"tables_{name}_out_of_memory"] = dict(answers)
        found[f"tables_{name}_not_modelled"] = dict(reasons)
    return {f"tables_{key}": value for key, value in judged(whole).items()} | found


def compared(table: Table, data: Path) -> tuple[list[Compared], Counter[str], Counter[str]]:
    """Return rows that ran, what is said of those out of memory, and how many others there are, by reason."""
    rows, answers, reasons = list[Compared](), Counter[str](), Counter[str]()
    known: dict[Run, list[dict[str, str]]] = {}
    for row in read(data / table.file):
        try:
            known.setdefault(table.run(row), []).append(row)
        except NotModelled as error:
            reasons[str(error)] += 1
    for at, (run, same) in enumerate(known.items()):
        try:
            taken = memory(run, table.card(same[0]))
        except FxcostError as error:
            progress(f"    {type(error).__name__}: {str(error)[:200]}")
            reasons[type(error).__name__] += len(same)
            continue
        failed = [row for row in same if table.failed(row)]
        ran = [
            Compared(run, table.predicted(taken), table.measured(row)) for row in same if row not in failed
        ]
        answers.update([str(taken.fit)] * len(failed))
        rows += ran
        errors = ", ".join(f"{row.error:+.1%} of {row.measured / 1e9:.2f} GB" for row in ran)
        progress(f"  {at + 1}/{len(known)} {errors or f'out of memory: {taken.fit}'}: {run}")
    return rows, answers, reasons


def read(file: Path) -> Iterator[dict[str, str]]:
    with file.open(newline="") as lines:
        yield from csv.DictReader(lines)


def memory(run: Run, card: fc.Card) -> GpuMemory:
    """Return what a run takes: `Cost.gpu_memory` without closed forms, which would take most of the time."""
    recipe, factory = run.recipe(), run.factory()
    subject = Subject(
        factory=factory.__wrapped__,
        factory_names=factory.factory_names,
        example=factory.example,
        example_names=factory.example_names,
        training=recipe if isinstance(recipe, fc.Training) else None,
        inference=recipe if isinstance(recipe, fc.Inference) else fc.Inference(),
        gpu=Gpu(card.device.compute_capability, card.release),
    )
    domain, config = Domain(factory.space), factory.space.config(batch=run.batch)
    program = trace(subject, domain, config)
    sizes = Sizes(program, Assumptions(domain).normaliser(program.questions))
    values = domain.encode(config)
    gpus = run.gpus if isinstance(run, milabench.Run) else 1
    return gpu_memory(sizes, values, config, card, traced=card, channels_last=recipe.channels_last, gpus=gpus)


def judged(rows: Sequence[Compared]) -> dict[str, Any]:
    """Return the errors of some rows."""
    if not rows:
        return {"rows": 0}
    sizes = [abs(row.error) for row in rows]
    return {
        "rows": len(rows),
        "median_error_percent": round(100 * median(sizes), 1),
        "largest_error_percent": round(100 * max(sizes), 1),
        "within_7_percent": round(100 * sum(size <= 0.07 for size in sizes) / len(rows), 1),
        "under_percent": round(100 * sum(row.error < 0 for row in rows) / len(rows), 1),
    }
