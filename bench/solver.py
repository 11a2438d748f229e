"""The solver's figures: agreement, pruning, evaluation, whole spaces, other solvers, the command line.

    python bench/solver.py [--json] [--only spaces] [--only solvers] ...

Progress and the seconds of each part go to stderr. The product has no limit on latency: what stands for it is
a limit on FLOP and one on traffic. CP-SAT is compared where ortools is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import command_line, evaluation, plain_solvers, whole_questions
from bench.comparison import progress, show


def agreement(questions: int, seed: int) -> dict[str, Any]:
    """Return how many small questions the engines and brute force were asked, and where they disagree."""
    from bench.agreement import figures

    return figures(questions, seed)


PARTS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "evaluation": lambda *_: evaluation.figures(),
    "spaces": lambda *_: whole_questions.figures(),
    "solvers": lambda *_: plain_solvers.figures(),
    "command-line": lambda *_: command_line.figures(),
    "agreement": agreement,
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="A part; again for another.")
@click.option("--questions", default=100_000, show_default=True, help="Random small questions to agree on.")
@click.option("--seed", default=0, show_default=True, help="Seed of all that is drawn.")
def main(as_json: bool, only: tuple[str, ...], questions: int, seed: int) -> None:
    """Print the solver's figures."""
    figures: dict[str, Any] = {"load_before": [round(each, 2) for each in os.getloadavg()]}
    for name in only or PARTS:
        progress(name)
        begun = perf_counter()
        figures |= PARTS[name](questions, seed)
        progress(f"{name}: {perf_counter() - begun:.0f} s")
    show(figures, as_json=as_json)


if __name__ == "__main__":
    main()
