"""README's examples run and show real output."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxcost.cli import main

README = Path(__file__).resolve().parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def test_its_sessions_show_what_python_prints():
    results = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert results.attempted >= 10
    assert results.failed == 0


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.partition("\n")[0])
def test_its_console_sessions_show_what_the_command_prints(block, monkeypatch):
    monkeypatch.chdir(README.parent)
    monkeypatch.setenv("COLUMNS", "110")
    command, _, shown = block.partition("\n")
    printed = CliRunner().invoke(main, shlex.split(command.removeprefix("$ fxcost "))).stdout
    assert untimed(printed) == untimed(shown)


def untimed(text: str) -> str:
    return re.sub(r"[\d.]+ s\b", "_ s", text).strip()


def test_its_set_up_is_what_ci_runs():
    script = (README.parent / ".ci" / "run").read_text()
    for command in blocks("bash"):
        for part in command.strip().split(" && "):
            assert part in script
