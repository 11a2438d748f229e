"""`fxcost memory`, end to end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fxcost.errors import DeclarationError, MissingPackageError
from fxcost.report.timeline import draw
from tests.commands import answered, file_of, run

NETS = """
import torch, fxcost as fc

SPACE = fc.Space(width=fc.Int(8, 65536), batch=fc.Int(2, 4096))

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def net(width):
    return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.GELU(), torch.nn.Linear(width, width))
"""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[list[str]]:
    with file_of(tmp_path / "nets_on_gpus.py", NETS) as path:
        yield ["memory", f"{path}:net", "--training", "sgd", "--device", "rtx-4090", "--set", "batch=4"]


def test_a_setting_that_fits_ends_with_0_and_its_terms_add_up(net: list[str]) -> None:
    result = run(*net, "--set", "width=512")
    assert result.exit_code == 0
    assert "fits on NVIDIA GeForce RTX 4090" in result.stdout
    memory = answered(*net, "--set", "width=512")["gpu_memory"]
    assert sum(term["bytes"] for term in memory["terms"]) == memory["shown"]


def test_a_setting_that_does_not_fit_ends_with_1(net: list[str]) -> None:
    result = run(*net, "--set", "width=65536")
    assert (result.exit_code, "does not fit on" in result.stdout) == (1, True)


def test_settings_left_open_are_named(net: list[str]) -> None:
    result = run(*net)
    assert result.exit_code == 2
    assert "add --set width=..." in result.stderr


def test_the_largest_value_that_fits_is_found(net: list[str]) -> None:
    found = answered(*net, "--largest", "width")["largest"]
    assert found["memory"]["fit"] == "fits"
    assert found["next"]["fit"] != "fits"
    assert found["next"]["config"]["width"] == found["largest"] + 1
    assert found["largest"] < found["certain"]
    assert "is the largest that fits" in run(*net, "--largest", "width").stdout
    assert "add --set width=..." in run(*net[:-2], "--largest", "batch").stderr


def test_files_for_viewers_are_written(net: list[str], tmp_path: Path) -> None:
    files = {"picture": "two.svg", "snapshot": "two.pickle", "trace": "two.json"}
    written = [part for name, file in files.items() for part in (f"--{name}", str(tmp_path / file))]
    assert run(*net, "--set", "width=512", *written).exit_code == 0
    picture = (tmp_path / "two.svg").read_text()
    assert all(f"<!-- {name} -->" in picture for name in ("reserved", "parameter", "step 2: backward"))
    assert (tmp_path / "two.pickle").read_bytes().startswith(b"\x80\x04")
    assert json.loads((tmp_path / "two.json").read_text())["traceEvents"]


def test_the_allocators_settings_are_read(net: list[str]) -> None:
    usual, rounded = (
        answered(*net, "--set", "width=3000", "--allocator", conf)["gpu_memory"]["reserved"]
        for conf in ("", "roundup_power2_divisions:2")
    )
    assert rounded > usual
    assert "max_split_size_mb" in run(*net, "--set", "width=512", "--allocator", "max_split_mb:8").stderr


def test_a_picture_of_another_kind_or_without_matplotlib_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeclarationError, match=r"two\.gif: write a file that ends in \.png, \.svg, \.pdf"):
        draw(None, "two.gif")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match="fxcost\\[pictures\\]"):
        draw(None, "two.svg")  # type: ignore[arg-type]


def test_inverse_questions_are_answered(net: list[str]) -> None:
    without_device = [part for part in net if part not in ("--device", "rtx-4090")]
    setting = ("--set", "width=40000")
    card = answered(*without_device, *setting, "--smallest-card")["smallest_card"]
    assert card["tried"][-1]["device"] == card["smallest"] == "rtx-5090"
    least = answered(*net, "--set", "width=512", "--least-checkpointing")["least_checkpointing"]
    assert (least["modules"], least["least"]["modules"]) == (["0", "1", "2"], [])
    relaxed = run(*net, *setting, "--relax")
    assert (relaxed.exit_code, "as it is: does not fit" in relaxed.stdout) == (1, True)
    assert any(
        line.split()[0].startswith("width=") for line in relaxed.stdout.splitlines() if "of room" in line
    )
    both = run(*net, *setting, "--relax", "--smallest-card")
    assert "--smallest-card and --relax are several questions" in both.stderr
    assert "add --set width=..." in run(*net, "--relax").stderr


def test_a_file_of_overheads_is_read(net: list[str], tmp_path: Path) -> None:
    row = {"name": "CUDA context", "bytes": "2 GiB", "place": "device", "per": "process", "lasts": "on"}
    row |= {"basis": "measured", "source": "this test"}
    lines = ["[[overhead]]", *(f"{name} = {json.dumps(value)}" for name, value in row.items())]
    (tmp_path / "own.toml").write_text("\n".join(lines))
    own, usual = (
        answered(*net, "--set", "width=512", *more)["gpu_memory"]
        for more in (("--overheads", str(tmp_path / "own.toml")), ())
    )
    assert usual["usable"] - own["usable"] == own["shown"] - usual["shown"] == (2048 - 426) * 2**20
    missing = run(*net, "--set", "width=512", "--overheads", str(tmp_path / "none.toml"))
    assert (missing.exit_code, "none.toml: cannot be read" in missing.stderr) == (2, True)
