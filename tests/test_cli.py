"""The commands, end to end on a small model: what they print, and how they exit."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fxcost as fc
from fxcost.cli.progress import progress
from fxcost.targets import load
from tests.commands import answered, file_of, run

NETS = """
import torch, fxcost as fc
from torch import nn

SPACE = fc.Space(width=fc.Int(8, 512, step=8), batch=fc.Int(2, 4096))

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(width, width) for _ in range(3)))
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        return self.head(self.layers(images))

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def net(width):
    return Net(width)

@fc.model(space=SPACE, example=lambda batch: torch.zeros(batch, 4))
def raises(width):
    raise RuntimeError("no weights here")

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def picky(width):
    if width % 24:
        raise ValueError("width must be a multiple of 24")
    return nn.Linear(width, 4)

class Branch(nn.Module):
    def forward(self, images):
        return images if images.sum() > 0 else -images

@fc.model(space=SPACE, example=lambda batch, width: torch.randn(batch, width))
def branches(width):
    return nn.Sequential(nn.Linear(width, width), Branch())

class Deep(Net):
    def __init__(self, width):
        super().__init__(width)
        if width >= 256:
            self.wide = nn.Linear(width, width)

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def deep(width):
    return Deep(width)

momentum = fc.Training(torch.optim.SGD, options={"momentum": 0.9})
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with file_of(tmp_path_factory.mktemp("cli") / "nets_of_this_test.py", NETS) as path:
        yield path


def test_cost_prints_every_formula_and_its_conditions(nets: str) -> None:
    result = run("cost", f"{nets}:net")
    assert result.exit_code == 0
    assert "net: one inference (model.eval(), no gradients)" in result.stdout
    assert "width  Int(8, 512, step=8)" in result.stdout
    formulas = dict(line.split(None, 1) for line in result.stdout.splitlines() if "*" in line)
    assert formulas["parameters"] == "3*width**2 + 13*width + 10"
    assert formulas["flops"] == "6*batch*width**2 + 20*batch*width"


def test_cost_evaluates_where_every_hyperparameter_is_set(nets: str) -> None:
    printed = run("cost", f"{nets}:net", "--set", "width=8", "--set", "batch=2").stdout
    assert "306  3*width**2 + 13*width + 10" in printed
    quantities = answered("cost", f"{nets}:net", "--set", "width=8", "--set", "batch=2")["quantities"]
    assert quantities["parameters"]["value"] == 3 * 64 + 13 * 8 + 10
    assert quantities["flops"] == {
        "unit": "FLOP",
        "counts": quantities["flops"]["counts"],
        "formula": "6*batch*width**2 + 20*batch*width",
        "value": 6 * 2 * 64 + 20 * 2 * 8,
        "rows": 1,
        "dropped_rows": {},
    }


def test_cost_in_json_has_the_subject_the_formulas_and_the_conditions(nets: str) -> None:
    answer = answered("cost", f"{nets}:net", "--training", "sgd", "--set", "width=8:64")
    assert answer["target"] == f"{nets}:net"
    assert answer["use"] == "one training step with SGD"
    assert answer["space"] == {"width": "Int(8, 512, step=8)", "batch": "Int(2, 4096)"}
    assert answer["set"] == {"width": [8, 64]}
    assert answer["config"] is None
    assert answer["breakdown"] is None
    keys = {"unit", "counts", "formula", "value", "rows", "dropped_rows"}
    assert set(answer["quantities"]["activations"]) == keys
    dropped = answer["quantities"]["peak_memory"]["dropped_rows"]
    assert dropped["coefficients at most those of another row"] > 0
    assert all(set(condition) == {"condition", "kind", "line"} for condition in answer["conditions"])


def test_formulas_are_those_of_the_settings_left_open(nets: str) -> None:
    for bounds, formula in (
        ("8:248", "3*width**2 + 13*width + 10"),
        ("256:512", "4*width**2 + 14*width + 10"),
    ):
        answer = answered("cost", f"{nets}:deep", "--set", f"width={bounds}")
        assert answer["quantities"]["parameters"]["formula"] == formula


def test_cost_names_the_users_own_recipe(nets: str) -> None:
    printed = run("cost", f"{nets}:net", "--training", f"{nets}:momentum").stdout
    assert "net: one training step with SGD(momentum=0.9)" in printed


@pytest.mark.parametrize("key", ["module", "operator", "phase", "source"])
def test_a_breakdown_adds_up_to_the_quantity(nets: str, key: str) -> None:
    setting = ("--set", "width=64", "--set", "batch=32")
    answer = answered("cost", f"{nets}:net", *setting, "--training", "adamw", "--by", key)
    assert answer["breakdown"]["by"] == key
    for name, parts in answer["breakdown"]["quantities"].items():
        assert sum(parts.values()) == answer["quantities"][name]["value"], name


def test_a_breakdown_shows_equal_layers_once(nets: str) -> None:
    printed = run("cost", f"{nets}:net", "--set", "width=64", "--set", "batch=32", "--by", "module").stdout
    assert "layers.* (x " in printed


def test_a_breakdown_needs_every_hyperparameter(nets: str) -> None:
    result = run("cost", f"{nets}:net", "--set", "width=64", "--by", "module")
    assert result.exit_code == 2
    assert "--by module is about one setting; add --set batch=..." in result.stderr


def test_check_exits_with_0_where_every_setting_fits(nets: str) -> None:
    result = run("check", f"{nets}:net", "--device", "rtx-4090")
    assert result.exit_code == 0
    assert "rtx-4090 (23.99 GiB): fits, proved for all 262,080 settings" in result.stdout
    assert "needs at most" in result.stdout
    assert "at width=512, batch=4096" in result.stdout
    assert "A CUDA context" in result.stdout


def test_check_exits_with_1_and_says_what_is_too_much(nets: str) -> None:
    result = run("check", f"{nets}:net", "--limit", "peak_memory <= 1 MiB", "--set", "batch=256")
    assert result.exit_code == 1
    assert "peak_memory <= 1 MiB: does not always hold: not at width=" in result.stdout
    assert "too much" in result.stdout
    assert "one change that fits" in result.stdout
    assert "largest that fits" in result.stdout


def test_check_in_json_explains_the_counterexample(nets: str) -> None:
    arguments = ("check", f"{nets}:net", "--limit", "peak_memory <= 1 MiB", "--set", "width=128:256")
    answer = answered(*arguments, "--training", "adamw")
    assert (answer["verdict"], answer["use"]) == ("refuted", "one training step with AdamW")
    violation = answer["violations"][0]
    assert violation["value"] - violation["bound"] == violation["excess"] > 0
    assert answer["values"]["peak_memory"] == violation["value"]
    assert len(violation["terms"]) == 5
    assert set(violation["terms"][0]) == {"amount", "times", "module", "operator", "phase", "line"}
    amounts = [term["amount"] for term in violation["terms"]]
    assert amounts == sorted(amounts, reverse=True)
    assert sum(amounts) <= violation["value"]


def test_the_nearest_settings_fit_and_the_next_ones_do_not(nets: str) -> None:
    limit = ("--limit", "peak_memory <= 3 MiB")
    answer = answered("check", f"{nets}:net", *limit, "--set", "width=256", "--set", "batch=1024")
    assert set(answer["nearest"]) == {"width", "batch"}
    for name, step in (("width", 8), ("batch", 1)):
        fixed = {"width": 256, "batch": 1024, name: answer["nearest"][name]}
        assert exit_code_at(nets, limit, fixed) == 0
        assert exit_code_at(nets, limit, {**fixed, name: fixed[name] + step}) == 1


def exit_code_at(nets: str, limit: tuple[str, ...], config: dict[str, int]) -> int:
    settings = [text for name, value in config.items() for text in ("--set", f"{name}={value}")]
    return run("check", f"{nets}:net", *limit, *settings).exit_code


def test_the_largest_model_that_fits_is_as_large_as_any_that_does(nets: str) -> None:
    limits = ("--limit", "peak_memory <= 1 MiB", "--limit", "flops <= 50 MFLOP")
    answer = answered("check", f"{nets}:net", *limits)
    cost = fc.cost(load(f"{nets}:net"))
    fitting = [
        (cost.parameters(**config), cost.flops(**config))
        for config in cost.space.restrict(batch=(2, 64))
        if cost.peak_memory(**config) <= 2**20 and cost.flops(**config) <= 50_000_000
    ]
    assert answer["largest"]["proved"]
    assert (answer["largest"]["value"], answer["fullest"]["value"]) == max(fitting)


def test_where_nothing_fits_that_is_said_to_be_proved(nets: str) -> None:
    result = run("check", f"{nets}:net", "--limit", "parameters <= 3")
    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.splitlines() if line.startswith("largest")] == [
        ["largest", "that", "fits", "there", "is", "none", "proved"]
    ]


def test_check_exits_with_3_where_time_runs_out(nets: str) -> None:
    arguments = ("check", f"{nets}:net", "--device", "rtx-4090", "--time-limit", "1e-9")
    result = run(*arguments)
    assert result.exit_code == 3
    assert "unknown whether it fits: the time limit of 1e-09 s is over" in result.stdout
    assert answered(*arguments)["verdict"] == "unknown"


def test_solve_maximizes_under_limits(nets: str) -> None:
    arguments = ("solve", f"{nets}:net", "--maximize", "parameters", "--limit", "peak_memory <= 1 MiB")
    answer = answered(*arguments, "--set", "batch=64:4096")
    assert answer["verdict"] == "optimum"
    assert answer["proved"]
    assert answer["config"]["batch"] >= 64
    assert answer["costs"]["parameters"] == answer["value"]
    assert answer["costs"]["peak_memory"] <= 2**20
    assert run(*arguments).exit_code == 0


def test_solve_minimizes(nets: str) -> None:
    result = run("solve", f"{nets}:net", "--minimize", "flops", "--limit", "parameters >= 100 k")
    assert result.exit_code == 0
    assert "width=184, batch=2, proved" in result.stdout


def test_solve_exits_with_1_where_no_setting_does(nets: str) -> None:
    result = run("solve", f"{nets}:net", "--maximize", "parameters", "--limit", "parameters <= 3")
    assert result.exit_code == 1
    assert "no setting satisfies parameters <= 3: proved" in result.stdout


def test_solve_exits_with_3_where_time_runs_out(nets: str) -> None:
    limit = ("--limit", "peak_memory <= 1 MiB", "--time-limit", "1e-9")
    assert run("solve", f"{nets}:net", "--maximize", "parameters", *limit).exit_code == 3


def test_devices_are_listed() -> None:
    assert "NVIDIA GeForce RTX 4090" in run("devices").stdout
    by_name = {device["name"]: device for device in answered("devices")["devices"]}
    assert by_name["rtx-4090"]["memory"] == 24564 * 2**20
    assert by_name["rtx-4090"]["peaks"]["bf16"] == 165_200_000_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "{nets}:net"), "nothing to check; write --device rtx-4090"),
        (("check", "{nets}:net", "--device", "rtx-4091"), "did you mean rtx-4090"),
        (("check", "{nets}:net", "--limit", "peak_memory <= 24 G"), '"24 G" is ambiguous: write "24 GB"'),
        (("check", "{nets}:net", "--limit", "peak <= 24 GB"), "did you mean peak_memory?"),
        (("check", "{nets}:nett", "--device", "a100-80gb"), "has no nett; did you mean net"),
        (("check", "nowhere.py:net", "--device", "a100-80gb"), "nowhere.py: there is no such file"),
        (("check", "{nets}", "--device", "a100-80gb"), "decorated factories; write one of"),
        (("cost", "{nets}:net", "--set", "width=13"), "13 is not in Int(8, 512, step=8); nearest: 8 and 16"),
        (("cost", "{nets}:net", "--set", "x=13"), "the space has no x; the hyperparameters are width, batch"),
        (("cost", "{nets}:net", "--training", "lion"), "write none, adamw, adam, sgd"),
        (("cost", "{nets}:net", "--by", "layer"), "'layer' is not one of 'module'"),
        (("cost", "{nets}:raises"), "nets_of_this_test.py:22: RuntimeError: no weights here"),
        (("cost", "{nets}:branches"), "nets_of_this_test.py:32"),
        (("cost", "{nets}:picky", "--set", "width=32", "--set", "batch=2"), "width must be a multiple of 24"),
        (("check", "{nets}:picky", "--set", "width=32", "--device", "l4"), "width must be a multiple of 24"),
        (("solve", "{nets}:net"), "write one of --maximize, --minimize"),
        (("solve", "{nets}:net", "--maximize", "flop"), "there is no quantity flop; did you mean flops?"),
    ],
)
def test_a_wrong_question_is_one_message_and_exit_code_2(
    nets: str, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*(argument.format(nets=nets) for argument in arguments))
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout


def test_settings_that_the_factory_refuses_are_not_asked_about(nets: str) -> None:
    limit = ("--limit", "parameters <= 2 k")
    answer = answered("check", f"{nets}:picky", *limit)
    assert answer["verdict"] == "refuted"
    assert answer["counterexample"]["width"] % 24 == 0


def test_an_error_of_fxcost_itself_is_not_the_answer_no(nets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fxcost.targets.load", lambda target: {}["bug"])
    result = run("check", f"{nets}:net", "--device", "rtx-4090")
    assert result.exit_code == 3
    assert "this is a bug of fxcost" in result.stderr
    assert "KeyError" in result.stderr


def test_what_takes_long_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(first_line=0.02) as tell:
        tell("tracing")
        time.sleep(0.2)
    out, err = capsys.readouterr()
    assert err.startswith("fxcost: tracing (0 s)\n")
    assert len(err.splitlines()) <= 4
    assert not out


def test_what_is_quick_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as tell:
        tell("tracing")
    assert capsys.readouterr() == ("", "")


def test_help_imports_no_torch() -> None:
    program = """
        import sys
        from click.testing import CliRunner
        from fxcost.cli import main
        assert "fxcost check" in CliRunner().invoke(main, ["check", "--help"]).stdout
        assert not {"torch", "sympy", "z3"} & sys.modules.keys()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, env=environment)


def test_the_readmes_command_proves_that_batches_of_8_fit() -> None:
    gpt = Path(__file__).parents[1] / "examples" / "gpt.py"
    result = run("check", f"{gpt}:gpt", "--device", "rtx-4090", "--set", "batch=8")
    assert result.exit_code == 0
    for shown in (
        "depth*(12*width**2 + 13*width) + 104612*width",
        "rtx-4090 (23.99 GiB): fits, proved for all",
        "largest that fits",
    ):
        assert shown in result.stdout
