from __future__ import annotations

import copy
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from fxcost import devices
from fxcost.devices.catalogue import DTYPES
from fxcost.errors import DeclarationError, UnknownDeviceError

CARD = """
[lab-card]
memory = "16 GiB"
bandwidth = "500 GB/s"
peaks = { fp32 = "10 TFLOP/s", bf16 = 4e13 }
compute_capability = "8.6"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "cards.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("device", devices.catalogue(), ids=lambda device: device.name)
def test_a_device_is_complete_and_plausible(device: devices.Device) -> None:
    assert set(device.peaks) <= set(DTYPES)
    assert 1e9 < device.memory < 1e12
    assert 1e11 < device.bandwidth < 1e13
    assert all(1e13 <= peak < 1e16 or device.name == "t4" for peak in device.peaks.values())
    assert device.generation
    assert device.source
    assert device.memory_source.startswith("nvidia-smi")


@pytest.mark.parametrize("device", devices.catalogue(), ids=lambda device: device.name)
def test_narrower_types_are_never_slower(device: devices.Device) -> None:
    widths = ("fp32", "tf32", "fp16", "fp8", "int8")
    speeds = [device.peaks[dtype] for dtype in widths if dtype in device.peaks]
    assert speeds == sorted(speeds)
    assert device.peaks.get("bf16") in (None, device.peaks.get("fp16"))


@pytest.mark.parametrize("device", devices.catalogue(), ids=lambda device: device.name)
def test_a_type_is_listed_where_the_architecture_has_it(device: devices.Device) -> None:
    capability = device.compute_capability
    assert ("tf32" in device.peaks) == ("bf16" in device.peaks) == (capability >= (8, 0))
    assert ("fp8" in device.peaks) == (capability >= (8, 9))


@pytest.mark.parametrize(
    ("name", "rate", "multiprocessors", "clock"),
    [
        ("b200", 8192, 148, 1.86e9),
        ("h100-sxm", 4096, 132, 1.83e9),
        ("a100-80gb", 2048, 108, 1.41e9),
        ("a40", 1024, 84, 1.74e9),
        ("rtx-a6000", 1024, 84, 1.8e9),
        ("t4", 1024, 40, 1.59e9),
        ("v100-32gb", 1024, 80, 1.53e9),
        ("rtx-5090", 512, 170, 2.407e9),
        ("rtx-4090", 512, 128, 2.52e9),
        ("rtx-4060", 512, 24, 2.46e9),
        ("rtx-3090", 512, 82, 1.695e9),
        ("rtx-3060", 512, 28, 1.777e9),
    ],
)
def test_half_peaks_are_dense_tensor_core_rates(
    name: str, rate: int, multiprocessors: int, clock: float
) -> None:
    expected = rate * multiprocessors * clock
    assert devices.find(name).peaks["fp16"] == pytest.approx(expected, rel=0.01)


def test_memory_is_what_a_driver_reports() -> None:
    assert devices.find("rtx-4090").memory == 24564 * 2**20
    assert devices.find("h100-sxm").memory == 85_520_809_984
    assert devices.find("a10").memory == 24_146_608_128


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rtx-4090", "rtx-4090"),
        ("RTX 4090", "rtx-4090"),
        ("rtx4090", "rtx-4090"),
        ("GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("Tesla T4", "t4"),
    ],
)
def test_a_device_is_found_by_any_of_its_names(name: str, found: str) -> None:
    assert devices.find(name).name == found


def test_names_are_told_apart() -> None:
    names = [name for device in devices.catalogue() for name in (device.name, device.full_name)]
    assert len(set(names)) == len(names)
    assert all(devices.find(device.full_name) == device for device in devices.catalogue())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtx-4091", 'no device is named "rtx-4091": did you mean rtx-4090, rtx-5090, rtx-4060?'),
        ("V100", 'no device is named "V100": did you mean v100-32gb, v100-16gb?'),
        ("tpu", 'no device is named "tpu": the devices are b200, h200, h100-sxm, '),
        ("", 'no device is named "": the devices are b200, h200, '),
    ],
)
def test_an_unknown_device_says_which_names_are_near(name: str, message: str) -> None:
    with pytest.raises(UnknownDeviceError) as caught:
        devices.find(name)
    assert str(caught.value).startswith(message)


def test_a_file_adds_devices(tmp_path: Path) -> None:
    file = written(tmp_path, CARD)
    card = devices.find("lab-card", file=file)
    assert (card.memory, card.bandwidth, dict(card.peaks)) == (
        2**34,
        5 * 10**11,
        {"fp32": 10**13, "bf16": 4 * 10**13},
    )
    assert card.compute_capability == (8, 6)
    assert card.source == f"{file}: [lab-card]"
    assert devices.find(f"{file}:lab-card") == card
    assert devices.find("rtx-4090", file=file) == devices.find("rtx-4090")
    assert devices.catalogue(file)[0] == card
    assert len(devices.catalogue(file)) == len(devices.catalogue()) + 1


def test_a_file_replaces_devices(tmp_path: Path) -> None:
    file = written(tmp_path, CARD.replace("lab-card", "rtx-4090"))
    assert devices.find("rtx-4090", file=file).memory == 2**34
    assert len(devices.catalogue(file)) == len(devices.catalogue())


PEAKS = '{ fp32 = "10 TFLOP/s", bf16 = 4e13 }'


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"16 GiB"', '"16 G"', 'memory: "16 G" is ambiguous: write "16 GB" (16,000,000,000 bytes) or '),
        ('memory = "16 GiB"', "", "memory is missing"),
        ("memory", "memroy", "unknown memroy; write some of full_name, "),
        ('"500 GB/s"', '"500 GB"', 'bandwidth: "500 GB" is not per second; write, for example, "1008 GB/s"'),
        ("fp32", "fp33", "peaks: unknown dtype fp33; write some of fp32, tf32, fp16, bf16, fp8, int8"),
        ('"10 TFLOP/s"', '"10 GB/s"', 'peaks: "10 GB" is in bytes, and FLOP are asked for: write, '),
        (PEAKS, "3", "peaks: 3 is no table; write, for example, { fp32 ="),
        ('"8.6"', "8.6", 'compute_capability: 8.6 is no compute capability; write, for example, "8.9"'),
        ("[lab-card]", "[lab-card]\nsource = 3", "source: 3 is no text; write it in quotes"),
    ],
)
def test_a_wrong_field_is_refused_by_device_and_name(tmp_path: Path, old: str, new: str, fault: str) -> None:
    file = written(tmp_path, CARD.replace(old, new))
    with pytest.raises(DeclarationError) as caught:
        devices.catalogue(file)
    assert str(caught.value).startswith(f"{file}: [lab-card]: {fault}")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[lab-card", "no valid TOML: "),
        ("source = 3", "[source]: write a table of full_name, "),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(DeclarationError) as caught:
        devices.catalogue(file)
    assert str(caught.value).startswith(f"{file}: {fault}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"none\.toml: cannot be read: .*No such file"):
        devices.find("lab-card", file=tmp_path / "none.toml")


def test_a_device_is_a_value() -> None:
    card = devices.find("l4")
    assert pickle.loads(pickle.dumps(card)) == card == copy.deepcopy(card)
    assert hash(card) == hash(copy.deepcopy(card))
    assert asdict(card)["peaks"] == card.peaks
