from __future__ import annotations

from pathlib import Path

import pytest

from fxcost import devices
from fxcost.devices import Basis, Place, overhead
from fxcost.errors import DeclarationError

MIB = 2**20
OWN = """
[[overhead]]
name = "CUDA context"
bytes = "413 MiB"
place = "device"
per = "process"
lasts = "on"
generation = ["Ada"]
basis = "measured"
source = "nvidia-smi of my card"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "row", devices.overheads(), ids=lambda row: f"{row.name} {row.since} {row.generations}"
)
def test_every_row_says_where_it_is_from(row: devices.Overhead) -> None:
    assert (row.source == "none found") <= (row.basis is Basis.FORECAST)
    assert row.source == "none found" or "." in row.source
    assert (row.basis is Basis.MEASURED) <= bool(row.measured or row.name.startswith("NCCL"))
    assert row.lasts in ("on", "call")
    assert 0 <= row.nbytes < 2**31
    assert (row.nbytes == 0) or (row.times == 0)


@pytest.mark.parametrize("device", devices.catalogue(), ids=lambda device: device.name)
@pytest.mark.parametrize("torch", ["1.12.1", "2.0", "2.5.1+cu124", "2.14.1"])
def test_every_device_and_release_has_a_row_of_every_name(device: devices.Device, torch: str) -> None:
    for name in {row.name for row in devices.overheads()}:
        assert overhead(name, torch=torch, generation=device.generation).applies(torch, device.generation)


def test_workspaces_are_those_of_the_formulas_in_torchs_source() -> None:
    small, large = 4096 * 1024 * 2 + 16 * 1024 * 8, 4096 * 8 * 1024
    table = [("2.0", "Hopper", large), ("2.0", "Blackwell", small), ("2.14.1", "Blackwell", large)]
    table += [("2.14.1", "Ada", small), ("2.14.1", "Hopper", large)]
    for torch, generation, nbytes in table:
        found = overhead("cuBLAS workspace", torch=torch, generation=generation)
        assert (found.nbytes, found.place, found.basis) == (nbytes, Place.ALLOCATOR, Basis.SOURCE_CODE)


def test_cublaslt_shares_cublass_workspace_in_new_releases() -> None:
    sizes = [
        overhead("cuBLASLt workspace", torch=torch, generation="Ada") for torch in ("2.8", "2.11", "2.14")
    ]
    assert [(each.nbytes, each.lasts) for each in sizes] == [(MIB, "call"), (MIB, "on"), (0, "on")]


def test_a_reading_of_another_release_is_a_forecast() -> None:
    at = {torch: overhead("CUDA context", torch=torch, generation="Ada") for torch in ("2.10.1", "2.11")}
    assert [str(at[torch].basis) for torch in at] == ["measured", "forecast"]


def test_a_users_rows_go_before_the_built_in_ones(tmp_path: Path) -> None:
    file = written(tmp_path, OWN)
    assert overhead("CUDA context", torch="2.14", generation="Ada", file=file).nbytes == 413 * MIB
    assert overhead("CUDA context", torch="2.10", generation="Ampere", file=file).nbytes == 256 * MIB


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('bytes = "413 MiB"', 'bytes = "413 MiBB"'), r"overhead 1: bytes: "),
        (('place = "device"', 'place = "host"'), '"host": write one of allocator, device'),
        (('basis = "measured"', 'basis = "guess"'), '"guess": write one of source code, documented'),
        (('per = "process"\n', ""), "per is missing"),
        (('bytes = "413 MiB"\n', ""), "one of bytes and times is missing"),
        (('lasts = "on"', 'last = "on"'), "unknown last; write some of name"),
        (('per = "process"', "per = 1"), "per: write a text in quotes"),
        (('lasts = "on"', 'lasts = "on"\nsince = "two"'), r'since: "two" is no torch release; write'),
        (('generation = ["Ada"]', 'generation = "Ada"'), "generation: 'Ada': write a list"),
        (('bytes = "413 MiB"', 'times = "2"'), "times: '2': write a number"),
        (("[[overhead]]", "[overhead]"), r"write tables \[\[overhead\]\]"),
        (("[[overhead]]", "[[overhead"), "no valid TOML"),
    ],
)
def test_a_wrong_file_is_told_by_row_and_field(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = written(tmp_path, OWN.replace(*change))
    with pytest.raises(DeclarationError, match=message) as raised:
        devices.overheads(file)
    assert "mine.toml" in str(raised.value)


def test_what_is_not_in_the_table_is_told() -> None:
    with pytest.raises(DeclarationError, match='no overhead is named "context"; there are CUDA context'):
        overhead("context", torch="2.14", generation="Ada")
    with pytest.raises(DeclarationError, match="no torch release"):
        overhead("CUDA context", torch="nightly", generation="Ada")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="cannot be read"):
        devices.overheads(tmp_path / "none.toml")
