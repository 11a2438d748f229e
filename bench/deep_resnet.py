"""torchvision's ResNet with four stage depths, width and block as hyperparameters, against real runs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

import fxcost as fc
from bench.comparison import Row, Subject, costs, progress, told
from fxcost.errors import InvalidConfigError
from tests.oracles import memory as memory_oracle

RECIPE = "sgd"
SMALL = {"batch": (2, 3), "resolution": 64}


@fc.model(
    block=fc.Choice(BasicBlock, Bottleneck),
    depth1=fc.Int(1, 6),
    depth2=fc.Int(1, 8),
    depth3=fc.Int(1, 36),
    depth4=fc.Int(1, 4),
    width=fc.Int(16, 128, step=16),
    batch=fc.Int(2, 64),
    resolution=fc.Int(64, 256, step=32),
    example=lambda batch, resolution: torch.randn(batch, 3, resolution, resolution),
)
def deep_resnet(
    block: type[BasicBlock | Bottleneck], depth1: int, depth2: int, depth3: int, depth4: int, width: int
) -> ResNet:
    return ResNet(block, [depth1, depth2, depth3, depth4], width_per_group=width, num_classes=10)


def is_refused(config: Mapping[str, Any]) -> bool:
    """Tell whether torchvision raises."""
    try:
        memory_oracle.real_model(deep_resnet, config)
    except ValueError:
        return True
    return False


def is_told_refused(cost: fc.Cost, config: Mapping[str, Any]) -> bool:
    """Tell whether fxcost says that torchvision raises."""
    try:
        cost.parameters(**config)
    except InvalidConfigError:
        return True
    return False


def settings(subject: Subject, count: int, seed: int) -> Iterator[list[Row]]:
    """Yield comparisons at random settings, until so many that torchvision does not refuse have been seen."""
    draw, space = random.Random(seed), subject.cost.space.restrict(**SMALL)
    while count:
        config = space.sample(draw)
        refused, told_refused = is_refused(config), is_told_refused(subject.cost, config)
        name = deep_resnet.__name__  # type: ignore[attr-defined]
        refusal = Row(name, RECIPE, "refused", dict(config), told_refused, refused)
        if refused or told_refused:
            yield list(told([refusal]))
            continue
        count -= 1
        rows = [subject.row(quantity, config) for quantity in ("parameters", "peak_memory")]
        yield list(told([*rows, refusal]))


def figures(count: int, seed: int) -> dict[str, Any]:
    """Return at how many settings all numbers are equal, and how many refusals are."""
    subject = costs(deep_resnet, RECIPE)
    compared = list(settings(subject, count, seed))
    built = [rows for rows in compared if len(rows) > 1]
    refused = [rows for rows in compared if len(rows) == 1]
    for region in subject.cost.regions.known:
        progress(f"  {region.basis if region.refusal is None else region.refusal}")
    return {
        "resnet_depths_equal": sum(all(row.equal for row in rows) for rows in built),
        "resnet_depths_tried": len(built),
        "resnet_refusals_equal": sum(all(row.equal for row in rows) for rows in refused),
        "resnet_refusals": len(refused),
        "resnet_closed_forms": sum(region.refusal is None for region in subject.cost.regions.known),
    }
