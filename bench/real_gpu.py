"""What was predicted of real models, against what they take on this machine's GPU.

    python bench/real_gpu.py [--device h100] [--json] [--only TEXT] [--workers 4] [--traces FOLDER]

Each case is run by `fc.measure.validate` in a process of its own: what PyTorch's allocator was asked for, has
given and has reserved in two steps from a cold start, what the driver says of the process, and the least
memory with which the steps complete. Then the steps run once more with the allocator's history recorded, and
the history is replayed. A case that fails says why and is counted. Progress goes to stderr.
"""

from __future__ import annotations

import gc
import gzip
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

import fxcost as fc
from bench.allocator import Trace, read
from bench.comparison import progress, show
from bench.real_models import CASES, Case
from fxcost.allocator import Events, replay
from fxcost.measure import Run, validate

SECONDS = 540
"""After which a case is given up."""

RECORDED = 10**6
"""Events at most."""


def measured(case: Case, device: str, traces: Path | None) -> dict[str, Any]:
    """Return one case's comparisons, made in this process."""
    cost = fc.cost(case.factory(), device=device, cache=False, **case.recipe())
    found = validate(cost, batch=case.batch)
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.empty_cache()
    left = torch.cuda.memory_reserved()
    trace = recorded(cost, case, None if traces is None else traces / f"{case.name.replace('/', ' ')}.csv.gz")
    real = (trace.peak_reserved, trace.requests, trace.segments)
    return {
        "case": case.name,
        "device": found.device,
        "torch": torch.__version__,
        "rows": {row.name: {"predicted": row.predicted, "measured": row.measured} for row in found.rows},
        "left": left,
        "history": {
            "events": len(trace.events),
            "segments": trace.requests,
            "exact": replayed(trace.events) == real,
            "exact_at_addresses": replayed(trace.events, trace.addresses) == real,
        },
    }


def replayed(events: Events, addresses: tuple[int, ...] = ()) -> tuple[int, int, tuple[int, ...]]:
    """Return what a replay reserves, and the sizes of the segments that it asks for."""
    done = replay(events, actions=True, addresses=addresses)
    segments = tuple(action.size for action in done.actions if action.name == "segment_alloc")
    return done.peak_reserved, done.requests, segments


def recorded(cost: fc.Cost, case: Case, file: Path | None) -> Trace:
    """Return the history of two steps, and write it as a table where it is wanted."""
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.memory._record_memory_history(context=None, max_entries=RECORDED)
    config = cost.space.config(batch=case.batch)
    run = Run(cost, cost.training or cost.inference, config, "cuda")
    for _ in range(2):
        run.step()
    torch.cuda.synchronize()
    (history,) = [each for each in torch.cuda.memory._snapshot()["device_traces"] if each]
    peak = torch.cuda.memory_stats()["reserved_bytes.all.peak"]
    torch.cuda.memory._record_memory_history(enabled=None)
    rows = [{key: str(each[key]) for key in ("action", "addr", "size", "stream")} for each in history]
    if file is not None:
        lines = ["action,addr,size,stream", *(",".join(row.values()) for row in rows)]
        file.write_bytes(gzip.compress("\n".join(lines).encode()))
    events, segments, addresses = read(rows)
    return Trace(case.name, events, segments, peak, len(segments), addresses)


def in_a_process(case: Case, device: str, traces: Path | None) -> dict[str, Any]:
    """Return one case's comparisons, made in a process of its own, or what went wrong."""
    command = [sys.executable, __file__, "--device", device, "--case", case.name]
    command += [] if traces is None else ["--traces", str(traces)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"case": case.name, "failed": f"no answer after {SECONDS} s"}
    if done.returncode:
        return {"case": case.name, "failed": done.stderr.strip()[-600:]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def figures(cases: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the figures of all cases: how far each kind of number is off, and how often it is too low."""
    done = [case for case in cases if "failed" not in case]
    yield "real_gpu_cases", len(done)
    yield "real_gpu_failed", {case["case"]: case["failed"] for case in cases if "failed" in case}
    yield "real_gpu_histories_exact", sum(case["history"]["exact"] for case in done)
    at_addresses = sum(case["history"]["exact_at_addresses"] for case in done)
    yield "real_gpu_histories_exact_at_the_driver_s_addresses", at_addresses
    for name in done[0]["rows"] if done else ():
        pairs = [(case["rows"][name]["predicted"], case["rows"][name]["measured"]) for case in done]
        errors = [100 * (predicted - real) / real for predicted, real in pairs]
        yield (
            f"real_gpu {name}",
            {
                "equal": sum(predicted == real for predicted, real in pairs),
                "median_error_percent": round(statistics.median(map(abs, errors)), 2),
                "worst_error_percent": round(max(errors, key=abs), 2),
                "too_low_by_over_1_percent": sum(error < -1 for error in errors),
            },
        )


@click.command()
@click.option("--device", default="h100-sxm", show_default=True, help="What fxcost calls this machine's GPU.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--only", multiple=True, help="Cases with this in their name; again for more.")
@click.option("--workers", default=4, show_default=True, help="Processes at once.")
@click.option("--traces", type=click.Path(path_type=Path), help="A folder for the histories, as tables.")
@click.option("--case", "one", hidden=True)
def main(
    device: str, as_json: bool, only: tuple[str, ...], workers: int, traces: Path | None, one: str | None
) -> None:
    """Print what was predicted against what was measured."""
    if one is not None:
        click.echo(json.dumps(measured(CASES[one], device, traces)))
        return
    if traces is not None:
        traces.mkdir(parents=True, exist_ok=True)
    asked = [case for name, case in CASES.items() if not only or any(text in name for text in only)]
    cases = []
    with ThreadPoolExecutor(workers) as pool:
        for found in pool.map(lambda case: in_a_process(case, device, traces), asked):
            progress(f"  {json.dumps(found)}")
            cases.append(found)
    show(dict(figures(cases)) | {"cases": cases}, as_json=as_json)


if __name__ == "__main__":
    main()
