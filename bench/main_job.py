"""The main job's figures: equality with real runs over the zoo, and what compiling and evaluating cost.

    python bench/main_job.py [--json] [--configs 5] [--parameter-configs 10] [--only accuracy|speed]

Nothing but PyPI packages is needed. Progress and every unequal row go to stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fxcost as fc
from bench import accuracy, comparison, compiling
from fxcost.expr import evaluate_arrays

EVALUATIONS = 1_000_000


def accuracy_figures(configs: int, parameter_configs: int, seed: int) -> dict[str, Any]:
    """Return the shares of comparisons that are equal, in percent."""
    counted: dict[str, list[bool]] = {}
    factories = set()
    for row in comparison.told(accuracy.rows(configs, parameter_configs, seed)):
        factories.add(row.factory)
        counted.setdefault(row.quantity, []).append(row.equal)
    return {"zoo_factories": len(factories)} | {
        f"{name}_equal_percent": 100 * sum(counted[key]) / len(counted[key])
        for name, key in (("parameters", "parameters"), ("peak", "peak_memory"), ("flops", "flops"))
    }


def speed_figures(repeats: int) -> dict[str, Any]:
    """Return compile times as ratios to a concrete run, and evaluations and concrete runs per second."""
    figures: dict[str, Any] = {}
    concrete_seconds = {}
    for name, workload in compiling.WORKLOADS.items():
        click.echo(f"compiling {name}", err=True)
        concrete = compiling.seconds(lambda w=workload: compiling.concrete(w), repeats)
        symbolic = compiling.seconds(lambda w=workload: compiling.symbolic(w), repeats)
        concrete_seconds[name] = concrete
        figures[f"compile_ratio_{name}"] = round(symbolic / concrete, 2)
    figures["peak_evals_per_s"] = round(evaluations_per_second())
    figures["concrete_runs_per_s"] = round(1 / concrete_seconds["resnet50"], 3)
    return figures


def random_settings(cost: fc.Cost) -> dict[str, npt.NDArray[np.int64]]:
    """Return many random settings of a cost's first region, an array for each hyperparameter."""
    draw = np.random.default_rng(0)
    arrays = {
        name: draw.choice(np.array(list(cost.space[name].values)), EVALUATIONS) for name in cost.space.names
    }
    covered = np.ones(EVALUATIONS, dtype=bool)
    for condition in cost.first.conditions:
        covered &= np.asarray(evaluate_arrays(condition, arrays), dtype=bool)
    chosen = np.resize(np.flatnonzero(covered), EVALUATIONS)
    return {name: array[chosen] for name, array in arrays.items()}


def evaluations_per_second() -> float:
    """Return how many settings of ResNet-50 the peak is evaluated at in a second, on one core."""
    cost = compiling.symbolic(compiling.WORKLOADS["resnet50"])
    expression = cost.peak_memory.expression(cost.first)
    settings = random_settings(cost)
    expression.evaluate_many({name: array[:1000] for name, array in settings.items()})
    return EVALUATIONS / compiling.seconds(lambda: expression.evaluate_many(settings), 3)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--configs", default=5, show_default=True, help="Random configurations for memory and FLOP.")
@click.option("--parameter-configs", default=10, show_default=True, help="The same for parameters.")
@click.option("--seed", default=0, show_default=True, help="Seed of the configurations.")
@click.option("--repeats", default=3, show_default=True, help="Runs of which the fastest counts.")
@click.option("--only", type=click.Choice(["accuracy", "speed"]), help="Only one half of the figures.")
def main(
    as_json: bool, configs: int, parameter_configs: int, seed: int, repeats: int, only: str | None
) -> None:
    """Print the main job's figures."""
    figures: dict[str, Any] = {}
    if only != "accuracy":
        figures |= speed_figures(repeats)
    if only != "speed":
        figures = accuracy_figures(configs, parameter_configs, seed) | figures
    comparison.show(figures, as_json=as_json)


if __name__ == "__main__":
    main()
