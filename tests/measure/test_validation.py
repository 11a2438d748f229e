"""Predicted against measured: on the CPU to the byte, and on a pretend GPU."""

from __future__ import annotations

import json

import pytest
import torch

import fxcost as fc
from fxcost.errors import MeasurementError
from fxcost.measure import Compared, Validation, validate
from tests.commands import answered, run
from tests.inverse.models import SETTINGS, vit
from tests.oracles import pretend

SMALL = {"batch": 4}
RECIPES = {
    "sgd": {"options": {"momentum": 0.9}},
    "mixed": {"precision": "bf16-mixed"},
    "true": {"precision": "bf16-true"},
    "parts": {"accumulation": 3, "clip_norm": 1.0},
    "averaged": {"ema": 0.99, "set_to_none": False},
    "twice": {"checkpoint": "blocks.*"},
}
GPT = "tests/measure/over_pretend_cuda.py:small"


@pytest.mark.parametrize("recipe", RECIPES)
def test_on_a_cpu_every_recipe_takes_what_was_predicted_to_the_byte(recipe):
    training = fc.Training(torch.optim.SGD, **RECIPES[recipe])
    found = validate(fc.cost(vit.within(**SMALL), training=training), **SMALL)
    (row,) = found.rows
    assert row.measured == row.predicted > 0
    assert found.holds


def test_an_inference_is_run_too():
    found = validate(fc.cost(vit.within(**SETTINGS["vit"])), **SETTINGS["vit"])
    assert (found.holds, found.rows[0].error) == (True, 0.0)


def test_a_prediction_that_is_wrong_is_shown():
    found = Validation(fc.Config(batch=4), "the CPU", (Compared("tensors alive", 99, 100),), 0.0)
    assert not found.holds
    assert "-1.00%" in str(found)


def test_what_one_process_cannot_run_is_refused():
    training = fc.Training(torch.optim.SGD, offload=True)
    with pytest.raises(MeasurementError, match="leave parallel= and offload= out"):
        validate(fc.cost(vit.within(**SMALL), training=training), **SMALL)


def test_the_command_says_whether_it_holds():
    result = run("validate", GPT, "--training", "adamw")
    assert (result.exit_code, "+0.00%" in result.stdout) == (0, True)
    assert answered("validate", GPT, "--training", "adamw")["validation"]["holds"]
    assert "add --set width=..." in run("validate", "examples/gpt.py:gpt").stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    result = run("validate", GPT, "--device", "rtx-4090")
    assert (result.exit_code, "sees no NVIDIA GPU" in result.stderr) == (2, True)


@pytest.mark.skipif(bool(pretend.missing()), reason=pretend.missing())
def test_a_pretend_gpu_takes_what_was_predicted():
    asked = ["validate", GPT, "--training", "sgd", "--precision", "bf16-mixed"]
    context = fc.Card.of("rtx-4090").row("CUDA context").nbytes
    code, printed, error = pretend.called(
        "tests.measure.over_pretend_cuda:command",
        [*asked, "--device", "rtx-4090", "--json"],
        context=context,
    )
    assert code == 0, error
    rows = json.loads(printed)["validation"]["rows"]
    names = [
        "asked of the allocator",
        "given by it",
        "reserved by it",
        "shown by nvidia-smi",
        "enough for it",
    ]
    assert [row["name"] for row in rows] == names
    for row in rows:
        assert row["predicted"] == row["measured"], row["name"]
