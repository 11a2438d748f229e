"""How long the command line takes to answer: with an empty cache, and with a filled one."""

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
START = "import sys; sys.argv[0] = 'fxcost'; from fxcost.cli import main; main()"
RUNS = 3


def figures() -> dict[str, Any]:
    """Return the median seconds of some runs, each a process of its own."""
    cold, warm = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(seconds(folder))
            warm.append(seconds(folder))
    return {
        "solve_cold_s": round(median(cold), 2),
        "solve_warm_s": round(median(warm), 2),
        "import_torch_s": round(median(seconds("off", "import torch") for _ in range(RUNS)), 2),
    }


def seconds(cache: str, code: str = START) -> float:
    """Return the wall time of a process that answers the question, or runs other code."""
    environment = os.environ | {"FXCOST_CACHE": cache, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    start = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *COMMAND], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    return perf_counter() - start
