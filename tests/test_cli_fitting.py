"""What `fxcost solve` tells of all settings that keep limits: how many, some, the nearest, their ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import fxcost as fc
from fxcost.targets import load
from tests.commands import answered, file_of, run

NETS = """
import torch, fxcost as fc
from torch import nn

SPACE = fc.Space(width=fc.Int(8, 96, step=8), act=fc.Choice("relu", "glu"), batch=fc.Int(2, 40))

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def net(width, act):
    if act == "glu":
        return nn.Sequential(nn.Linear(width, 2 * width), nn.GLU(), nn.Linear(width, 10))
    if width % 24 == 0:
        raise ValueError("no multiples of 24")
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))

@fc.model(
    space=fc.Space(width=fc.Int(8, 96, step=8), rate=fc.Float(0, 1)),
    example=lambda width: torch.zeros(4, width),
)
def dropped(width, rate):
    return nn.Sequential(nn.Linear(width, width), nn.Dropout(rate))
"""

LIMIT = ("--limit", "flops <= 500 kFLOP and parameters >= 1 k")
NOTHING = ("--limit", "parameters <= 3")
SETTINGS = 12 * 2 * 39


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with file_of(tmp_path_factory.mktemp("cli") / "nets_that_fit.py", NETS) as path:
        yield path


@pytest.fixture(scope="module")
def fitting(nets: str) -> list[fc.Config]:
    """All settings that keep the limit, one by one."""
    factory = load(f"{nets}:net")
    cost = fc.cost(factory)
    allowed = [each for each in factory.space if each["act"] == "glu" or each["width"] % 24]
    return [each for each in allowed if cost.flops(**each) <= 500_000 and cost.parameters(**each) >= 1_000]


def test_count_tells_how_many_settings_keep_the_limits(nets: str, fitting: list[fc.Config]) -> None:
    result = run("solve", f"{nets}:net", *LIMIT, "--count")
    assert result.exit_code == 0
    assert f": {len(fitting)} of {SETTINGS} settings (" in result.stdout
    assert " %), exact (" in result.stdout
    answer = answered("solve", f"{nets}:net", *LIMIT, "--count")
    assert (answer["verdict"], answer["exact"], answer["sample"]) == ("count", True, None)
    assert answer["lower"] == answer["upper"] == len(fitting)
    assert answer["settings"] == SETTINGS


def test_count_is_done_by_workers_and_gone_on_with_from_a_file(
    nets: str, fitting: list[fc.Config], tmp_path: Path
) -> None:
    file = ("--count", "--resume", str(tmp_path / "frontier.json"))
    for more in ((*file, "--workers", "2"), file):
        assert answered("solve", f"{nets}:net", *LIMIT, *more)["lower"] == len(fitting)
    other = run("solve", f"{nets}:net", *NOTHING, *file)
    assert other.exit_code == 2
    assert "is about another question (flops <= " in other.stderr
    wrong = run("solve", f"{nets}:net", *LIMIT, "--ranges", "--workers", "2")
    assert wrong.exit_code == 2
    assert "--workers and --resume are about --count" in wrong.stderr


def test_the_largest_is_searched_by_workers_and_gone_on_with_from_a_file(nets: str, tmp_path: Path) -> None:
    asked, file = ("solve", f"{nets}:net", *LIMIT, "--maximize", "flops"), tmp_path / "search.json"
    best = answered(*asked)["value"]
    for more in (("--workers", "2"), ()):
        assert answered(*asked, "--resume", str(file), *more)["value"] == best
    other = run("solve", f"{nets}:net", *LIMIT, "--minimize", "flops", "--resume", str(file))
    assert other.exit_code == 2
    assert "is about another question (largest flops with " in other.stderr


def test_count_keeps_what_is_set(nets: str, fitting: list[fc.Config]) -> None:
    bounds = ("--set", "batch=10:20", "--set", "act=glu")
    answer = answered("solve", f"{nets}:net", *LIMIT, "--count", *bounds)
    within = [each for each in fitting if 10 <= each["batch"] <= 20 and each["act"] == "glu"]
    assert (answer["lower"], answer["settings"]) == (len(within), 12 * 11)


def test_a_sample_is_a_table_of_settings_that_keep_the_limits(nets: str, fitting: list[fc.Config]) -> None:
    arguments = ("solve", f"{nets}:net", *LIMIT, "--sample", "7", "--seed", "3")
    drawn = answered(*arguments)["sample"]
    assert len(drawn) == 7
    assert all(fc.Config(**config) in fitting for config in drawn)
    result = run(*arguments)
    assert result.exit_code == 0
    header, *rows = [line.split() for line in result.stdout.splitlines()[-8:]]
    assert header == ["width", "act", "batch"]
    assert rows == [[str(each["width"]), repr(each["act"]), str(each["batch"])] for each in drawn]
    assert answered(*arguments)["sample"] == drawn
    assert answered(*arguments[:-1], "4")["sample"] != drawn


def test_the_nearest_changes_as_little_as_possible(nets: str, fitting: list[fc.Config]) -> None:
    start = {"width": 96, "act": "relu", "batch": 40}
    near = [text for name, value in start.items() for text in ("--near", f"{name}={value}")]
    answer = answered("solve", f"{nets}:net", *LIMIT, *near)
    config = fc.Config(**answer["config"])
    assert config in fitting
    assert answer["start"] == start
    changed = [sum(each[name] != value for name, value in start.items()) for each in fitting]
    assert len(answer["changed"]) == min(changed)
    assert answer["costs"]["flops"] == answer["values"]["flops"] <= 500_000
    result = run("solve", f"{nets}:net", *LIMIT, *near)
    assert result.exit_code == 0
    for name in answer["changed"]:
        assert [name, str(start[name]), "->", str(answer["config"][name])] in [
            line.split() for line in result.stdout.splitlines()
        ]


def test_what_is_set_need_not_be_written_again_and_what_fits_is_kept(nets: str) -> None:
    bounds = ("--set", "act=glu", "--set", "batch=4")
    result = run("solve", f"{nets}:net", *LIMIT, *bounds, "--near", "width=48")
    assert result.exit_code == 0
    assert "width=48, act='glu', batch=4, proved" in result.stdout
    assert "nothing is changed" in result.stdout


def test_ranges_are_the_ends_of_what_keeps_the_limits(nets: str, fitting: list[fc.Config]) -> None:
    answer = answered("solve", f"{nets}:net", *LIMIT, "--ranges")
    assert answer["verdict"] == "ranges"
    for name in ("width", "batch"):
        values = [each[name] for each in fitting]
        assert answer["ranges"][name] == [min(values), max(values)]
    assert answer["ranges"]["act"] == ["relu", "glu"]
    result = run("solve", f"{nets}:net", *LIMIT, "--ranges")
    assert result.exit_code == 0
    low, high = answer["ranges"]["width"]
    assert ["width", str(low), "to", str(high)] in [line.split() for line in result.stdout.splitlines()]


NEAR = ("--near", "width=8", "--near", "act=glu", "--near", "batch=2")


@pytest.mark.parametrize("asked", [("--count",), ("--sample", "3"), NEAR, ("--ranges",)])
def test_where_none_keeps_the_limits_the_exit_code_is_1_and_the_conflict_is_shown(
    nets: str, asked: tuple[str, ...]
) -> None:
    result = run("solve", f"{nets}:net", *NOTHING, *asked)
    assert result.exit_code == 1, result.output
    assert "in conflict, and no fewer" in result.stdout
    assert "parameters <= 3" in result.stdout
    answer = answered("solve", f"{nets}:net", *NOTHING, *asked)
    assert [each["text"] for each in answer["conflict"]["demands"]] == ["parameters <= 3"]


@pytest.mark.parametrize("asked", [("--count",), ("--sample", "3"), NEAR, ("--ranges",)])
def test_where_time_runs_out_the_exit_code_is_3(nets: str, asked: tuple[str, ...]) -> None:
    arguments = ("solve", f"{nets}:net", *LIMIT, *asked, "--time-limit", "1e-9")
    result = run(*arguments)
    assert result.exit_code == 3, result.output
    assert "the time limit of 1e-09 s is over" in result.stdout
    assert answered(*arguments)["reason"] == "the time limit of 1e-09 s is over"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--count", "--ranges", *LIMIT),
            "write one of --maximize, --minimize, --count, --sample, --near",
        ),
        (("--count", "--maximize", "flops", *LIMIT), "write one of --maximize, --minimize"),
        (("--count",), "--count is about limits; add --limit 'flops <= 1 PFLOP'"),
        (("--ranges", "--seed", "3", *LIMIT), "--seed is about a sample; add --sample 10"),
        (("--sample", "0", *LIMIT), "0 is not in the range x>=1"),
        (("--near", "width=8", *LIMIT), "--near is about one setting; add --near act=... --near batch=..."),
        (("--near", "width", *LIMIT), "--near width: write name=value"),
        (("--near", "width=8", "--near", "width=16", *LIMIT), "--near width=16: width is set twice"),
        (("--near", "width=8:16", *LIMIT), "--near width=8:16: write one value, such as --near width=8"),
        (("--near", "widht=8", *LIMIT), "the space has no widht; did you mean width?"),
        (("--near", "width=13", *NEAR[2:], *LIMIT), "13 is not in Int(8, 96, step=8); nearest: 8 and 16"),
        (("--count", "--limit", "flop <= 3 FLOP"), "there is no quantity flop; did you mean flops?"),
    ],
)
def test_a_wrong_question_about_all_settings_is_one_message(
    nets: str, arguments: tuple[str, ...], message: str
) -> None:
    result = run("solve", f"{nets}:net", *arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not result.stdout


def test_a_float_is_to_be_fixed_where_settings_are_counted(nets: str) -> None:
    limit = ("--limit", "parameters <= 1 k")
    result = run("solve", f"{nets}:dropped", *limit, "--count")
    assert result.exit_code == 2
    assert "rate has infinitely many values" in result.stderr
    answer = answered("solve", f"{nets}:dropped", *limit, "--count", "--set", "rate=0.5")
    assert answer["lower"] == sum(width * width + width <= 1000 for width in range(8, 97, 8))
