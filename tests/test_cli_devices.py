"""A GPU that is named means the same to every command, to pytest and in Python: its own operators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import fxcost as fc
from fxcost.devices import find
from fxcost.targets import load
from tests.commands import answered, file_of, run

pytest_plugins = ["pytester"]

NETS = """
import torch, fxcost as fc

SPACE = fc.Space(width=fc.Int(8, 2048), batch=fc.Int(2, 65536))

@fc.model(space=SPACE, example=lambda batch, width: torch.zeros(batch, width))
def net(width):
    return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.Dropout(), torch.nn.Linear(width, 4))

@fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(5, batch, 8))
def recurrent():
    return torch.nn.LSTM(8, 8)
"""
SETTING = {"width": 512, "batch": 4096}
SET = (
    "--training",
    "sgd",
    *(part for name, value in SETTING.items() for part in ("--set", f"{name}={value}")),
)


@pytest.fixture
def nets(tmp_path: Path) -> Iterator[str]:
    with file_of(tmp_path / "nets_of_devices.py", NETS) as path:
        yield path


@pytest.fixture
def peaks(nets: str) -> tuple[int, int]:
    """Return the peak of a setting with the operators of a CPU, and with those of a GPU."""
    recipe, net = fc.Training(torch.optim.SGD), load(f"{nets}:net")
    on_cpu, on_gpu = (fc.cost(net, training=recipe, device=device) for device in ("cpu", "rtx-4090"))
    return on_cpu.peak_memory(**SETTING), on_gpu.peak_memory(**SETTING)


@pytest.mark.parametrize("command", [("cost",), ("check", "--limit", "flops <= 1 PFLOP")])
def test_each_command_counts_the_operators_of_the_gpu_that_is_named(nets, peaks, command):
    name, *more = command
    told = [
        answered(name, f"{nets}:net", *SET, *more, *device)["quantities"]["peak_memory"]["value"]
        for device in ((), ("--device", "rtx-4090"))
    ]
    assert tuple(told) == peaks
    assert peaks[0] != peaks[1]


def test_solve_and_regions_count_them_too(nets, peaks):
    limit = ("--maximize", "batch", "--limit", f"peak_memory <= {peaks[1]} B")
    asked = ("solve", f"{nets}:net", "--training", "sgd", "--set", "width=512", *limit)
    found = [answered(*asked, *device)["value"] for device in ((), ("--device", "rtx-4090"))]
    assert found[0] < found[1] == SETTING["batch"]
    regions = ("regions", f"{nets}:net", "--training", "sgd", "--of", "peak_memory")
    assert run(*regions).stdout != run(*regions, "--device", "rtx-4090").stdout


def test_a_check_says_whose_operators_it_has_counted(nets):
    printed = run("check", f"{nets}:net", "--device", "a100-80gb").stdout
    assert "no gradients), on a100-80gb" in printed
    assert "with the operators PyTorch picks on a100-80gb" in " ".join(printed.split())
    printed = run("check", f"{nets}:net", "--limit", "flops <= 1 PFLOP").stdout
    assert "with the operators PyTorch picks on a CPU" in " ".join(printed.split())


def test_recurrent_layers_are_those_of_cudnn_and_a_missing_device_is_asked_for(nets):
    printed = run("cost", f"{nets}:recurrent", "--device", "rtx-4090").stdout
    assert "8393216" in printed  # 8 MiB of workspace among them
    assert "such as --device rtx-4090" in run("memory", f"{nets}:net").stderr


def test_gpus_of_one_compute_capability_share_a_trace():
    @fc.model(width=fc.Int(8, 64), example=lambda width: torch.zeros(512, width))
    def net(width):
        return torch.nn.Linear(width, width)

    cost = fc.cost(net, device="NVIDIA GeForce RTX 4090")
    assert cost.device == "rtx-4090"
    assert cost.gpu_memory(width=8).card.device == find("rtx-4090")
    by_card = {name: cost.gpu_memory(name, width=8) for name in ("l4", "a100-80gb")}
    assert {term.basis for term in by_card["l4"].terms if term.name == "parameter"} == {"exact"}
    assert {term.basis for term in by_card["a100-80gb"].terms if term.name == "parameter"} == {
        "exact, on rtx-4090"
    }


TESTS = """
import pytest
from nets_of_devices import net, fc, torch

@pytest.mark.limit_cost(net, device="rtx-4060")
def test_that_fits():
    pass

@pytest.mark.limit_cost(net, device="rtx-4060", training=fc.Training(torch.optim.SGD), peak_memory={peak},
                        where={setting})
def test_that_is_within_what_a_gpu_takes():
    pass

@pytest.mark.limit_cost(net, training=fc.Training(torch.optim.SGD), peak_memory={peak}, where={setting})
def test_that_is_beyond_it_on_a_cpu():
    pass
"""


def test_a_marker_with_a_gpu_is_about_its_memory_and_its_operators(pytester, monkeypatch, nets, peaks):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p fxcost.pytest_plugin -p no:cacheprovider --strict-markers")
    monkeypatch.syspath_prepend(str(Path(nets).parent))
    pytester.makepyfile(TESTS.format(peak=peaks[1], setting=SETTING))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=2, failed=1)
    assert "test_that_is_beyond_it_on_a_cpu" in result.stdout.str()
    pytester.makepyfile(test_wrong=TESTS.format(peak=1, setting=SETTING).replace("rtx-4060", "rtx-4061"))
    assert "did you mean rtx-4060" in pytester.runpytest_inprocess("test_wrong.py").stderr.str()
