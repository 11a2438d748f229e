"""Does it fit? timm's training benchmark, whose batch ladder says which batch ran and which one did not.

DIR/timm/timm_train.csv.gz holds results/benchmark-train-amp-*-pt112-cu113-rtx3090.csv of
github.com/huggingface/pytorch-image-models: a card of 24 GB, autocast to fp16 around forward and backward, no
GradScaler, SGD with Nesterov momentum tensor by tensor, gradients kept between steps, no fused attention.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import timm
import timm.layers
import torch
from torch.nn import functional

import fxcost as fc
from bench.comparison import progress
from fxcost.devices import find
from fxcost.errors import FxcostError
from fxcost.program import Phase

FILE = Path("timm") / "timm_train.csv.gz"
LAYOUTS = ("nchw", "nhwc")
CARD = fc.Card(find("rtx-3090"), release="1.12.0")
VARIANTS = ("naive", "live", "capacity", "reserved")
SPLITS = 60


@dataclass(frozen=True)
class Row:
    """A model that ran with one batch and did not run with a larger one.

    Attributes:
        model: timm's name.
        layout: "nchw" or "nhwc".
        image: Pixels of a side.
        ran: The batch that ran.
        failed: The next larger one of the ladder.
        parameters: Millions, as published.
    """

    model: str
    layout: str
    image: int
    ran: int
    failed: int
    parameters: float

    @property
    def family(self) -> str:
        """The file of timm that defines it: no constant is judged on a family that it was fitted on."""
        return timm.model_entrypoint(self.model).__module__


@dataclass(frozen=True)
class Bracket:
    """What is predicted for the two batches of a row, in bytes, by variant."""

    row: Row
    ran: dict[str, int]
    failed: dict[str, int]

    def agrees(self, variant: str, usable: float) -> bool:
        return self.ran[variant] <= usable < self.failed[variant]


class Kept:
    """Brackets in a file, one a line: a run that was interrupted goes on, as long as fxcost is the same.

    Args:
        file: Is made where it is not there; None keeps nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        lines = file.read_text().splitlines() if file is not None and file.is_file() else []
        found = [json.loads(line) for line in lines]
        self.known = {
            (row := Row(**each["row"])): Bracket(row, each["ran"], each["failed"]) for each in found
        }

    def of(self, row: Row) -> Bracket:
        """Return a row's bracket: predicted once."""
        if row not in self.known:
            self.known[row] = bracket(row)
            if self.file is not None:
                with self.file.open("a") as lines:
                    lines.write(json.dumps(asdict(self.known[row])) + "\n")
        return self.known[row]


def figures(data: Path | None, models: int, seed: int, kept: Path | None = None) -> dict[str, Any]:
    """Return how many brackets agree with one usable capacity, fitted on other families' models."""
    if data is None or not (data / FILE).is_file():
        where = "--data is not given" if data is None else f"there is no {data / FILE}"
        return {"bracket_models": 0, "bracket_skipped": f"{where}; see bench/gpu_memory.py"}
    found: dict[str, Any] = {}
    for layout in LAYOUTS:
        rows = drawn(data / FILE, layout, models, seed)
        brackets, reasons = predicted(rows, Kept(kept))
        found |= {f"bracket_models_{layout}": len(brackets), f"bracket_not_modelled_{layout}": reasons}
        found |= {f"bracket_{variant}_{layout}": judged(brackets, variant, seed) for variant in VARIANTS}
        found[f"bracket_over_splits_{layout}"] = over_splits(brackets, "capacity")
    table = {(name, layout): found[f"bracket_{name}_{layout}"] for name in VARIANTS for layout in LAYOUTS}
    return {
        "bracket_models": min(found[f"bracket_models_{layout}"] for layout in LAYOUTS),
        "bracket_agree_percent_nchw": table["capacity", "nchw"]["agree_percent"],
        "bracket_agree_percent_nhwc": table["capacity", "nhwc"]["agree_percent"],
        "bracket_false_fit_percent": table["capacity", "nchw"]["false_fit_percent"],
        "bracket_agree_percent_naive": table["naive", "nchw"]["agree_percent"],
        "bracket_agree_percent_live": table["live", "nchw"]["agree_percent"],
        **found,
    }


def drawn(file: Path, layout: str, count: int, seed: int) -> list[Row]:
    """Return some rows whose model this timm has, in an order that results have no part in."""
    known = set(timm.list_models())
    with gzip.open(file, "rt", newline="") as lines:
        rows = [
            Row(
                each["model"],
                layout,
                int(each["img_size"]),
                int(each["batch_size"]),
                int(each["failed_batch"]),
                float(each["param_count_M"]),
            )
            for each in csv.DictReader(lines)
            if (each["torch"], each["precision"], each["layout"]) == ("1.12", "amp", layout)
            and each["failed_batch"]
            and each["model"] in known
        ]
    return random.Random(seed).sample(rows, min(count, len(rows)))


def recipe(layout: str) -> fc.Training:
    """Return what timm's benchmark.py does at torch 1.12."""
    return fc.Training(
        torch.optim.SGD,
        options={"lr": 1e-4, "momentum": 0.9, "nesterov": True, "foreach": False},
        precision="fp16-mixed",
        scaler=False,
        backward_in_autocast=True,
        set_to_none=False,
        channels_last=layout == "nhwc",
        loss=lambda output: functional.cross_entropy(output, torch.zeros(output.shape[0], dtype=torch.long)),
    )


def predicted(rows: Sequence[Row], kept: Kept) -> tuple[list[Bracket], dict[str, int]]:
    """Return the brackets that could be predicted, and how many others there are, by reason."""
    brackets, reasons = [], dict[str, int]()
    fused = timm.layers.use_fused_attn()
    timm.layers.set_fused_attn(enable=False)
    try:
        for at, row in enumerate(rows):
            progress(f"  {at + 1}/{len(rows)} {row.layout} {row.model}")
            try:
                brackets.append(kept.of(row))
            except (FxcostError, LookupError) as error:
                progress(f"    {type(error).__name__}: {str(error)[:200]}")
                reasons[type(error).__name__] = reasons.get(type(error).__name__, 0) + 1
    finally:
        timm.layers.set_fused_attn(enable=bool(fused))
    return brackets, reasons


class OtherDefinitionError(LookupError):
    """The model has another number of parameters than it had when it was measured."""


def bracket(row: Row) -> Bracket:
    """Return what is predicted for a row."""

    @fc.model(
        batch=fc.Int(2, max(row.failed, 8)),
        example=lambda batch: torch.zeros(batch, 3, row.image, row.image),
    )
    def factory() -> torch.nn.Module:
        return timm.create_model(row.model)

    cost = fc.cost(factory, training=recipe(row.layout), device=CARD, cache=False)
    parameters = cost.parameters(batch=row.ran)
    if abs(parameters / 1e6 - row.parameters) > 0.006:
        raise OtherDefinitionError(f"{parameters / 1e6:.2f} M parameters, {row.parameters} M when measured")
    return Bracket(row, amounts(cost, row.ran), amounts(cost, row.failed))


def amounts(cost: fc.Cost, batch: int) -> dict[str, int]:
    """Return a batch's bytes by variant."""
    memory = cost.gpu_memory(CARD, batch=batch)
    return {
        "naive": naive(cost, batch),
        "live": memory.live,
        "capacity": memory.capacity.enough,
        "reserved": memory.reserved,
    }


def naive(cost: fc.Cost, batch: int) -> int:
    """Return four times the parameters and the sum of all outputs of the forward pass."""
    config = cost.space.config(batch=batch)
    sizes, values = cost.regions.sizes_at(config), cost.regions.domain.encode(config)
    outputs = {
        event.storage for event in sizes.program.events if event.allocates and event.phase is Phase.FORWARD
    }
    return 16 * cost.parameters(batch=batch) + sum(sizes.nbytes(each).evaluate(values) for each in outputs)


def judged(brackets: Sequence[Bracket], variant: str, seed: int) -> dict[str, Any]:
    """Return how a variant does with the capacity fitted on the other half of the families."""
    families = sorted({each.row.family for each in brackets})
    random.Random(seed).shuffle(families)
    half = set(families[::2])
    halves = [[b for b in brackets if (b.row.family in half) is side] for side in (True, False)]
    capacities = [fitted(each, variant) for each in halves]
    tests = [(each, usable) for part, usable in zip(halves, capacities[::-1], strict=True) for each in part]
    return {
        "agree_percent": percent(b.agrees(variant, usable) for b, usable in tests),
        "false_fit_percent": percent(b.failed[variant] <= usable for b, usable in tests),
        "false_out_of_memory_percent": percent(b.ran[variant] > usable for b, usable in tests),
        "usable_mib": [round(usable / 2**20) for usable in capacities],
    }


def over_splits(brackets: Sequence[Bracket], variant: str) -> dict[str, float]:
    """Return the means over several ways to halve the families: one alone may be lucky."""
    found = [judged(brackets, variant, seed) for seed in range(SPLITS)]
    names = ("agree_percent", "false_fit_percent", "false_out_of_memory_percent")
    return {name: round(mean(each[name] for each in found), 1) for name in names}


def fitted(brackets: Sequence[Bracket], variant: str) -> float:
    """Return the usable capacity with which most brackets agree, the middle of the best range."""
    ends = sorted({end for each in brackets for end in (each.ran[variant], each.failed[variant])})
    scores = [sum(each.agrees(variant, end) for each in brackets) for end in ends]
    best = [at for at, score in enumerate(scores) if score == max(scores)]
    first = best[0]
    last = next((at for at in range(first, len(ends)) if scores[at] != scores[first]), len(ends) - 1)
    return (ends[first] + ends[last]) / 2


def percent(answers: Iterable[bool]) -> float:
    known = list(answers)
    return round(100 * sum(known) / len(known), 1)
