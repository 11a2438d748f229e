"""How long the command line takes: with an empty cache, with closed forms in it, asked the same again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["solve", "examples/gpt.py:gpt", "--maximize", "parameters", "--limit", "peak_memory <= 24 GiB"]
OTHER = [*COMMAND[:-1], "peak_memory <= 8 GiB"]
START = "import sys; sys.argv[0] = 'fxcost'; from fxcost.cli import main; main()"
RUNS = 3


def figures() -> dict[str, Any]:
    """Return the median seconds of some runs, each a process of its own, and of `import torch` alone."""
    names = ("solve_cold", "solve_warm", "solve_other", "import_torch")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            taken["solve_cold"].append(seconds(folder, COMMAND))
            taken["solve_warm"].append(seconds(folder, COMMAND))
            taken["solve_other"].append(seconds(folder, OTHER))
        taken["import_torch"].append(seconds("off", [], "import torch"))
    found: dict[str, Any] = {}
    for name, runs in taken.items():
        wall, cpu = (round(median(each), 2) for each in zip(*runs, strict=True))
        found |= {f"{name}_s": wall, f"{name}_cpu_s": cpu}
    return found


def seconds(cache: str, command: list[str], code: str = START) -> tuple[float, float]:
    """Return the wall time and the CPU time of a process that answers a question, or runs other code."""
    environment = os.environ | {"FXCOST_CACHE": cache, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    start, before = perf_counter(), os.times()
    subprocess.run(
        [sys.executable, "-c", code, *command], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    after = os.times()
    cpu = sum(after[at] - before[at] for at in (2, 3))  # of the processes that ended
    return perf_counter() - start, cpu
