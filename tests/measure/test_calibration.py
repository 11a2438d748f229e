"""Calibration, over PyTorch's own CUDA code on a pretend CUDA and driver; on a real GPU where one is."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import fxcost as fc
from fxcost.cli import main
from fxcost.devices import find, overheads
from fxcost.errors import DeclarationError
from fxcost.gpu import Card
from fxcost.measure import Readings
from tests.oracles import pretend

MIB = 2**20
NAME = "NVIDIA GeForce RTX 4090"
READINGS = Readings(
    name=NAME,
    torch=torch.__version__,
    driver="580.105",
    total=24564 * MIB,
    visible=24080 * MIB,
    context=(300 * MIB, 410 * MIB),
    how="NVML, of the process",
    multiplied=8519680,
    multiplied_lt=(0, 0),
    convolutions={"a": 0.5, "b": 2.5, "c": 1.0},
)
over_pretend_cuda = pytest.mark.skipif(bool(pretend.missing()), reason=pretend.missing())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    READINGS.write(tmp_path / "card.toml")
    return tmp_path / "card.toml"


def test_what_was_measured_goes_before_what_is_forecast(file):
    card = Card(find("rtx-4090"), overheads=file)
    assert card.usable == (24080 - 410) * MIB
    assert (card.row("CUDA context").nbytes, str(card.row("CUDA context").basis)) == (410 * MIB, "measured")
    assert card.row("cuBLAS workspace").nbytes == 8519680
    assert card.row("convolution workspace, at most").times == 2.5
    assert "driver 580.105" in card.row("driver's share").source
    assert Card(find("rtx-4090")).usable == (24564 - 426) * MIB


def test_it_is_measured_for_one_architecture_and_one_release_of_torch(file):
    assert Card(find("a100-80gb"), overheads=file).usable == Card(find("a100-80gb")).usable
    other = Card(find("l4"), overheads=file, release="2.1.0")
    assert str(other.row("CUDA context").basis) == "forecast"


def test_a_cost_is_of_the_calibrated_card(file):
    @fc.model(width=fc.Int(8, 4096), example=lambda width: torch.zeros(512, width))
    def net(width):
        return torch.nn.Linear(width, width)

    memory = fc.cost(net, device=Card(find("rtx-4090"), overheads=file)).gpu_memory(width=2048)
    terms = {term.name: term for term in memory.terms}
    assert (terms["CUDA context"].nbytes, terms["CUDA context"].basis) == (410 * MIB, "measured")
    assert memory.shown == memory.reserved + 410 * MIB


def test_every_file_that_is_cut_short_or_changed_is_refused(file, tmp_path):
    text = file.read_bytes()
    assert overheads(file)[0].name == "CUDA context"
    for length in range(1, len(text), 7):
        part = tmp_path / "part.toml"
        part.write_bytes(text[:length])
        with pytest.raises(DeclarationError, match=r"part\.toml: "):
            overheads(part)
    part.write_bytes(text.replace(b"410", b"411").replace(str(410 * MIB).encode(), b"411"))
    with pytest.raises(DeclarationError, match="cut short or changed"):
        overheads(part)


def test_who_changes_it_takes_its_first_line_away(file):
    _, _, rest = file.read_text().partition("\n")
    file.write_text(rest.replace(f"bytes = {410 * MIB}", 'bytes = "1 GiB"'))
    assert Card(find("rtx-4090"), overheads=file).row("CUDA context").nbytes == 2**30


def test_a_gpu_outside_the_catalogue_is_measured_for_all_architectures():
    rows = dataclasses.replace(READINGS, name="A GPU of tomorrow").rows()
    assert all("generation" not in row for row in rows)


def test_a_release_that_keeps_a_workspace_for_a_call_only_is_understood():
    called = dataclasses.replace(READINGS, multiplied_lt=(0, MIB))
    kept = dataclasses.replace(READINGS, multiplied_lt=(MIB, MIB))
    found = [
        next((row["bytes"], row["lasts"]) for row in each.rows() if row["name"] == "cuBLASLt workspace")
        for each in (READINGS, called, kept)
    ]
    assert found == [(0, "on"), (MIB, "call"), (MIB, "on")]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_is_refused(tmp_path):
    done = CliRunner().invoke(main, ["calibrate", "--output", str(tmp_path / "card.toml")])
    assert done.exit_code == 2
    assert "sees no NVIDIA GPU on this machine; run it where one is" in done.stderr
    assert not list(tmp_path.iterdir())


@over_pretend_cuda
@pytest.mark.parametrize("process", ["own", "container", "hidden"])
def test_a_pretend_gpu_is_calibrated(tmp_path, process):
    pretended = {"context": 300 * MIB, "share": 400 * MIB, "others": 50 * MIB, "name": NAME}
    code, printed, error = pretend.called(
        "tests.measure.over_pretend_cuda:command",
        ["calibrate", "--json", "--output", str(tmp_path / "card.toml")],
        total=24164 * MIB,
        process=process,
        **pretended,
    )
    assert code == 0, error
    found = {row["name"]: row for row in json.loads(printed)["overheads"]}
    assert found["CUDA context"]["bytes"] == 300 * MIB
    assert found["driver's share"]["bytes"] == 400 * MIB
    assert found["cuBLAS workspace"]["bytes"] == 8519680
    assert found["cuBLASLt workspace"]["bytes"] == Card(find("rtx-4090")).row("cuBLASLt workspace").nbytes
    assert ("more than before" in found["CUDA context"]["note"]) is (process == "hidden")
    card = Card(find("rtx-4090"), overheads=tmp_path / "card.toml")
    assert card.usable == (24164 - 300) * MIB


@over_pretend_cuda
def test_a_process_that_has_used_the_gpu_is_refused(tmp_path):
    code, _, error = pretend.called(
        "tests.measure.over_pretend_cuda:after_use", ["calibrate", "--output", str(tmp_path / "card.toml")]
    )
    assert (code, "has used the GPU before; ask in a new one" in error) == (2, True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_real_gpu_is_calibrated(tmp_path):
    program = "from fxcost.cli import main; main()"
    command = [sys.executable, "-c", program, "calibrate", "--json", "--output", str(tmp_path / "card.toml")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = {row["name"]: row for row in json.loads(done.stdout)["overheads"]}
    assert 100 * MIB < found["CUDA context"]["bytes"] < 2048 * MIB
    assert 0 <= found["driver's share"]["bytes"] < torch.cuda.mem_get_info()[1] / 10
    assert found["cuBLAS workspace"]["bytes"] == fc.Card.of("rtx-4090").row("cuBLAS workspace").nbytes or (
        torch.cuda.get_device_capability()[0] >= 9
    )
    assert overheads(tmp_path / "card.toml")[0].name == "CUDA context"
