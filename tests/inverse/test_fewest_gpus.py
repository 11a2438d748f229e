"""The fewest GPUs on which a training step fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import fxcost as fc
from fxcost.errors import ConfigError, DeclarationError
from fxcost.gpu import Card
from tests.commands import file_of, run
from tests.inverse.models import card_with

MIB = 2**20

NETS = """
import torch, fxcost as fc

SPACE = fc.Space(width=fc.Int(8, 4096), batch=fc.Int(1, 4096))

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def net(width):
    return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(4)))

parallel = fc.Parallel(dp=fc.Choice(1, 2, 4, 8), zero=fc.Choice(0, 1, 3))
sharded = fc.Training(torch.optim.AdamW, parallel=parallel)
"""
SETTING = {"width": 1024, "batch": 512}
ONE = Card.of("rtx-4090")


@pytest.fixture(scope="module")
def cost():
    names: dict[str, object] = {}
    exec(NETS, names)
    return fc.cost(names["net"], training=names["sharded"], device="rtx-4090")


@pytest.fixture(scope="module")
def needed(cost):
    """Return what each way needs, asked as a user would: by GPUs, then as the recipe lists them."""
    ways = [(dp, zero) for dp in (1, 2, 4, 8) for zero in (0, 1, 3)]
    return {way: cost.gpu_memory(**SETTING, dp=way[0], zero=way[1]).capacity.enough for way in ways}


def usable_for(needed, ways: int) -> Card:
    """Return a card on which the cheapest of so many ways fits, and none of those before."""
    least = min(list(needed.values())[:ways])
    return card_with(least + ONE.row("NCCL communicator").nbytes)


@pytest.mark.parametrize("ways", [1, 6, 9, 12])
def test_what_is_found_is_what_trying_all_ways_finds(cost, needed, ways):
    card = usable_for(needed, ways)
    found = fc.fewest_gpus(cost, card, **SETTING)

    def usable(gpus):
        row = {1: 0, 2: card.row("NCCL communicator of two").nbytes}
        return card.usable - row.get(gpus, card.row("NCCL communicator").nbytes)

    first = next(((way, n) for way, n in needed.items() if n <= usable(way[0])), None)
    assert found.count == (None if first is None else first[0][0])
    assert found.memory is None or found.memory.capacity.enough == first[1]
    assert [tuple(each.values.values()) for each in found.tried] == list(needed)[: len(found.tried)]


def test_a_hyperparameter_that_is_set_is_not_searched(cost, needed):
    found = fc.fewest_gpus(cost, usable_for(needed, 12), **SETTING, zero=3)
    assert {tuple(each.values) for each in found.tried} == {("dp",)}


def test_a_batch_can_be_divided_too(cost):
    setting = SETTING | {"batch": 4}
    found = fc.fewest_gpus(cost, card_with(MIB), "batch", **setting, zero=3)
    assert [each.values for each in found.tried] == [
        {"dp": 1, "batch": 4},
        {"dp": 2, "batch": 2},
        {"dp": 4, "batch": 1},
    ]
    assert found.count is None
    assert "it fits in none of these ways" in str(found)


def test_wrong_questions_are_refused(cost):
    with pytest.raises(DeclarationError, match=r"nothing is left open; write Training\(parallel="):
        fc.fewest_gpus(cost, None, **SETTING, dp=2, zero=3)
    with pytest.raises(ConfigError, match="rows is missing"):
        fc.fewest_gpus(cost, None, "rows", **SETTING)
    with pytest.raises(DeclarationError, match="batch=3 can be divided in none of the ways"):
        fc.fewest_gpus(fewest_from_two(cost), None, "batch", width=8, batch=3)


def fewest_from_two(cost):
    parallel = fc.Parallel(dp=fc.Choice(2, 4))
    return fc.cost(cost.factory, training=fc.Training(torch.optim.SGD, parallel=parallel), device="rtx-4090")


def test_the_command_answers_it(tmp_path: Path):
    with file_of(tmp_path / "nets_in_parallel.py", NETS) as path:
        asked = ("memory", f"{path}:net", "--training", f"{path}:sharded", "--device", "rtx-4090",
                 "--set", "width=1024", "--set", "batch=64", "--fewest-gpus", "batch")  # fmt: skip
        result = run(*asked, "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["fewest_gpus"]["fewest"] == 1
        fixed = run(*asked, "--set", "dp=4", "--json")
        assert json.loads(fixed.stdout)["fewest_gpus"]["tried"][0]["gpus"] == 4
        assert "add --set batch=..." in run(*asked[:-4], "--fewest-gpus").stderr


def test_ways_that_divide_nothing_evenly_are_passed_over():
    names: dict[str, object] = {}
    exec(NETS, names)
    stages = fc.Parallel(pp=fc.Choice(1, 2, 3, 4), microbatches=fc.Choice(2, 4), blocks="*")
    training = fc.Training(torch.optim.AdamW, parallel=stages)
    cost = fc.cost(names["net"].within(width=1024), training=training, device="rtx-4090")
    found = fc.fewest_gpus(cost, card_with(MIB), **SETTING)
    ways = [(way.values["pp"], way.values["microbatches"]) for way in found.tried]
    assert found.count is None
    assert ways == [(1, 2), (1, 4), (2, 2), (2, 4), (4, 4)]
