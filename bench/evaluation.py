"""Pruning and bulk evaluation: ResNet-50's and a 12-layer GPT's peaks.

    python bench/evaluation.py

Every figure is of one core. Progress goes to stderr.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fxcost as fc
from bench.comparison import progress
from examples.gpt import GPT, LONGEST
from fxcost.expr import Expression, Row, evaluate_arrays
from fxcost.expr.prune import Pruned, prune

POINTS = 1_000_000
"""Random settings at which the pruned peak is compared with the whole one, and evaluation is timed."""

ONE_BY_ONE = 2_000
"""So many of them are evaluated one by one, too."""

REPEATS = 7
"""Runs of which the fastest counts."""


@fc.model(
    width=fc.Int(16, 256),
    batch=fc.Int(2, 1024),
    resolution=fc.Int(64, 512, step=2),
    example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
)
def resnet50(width: int) -> nn.Module:
    return torchvision.models.ResNet(
        torchvision.models.resnet.Bottleneck, [3, 4, 6, 3], width_per_group=width
    )


@fc.model(
    width=fc.Int(64, 4096, step=64),
    heads=fc.Choice(4, 8, 16),
    batch=fc.Int(1, 512),
    seq=fc.Int(128, LONGEST, step=128),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def gpt12(width: int, heads: int) -> nn.Module:
    return GPT(width, heads, depth=12)


@dataclass(frozen=True)
class Peak:
    """A peak, whole and pruned.

    Attributes:
        cost: The costs of the model.
        rows: What is alive at each point of the program that may be the worst one.
        pruned: The rows needed, and why the others are not.
        seconds: How long pruning took: the fastest of some runs.
        cpu_seconds: The same, without what other processes took.
    """

    cost: fc.Cost
    rows: tuple[Row, ...]
    pruned: Pruned
    seconds: float
    cpu_seconds: float

    @classmethod
    def of(cls, factory: Any, optimizer: type[torch.optim.Optimizer]) -> Peak:
        """Trace a model's training step, and prune its peak."""
        cost = fc.cost(factory, training=fc.Training(optimizer))
        form = cost.first.form
        rows, domain = tuple(form.rows()), form.normaliser.domain
        seconds, cpu_seconds = fastest(lambda: prune(rows, domain))
        found = cls(cost, rows, prune(rows, domain), seconds, cpu_seconds)
        progress(f"  {factory.__name__}, {optimizer.__name__}: {found.kinds()}, {seconds:.2f} s")
        return found

    def kinds(self) -> dict[str, int]:
        """Return how many rows there are, how many are needed, and how many proofs of each kind."""
        proofs = Counter(proof.reason.name.lower() for proof in self.pruned.proofs)
        return {"before": len(self.rows), "kept": len(self.pruned.rows), **proofs}

    def settings(self, count: int, seed: int = 0) -> dict[str, npt.NDArray[np.int64]]:
        """Return random settings of the region traced, an array for each hyperparameter."""
        draw = np.random.default_rng(seed)
        space = self.cost.space
        arrays = {name: draw.choice(np.array(space[name].values), 2 * count) for name in space.names}
        covered = np.ones(2 * count, dtype=bool)
        for condition in self.cost.first.conditions:
            covered &= np.asarray(evaluate_arrays(condition, arrays), dtype=bool)
        return {name: array[covered][:count] for name, array in arrays.items()}

    def unequal(self) -> int:
        """Return at how many random settings the pruned peak is not the largest of all rows."""
        settings = self.settings(POINTS)
        whole = np.full(POINTS, np.iinfo(np.int64).min)
        for row in self.rows:
            np.maximum(whole, Expression((row,)).evaluate_many(settings), out=whole)
        return int(np.count_nonzero(whole != self.pruned.expression.evaluate_many(settings)))


def fastest(run: Any) -> tuple[float, float]:
    """Return the least wall time and the least CPU time of some runs, in seconds."""
    best = best_cpu = float("inf")
    for _ in range(REPEATS):
        start, start_cpu = perf_counter(), process_time()
        run()
        best, best_cpu = min(best, perf_counter() - start), min(best_cpu, process_time() - start_cpu)
    return best, best_cpu


def pruning_figures() -> dict[str, Any]:
    """Return how many rows the peaks keep, by which proofs, in what time, and where they are not the same.

    Of the two recipes, the one with more rows, or that takes longer, counts.
    """
    figures: dict[str, Any] = {"unequal": 0, "compared": 0}
    for factory in (resnet50, gpt12):
        name = factory.__name__
        for optimizer in (torch.optim.SGD, torch.optim.AdamW):
            peak = Peak.of(factory, optimizer)
            figures[f"proofs_{name}_{optimizer.__name__.lower()}"] = peak.kinds()
            figures["unequal"] += peak.unequal()
            figures["compared"] += POINTS
            for key, value in (
                (f"rows_{name}", len(peak.pruned.rows)),
                (f"prune_{name}_s", round(peak.seconds, 3)),
                (f"prune_{name}_cpu_s", round(peak.cpu_seconds, 3)),
            ):
                figures[key] = max(figures.get(key, 0), value)
    return figures


def speed_figures() -> dict[str, Any]:
    """Return at how many settings ResNet-50's peak is evaluated in a second, and what compiling takes.

    Compiling is the first evaluation of just enough settings, with what it imports. Some of the values are
    compared with those of Python's integers, one by one.
    """
    peak = Peak.of(resnet50, torch.optim.SGD)
    settings = peak.settings(POINTS)
    start = perf_counter()
    expression = peak.pruned.expression
    expression.evaluate_many({name: array[: 1 << 17] for name, array in settings.items()})
    compile_s = perf_counter() - start
    seconds, cpu_seconds = fastest(lambda: expression.evaluate_many(settings))
    many = expression.evaluate_many(settings)[:ONE_BY_ONE].tolist()
    columns = [array[:ONE_BY_ONE].tolist() for array in settings.values()]
    points = [dict(zip(settings, values, strict=True)) for values in zip(*columns, strict=True)]
    return {
        "unequal_one_by_one": sum(
            expression.evaluate(each) != value for each, value in zip(points, many, strict=True)
        ),
        "evals_per_s": round(POINTS / seconds),
        "evals_per_cpu_s": round(POINTS / cpu_seconds),
        "compile_s": round(compile_s, 3),
    }


def figures() -> dict[str, Any]:
    """Return all figures."""
    progress("evaluation")
    speed = speed_figures()
    progress("pruning")
    return pruning_figures() | speed


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
