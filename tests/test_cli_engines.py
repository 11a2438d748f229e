"""Which engine answers a command, and how it says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fxcost.solve import routes
from tests.commands import answered, file_of, run

NETS = """
import torch
import fxcost as fc

@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
def net(width):
    return torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU())
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with file_of(Path(tmp_path_factory.mktemp("engines")) / "nets_of_engines.py", NETS) as path:
        yield path


@pytest.mark.parametrize("engine", ["boxes", "z3+boxes", "z3", "cpsat"])
def test_an_optimum_is_the_same_whoever_answers(nets: str, engine: str) -> None:
    if engine == "cpsat" and not routes.installed("ortools"):
        pytest.skip("needs ortools")
    asked = ("solve", f"{nets}:net", "--maximize", "flops", "--limit", "peak_memory <= 2 KiB")
    found = answered(*asked, "--engine", engine)
    assert found["engines"] == [engine]
    assert found["value"] == answered(*asked)["value"]
    assert (f"by {engine}" in run(*asked, "--engine", engine).output) is (engine != "boxes")


def test_check_takes_an_engine(nets: str) -> None:
    holds = (
        "check",
        f"{nets}:net",
        "--limit",
        "not (flops <= 200 FLOP and parameters >= 100)",
        "--engine",
        "z3",
    )
    assert run(*holds).exit_code == 0
    assert answered(*holds)["engines"] == ["z3"]


def test_an_unknown_engine_is_a_wrong_question(nets: str) -> None:
    result = run("check", f"{nets}:net", "--limit", "flops <= 200 FLOP", "--engine", "cplex")
    assert result.exit_code == 2
    assert "engine='cplex': write one of 'boxes'" in result.output


def test_what_is_counted_has_no_engine_to_choose(nets: str) -> None:
    result = run("solve", f"{nets}:net", "--count", "--limit", "flops <= 200 FLOP", "--engine", "z3")
    assert result.exit_code == 2
    assert "--engine is about --maximize and --minimize" in result.output
