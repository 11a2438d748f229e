"""What the commands say about why: no setting, no better setting, how a cost changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands import answered, file_of, run

NETS = """
import torch, fxcost as fc
from torch import nn

SPACE = fc.Space(width=fc.Int(8, 512, step=8), batch=fc.Int(2, 4096))

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def net(width):
    return nn.Sequential(nn.Linear(width, width), nn.Linear(width, 10))
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with file_of(tmp_path_factory.mktemp("cli") / "nets_to_explain.py", NETS) as path:
        yield path


def rows_of(printed: str, heading: str) -> list[list[str]]:
    """Return the indented rows below a line, each as its columns."""
    lines = printed.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(heading)) + 1
    rows = []
    for line in lines[start:]:
        if not line.startswith("  "):
            break
        rows.append([column.strip() for column in line.strip().split("  ") if column])
    return rows


def test_solve_says_which_demands_are_in_conflict_and_what_would_do(nets: str) -> None:
    question = ("--limit", "parameters >= 50 k and peak_memory <= 1 MiB", "--set", "batch=2048:4096")
    result = run("solve", f"{nets}:net", "--maximize", "parameters", *question)
    assert result.exit_code == 1
    for demand, advice in rows_of(result.stdout, "in conflict, and no fewer"):
        changed = advice.removeprefix("would have to be ").partition(" (")[0]
        limits = [
            changed if text == demand else text for text in ("parameters >= 50 k", "peak_memory <= 1 MiB")
        ]
        batch = changed.partition(">= ")[2] if demand == "batch >= 2048" else 2048
        changed_question = ("--limit", " and ".join(limits), "--set", f"batch={batch}:4096")
        assert run("solve", f"{nets}:net", "--maximize", "parameters", *changed_question).exit_code == 0


def test_solve_writes_the_conflict_as_json(nets: str) -> None:
    question = ("--limit", "parameters >= 50 k", "--limit", "peak_memory <= 1 MiB", "--set", "batch=2048")
    answer = answered("solve", f"{nets}:net", "--maximize", "parameters", *question)
    assert answer["verdict"] == "infeasible"
    assert answer["binding"] is None
    conflict = answer["conflict"]
    assert conflict["minimal"]
    assert [(each["kind"], each["text"]) for each in conflict["demands"]] == [
        ("limit", "parameters >= 50 k"),
        ("limit", "peak_memory <= 1 MiB"),
        ("restriction", "batch=2048"),
    ]
    assert all(each["proved"] for demand in conflict["demands"] for each in demand["relaxations"])


def test_solve_says_what_binds(nets: str) -> None:
    question = ("--maximize", "parameters", "--limit", "peak_memory <= 1 MiB", "--set", "batch=64:4096")
    answer = answered("solve", f"{nets}:net", *question)
    binding = answer["binding"]
    assert answer["conflict"] is None
    assert binding["limits"] == ["peak_memory <= 1 MiB"]
    (step,) = binding["hyperparameters"]["width"]["steps"]
    assert step["to"] == answer["config"]["width"] + 8
    assert step["value"] > answer["value"]
    assert step["stops"][0]["values"]["peak_memory"] > 2**20
    printed = run("solve", f"{nets}:net", *question).stdout
    rows = dict(rows_of(printed, "what binds: peak_memory <= 1 MiB"))
    assert rows["batch=64"] == "makes no difference"
    assert f"with {step['to']}, parameters is " in rows[f"width={answer['config']['width']}"]


def test_check_says_why_nothing_fits(nets: str) -> None:
    question = ("--limit", "peak_memory <= 100 B")
    result = run("check", f"{nets}:net", *question)
    assert result.exit_code == 1
    ((demand, advice),) = rows_of(result.stdout, "in conflict, and no fewer")
    assert demand == "peak_memory <= 100 B"
    needed = advice.removeprefix("would have to be ").partition(" (")[0]
    fitting = answered("check", f"{nets}:net", "--limit", needed)
    assert fitting["largest"]["verdict"] == "optimum"
    assert fitting["conflict"] is None
    conflict = answered("check", f"{nets}:net", *question)["conflict"]
    assert [each["text"] for each in conflict["demands"]] == ["peak_memory <= 100 B"]


def test_check_says_which_limits_keep_the_largest_model_from_being_larger(nets: str) -> None:
    limits = ("--limit", "peak_memory <= 1 MiB", "--limit", "flops <= 1 PFLOP")
    assert "a larger one breaks   peak_memory <= 1 MiB\n" in run("check", f"{nets}:net", *limits).stdout
    assert answered("check", f"{nets}:net", *limits)["binding"]["limits"] == ["peak_memory <= 1 MiB"]
    assert "a larger one breaks" not in run("check", f"{nets}:net", "--device", "rtx-4090").stdout


def test_what_is_not_explained_in_time_says_so(nets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fxcost.solve import Infeasible

    explain = Infeasible.explain
    monkeypatch.setattr(Infeasible, "explain", lambda self, **question: explain(self, time_limit=1e-6))
    question = ("--maximize", "parameters", "--limit", "parameters <= 3")
    result = run("solve", f"{nets}:net", *question)
    assert result.exit_code == 1
    assert "not proved that no fewer are: the time limit of 1e-06 s is over" in result.stdout


SETTING = ("--set", "width=64", "--set", "batch=32")


def test_cost_shows_how_a_quantity_changes_with_each_hyperparameter(nets: str) -> None:
    answer = answered("cost", f"{nets}:net", "--sensitivity", "flops", *SETTING)["sensitivity"]
    flops = 2 * 32 * (64 * 64 + 64 * 10)
    assert (answer["quantity"], answer["value"]) == ("flops", flops)
    width, batch = answer["by"]["width"], answer["by"]["batch"]
    assert [near["setting"] for near in width["neighbours"]] == [56, 72]
    assert [near["change"] for near in batch["neighbours"]] == [-flops // 32, flops // 32]
    assert (width["exponent"], batch["exponent"]) == (2, 1)
    assert batch["elasticity"] == pytest.approx(1)
    printed = run("cost", f"{nets}:net", "--sensitivity", "flops", *SETTING).stdout
    heading, first, second = printed.splitlines()[-3:]
    assert " ".join(heading.split()) == "flops next values elasticity (measured) growth (closed form)"
    assert first.endswith("grows as width**2")
    assert second.startswith("batch=32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--sensitivity", "flops", "--set", "width=64"),
            "--sensitivity flops is about one setting; add --set batch=",
        ),
        (("--sensitivity", "flop", *SETTING), "there is no quantity flop; did you mean flops?"),
    ],
)
def test_a_sensitivity_that_is_no_question_is_refused(
    nets: str, arguments: tuple[str, ...], message: str
) -> None:
    result = run("cost", f"{nets}:net", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not result.stdout
