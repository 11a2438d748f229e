"""The pytest plugin, in a pytest of its own: what passes, what fails, and what is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

import fxcost as fc
from fxcost import units
from fxcost.quantity import Quantity
from fxcost.report.terms import largest_terms
from fxcost.solve.effort import Effort

pytest_plugins = ["pytester"]

NET = """
import pytest, torch, fxcost as fc

@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
def net(width):
    return torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 4))
"""

TESTS = """
@pytest.mark.limit_cost(net, peak_memory="24 GiB", flops="2 PFLOP")
def test_that_holds():
    pass

@pytest.mark.limit_cost(net, parameters="10 k")
def test_that_holds_and_fails_itself():
    assert 1 == 2

@pytest.mark.limit_cost(net, peak_memory="1 KiB", where={"batch": (2, 4)})
def test_too_much_memory():
    raise RuntimeError("the body is not run")

@pytest.mark.limit_cost(net, peak_memory="1 KiB", flops="1 TFLOP", where={"batch": 2, "width": (8, 12)})
def test_that_holds_where_it_is_asked():
    pass

@pytest.mark.limit_cost(net, parameters=500, flops="10 kFLOP")
@pytest.mark.limit_cost(net, activations="1 KiB", training=fc.Training(torch.optim.SGD))
def test_several():
    pass

def test_assertion():
    assert fc.cost(net).peak_memory <= "1 KiB"

def test_assertion_that_holds():
    assert fc.cost(net).peak_memory <= "1 MiB"

def test_assertion_turned_round():
    cost = fc.cost(net)
    assert 500 >= cost.parameters

def test_limit_by_name():
    fits = fc.cost(net).peak_memory <= "1 KiB"
    assert fits, "too large"

def test_other_assertions_are_left_alone():
    assert fc.cost(net).parameters(width=8, batch=2) <= 3
"""


@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
def net(width: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 4))


@pytest.fixture(scope="module")
def cost() -> fc.Cost:
    return fc.cost(net)


@pytest.fixture
def plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, cost: fc.Cost) -> pytest.Pytester:
    """A folder to run pytest in; `cost` has loaded the modules that can be loaded only once in a process."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p fxcost.pytest_plugin -p no:cacheprovider --strict-markers")
    monkeypatch.setenv("PYTHONPATH", str(Path(fc.__file__).parents[1]))
    monkeypatch.delenv("CI", raising=False)
    return pytester


def inner(plugin: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process, which has imported torch already."""
    return plugin.runpytest_inprocess(*arguments)


def said_of_failures(output: str) -> dict[str, list[str]]:
    """Return the lines under each failed test's heading."""
    parts = re.split(r"^_+ (test_\w+) _+$", output, flags=re.MULTILINE)
    unmarked = [re.sub(r"^E +", "", part, flags=re.MULTILINE) for part in parts[2::2]]
    return dict(zip(parts[1::2], (text.splitlines() for text in unmarked), strict=True))


def require_explanation(lines: list[str], quantity: Quantity, bound: int) -> Mapping[str, int]:
    """Check what is said about a limit that does not hold, and return the counterexample."""
    heading = re.compile(rf"{quantity.name} <= .* does not hold at width=(\d+), batch=(\d+)")
    index, match = next((index, match) for index, line in enumerate(lines) if (match := heading.search(line)))
    config = {"width": int(match[1]), "batch": int(match[2])}
    value = quantity(**config)
    assert value > bound
    assert f"{quantity.name} is " in lines[index + 1]
    assert " too much" in lines[index + 1]
    terms = largest_terms(quantity, config)
    for term, line in zip(terms, lines[index + 2 :], strict=False):
        assert line.split("%")[0].split()[:-1] == units.format(term.amount, term.unit).split()
        assert term.operator.removesuffix(".default") in line
    return config


def test_hyperparameters_of_a_recipe_are_set_as_those_of_the_factory(plugin: pytest.Pytester) -> None:
    plugin.makepyfile(
        NET
        + """
DIVIDED = fc.Training(torch.optim.SGD, parallel=fc.Parallel(dp=fc.Choice(1, 2)))

@pytest.mark.limit_cost(net, peak_memory="1 GiB", training=DIVIDED, where={"dp": 2})
def test_that_holds():
    pass

@pytest.mark.limit_cost(net, peak_memory="1 KiB", training=DIVIDED, where={"dp": 2})
def test_too_much():
    pass
"""
    )
    result = plugin.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    assert "dp=2" in result.stdout.str()


def test_limits_hold_for_all_settings_or_fail_with_one(plugin: pytest.Pytester, cost: fc.Cost) -> None:
    plugin.makepyfile(NET + TESTS)
    result = plugin.runpytest_subprocess()
    result.assert_outcomes(passed=3, failed=7)
    said = said_of_failures(result.stdout.str())
    trained = fc.cost(net, training=fc.Training(torch.optim.SGD))

    config = require_explanation(said["test_too_much_memory"], cost.peak_memory, 1024)
    assert 2 <= config["batch"] <= 4
    assert not any("the body is not run" in line for line in said["test_too_much_memory"])
    require_explanation(said["test_several"], cost.parameters, 500)
    require_explanation(said["test_several"], cost.flops, 10_000)
    require_explanation(said["test_several"], trained.activations, 1024)
    require_explanation(said["test_assertion"], cost.peak_memory, 1024)
    require_explanation(said["test_assertion_turned_round"], cost.parameters, 500)
    require_explanation(said["test_limit_by_name"], cost.peak_memory, 1024)
    assert any("too large" in line for line in said["test_limit_by_name"])
    assert "assert 76 <= 3" in said["test_other_assertions_are_left_alone"]
    assert not any("does not hold" in line for line in said["test_that_holds_and_fails_itself"])


def test_what_pytest_shortens_is_shown_below(
    plugin: pytest.Pytester, cost: fc.Cost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("CI", "BUILD_NUMBER"):  # where one is set, pytest shortens nothing
        monkeypatch.delenv(variable, raising=False)
    folder = plugin.mkpydir(
        "a_folder_with_a_name_that_is_long_enough_for_lines_to_be_shortened" + "_by_far" * 9
    )
    (folder / "test_long.py").write_text(
        NET + "def test_assertion():\n    assert fc.cost(net).peak_memory <= '1 KiB'\n"
    )
    result = inner(plugin)
    result.assert_outcomes(failed=1)
    (lines,) = said_of_failures(result.stdout.str()).values()
    assert any(line.startswith("-") and " fxcost " in line for line in lines)
    below = lines[next(index for index, line in enumerate(lines) if " fxcost " in line) :]
    require_explanation(below, cost.peak_memory, 1024)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "missing 1 required positional argument: 'factory'"),
        ("peak_memory='24 GiB'", "missing 1 required positional argument: 'factory'"),
        ("net, where={}", "there is no limit; the quantities are parameters, "),
        ("net, '24 GiB'", "takes 1 positional argument but 2"),
        ("len, peak_memory='24 GiB'", "<built-in function len> is no factory decorated with @fc.model"),
        ("net, peek_memory='24 GiB'", "there is no quantity peek_memory; the quantities are parameters, "),
        ("net, peak_memory='24 G'", '"24 G" is ambiguous: write "24 GB"'),
        ("net, peak_memory='24 GiB', where={'depth': 3}", "the space has no depth"),
        ("net, peak_memory='24 GiB', where={'width': 3}", "3 is not in Int(8, 64)"),
        ("net, peak_memory='24 GiB', where='width'", "where='width' is no dict; write where="),
        (
            "net, peak_memory='24 GiB', training='adamw'",
            "training='adamw' is no fc.Training; write fc.Training(",
        ),
        ("net, peak_memory='24 GiB', time_limit=0", "time_limit=0 is no number of seconds"),
    ],
)
def test_wrong_arguments_are_a_usage_error_that_names_the_test(
    plugin: pytest.Pytester, arguments: str, message: str
) -> None:
    plugin.makepyfile(test_wrong=NET + f"@pytest.mark.limit_cost({arguments})\ndef test_it():\n    pass\n")
    result = inner(plugin)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (error,) = [line for line in result.stderr.lines if line.startswith("ERROR")]
    assert error.startswith("ERROR: test_wrong.py::test_it: limit_cost: ")
    assert message in error
    assert 'the form is limit_cost(gpt, peak_memory="24 GiB"' in error


def test_a_factory_that_raises_fails_the_test_with_its_line(plugin: pytest.Pytester) -> None:
    broken = NET.replace("return", "raise ValueError('no weights here')\n    return")
    plugin.makepyfile(broken + "@pytest.mark.limit_cost(net, flops='1 FLOP')\ndef test_it():\n    pass\n")
    result = inner(plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["limit_cost: *_with_its_line.py:5: ValueError: no weights here *"])


def test_what_stays_unknown_fails_with_the_reason(
    plugin: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(limit: fc.Limit, **question: object) -> fc.Unknown:
        assert question == {"time_limit": 60, "batch": (2, 4)}
        return fc.Unknown(str(limit), "the time limit is over", Effort(1, 60.0))

    monkeypatch.setattr(fc.Limit, "prove", unknown)
    mark = "@pytest.mark.limit_cost(net, flops='1 FLOP', time_limit=60, where={'batch': (2, 4)})"
    plugin.makepyfile(NET + mark + "\ndef test_it():\n    pass\n")
    result = inner(plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["flops <= 1 FLOP: unknown, the time limit is over *"])


def test_a_failure_that_is_expected_is_no_failure(plugin: pytest.Pytester) -> None:
    marks = "@pytest.mark.xfail(strict=True)\n@pytest.mark.limit_cost(net, parameters=3)\n"
    plugin.makepyfile(NET + marks + "def test_it():\n    pass\n")
    inner(plugin).assert_outcomes(xfailed=1)


def test_the_marker_is_described(plugin: pytest.Pytester) -> None:
    inner(plugin, "--markers").stdout.fnmatch_lines(["@pytest.mark.limit_cost(gpt, peak_memory=*"])


def test_nothing_but_pytest_is_imported_until_it_is_used(plugin: pytest.Pytester) -> None:
    plugin.makepyfile(
        """
        import sys

        def test_plain():
            heavy = {"torch", "sympy", "z3", "numpy", "rich", "click"} & sys.modules.keys()
            own = {name for name in sys.modules if name.startswith("fxcost.")}
            assert (heavy, own) == (set(), {"fxcost.pytest_plugin"})

        def test_that_fails():
            assert [1] <= [0]
        """
    )
    plugin.runpytest_subprocess().assert_outcomes(passed=1, failed=1)
