"""The peaks of real models need few rows, and these are the maximum of all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision

import fxcost as fc
from examples.gpt import GPT, LONGEST
from fxcost.expr import Expression
from fxcost.expr.prune import Reason, prune

POINTS = 20_000


@fc.model(
    width=fc.Int(16, 256),
    batch=fc.Int(2, 1024),
    resolution=fc.Int(64, 512, step=2),
    example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
)
def resnet50(width: int) -> torch.nn.Module:
    bottleneck = torchvision.models.resnet.Bottleneck
    return torchvision.models.ResNet(bottleneck, [3, 4, 6, 3], width_per_group=width)


@fc.model(
    width=fc.Int(64, 4096, step=64),
    heads=fc.Choice(4, 8, 16),
    batch=fc.Int(2, 512),
    seq=fc.Int(128, LONGEST, step=128),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def gpt12(width: int, heads: int) -> torch.nn.Module:
    return GPT(width, heads, depth=12)


@pytest.mark.parametrize(("factory", "most"), [(resnet50, 15), (gpt12, 8)], ids=["resnet50", "gpt12"])
def test_a_training_peak_needs_few_of_its_rows(factory, most: int) -> None:
    cost = fc.cost(factory, training=fc.Training(torch.optim.AdamW))
    form = cost.first.form
    rows = form.rows()
    pruned = prune(rows, form.normaliser.domain)
    assert 2 <= len(pruned.rows) <= most
    assert len(pruned.rows) + len(pruned.proofs) == len(rows) > 100
    assert {proof.reason for proof in pruned.proofs} == set(Reason) - {Reason.BOXES}
    draw = np.random.default_rng(0)
    arrays = {name: draw.choice(np.array(cost.space[name].values), POINTS) for name in cost.space.names}
    ends = {name: np.array([min(values), max(values)]) for name, values in arrays.items()}
    corners = dict(zip(ends, (each.ravel() for each in np.meshgrid(*ends.values())), strict=True))
    for points in (arrays, corners):
        whole = np.max([Expression((row,)).evaluate_many(points) for row in rows], axis=0)
        assert np.array_equal(pruned.expression.evaluate_many(points), whole)
    assert cost.first.conditions == ()
    assert cost.peak_memory.many(**arrays).tolist() == pruned.expression.evaluate_many(arrays).tolist()
