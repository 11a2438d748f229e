"""A command asked again answers at once, in the same words, until something that it follows from changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = "import sys; sys.argv[0] = 'fxcost'; from fxcost.cli import main; main()"
NET = """
import json
import torch
import fxcost as fc

most = json.load(open("most.json"))

@fc.model(width=fc.Int(1, most), example=lambda: torch.zeros(2, 3))
def net(width):
    return torch.nn.Linear(3, width)
"""
QUESTION = ("solve", "net.py:net", "--maximize", "parameters", "--limit", "parameters <= 1000")
AGAIN = "answered before"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "net.py").write_text(NET)
    (folder / "most.json").write_text("64")
    (folder / "cache").mkdir()
    return folder


def asked(project: Path, *question: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, that tells of each module it imports."""
    given = {"FXCOST_CACHE": str(project / "cache"), "PYTHONPATH": str(ROOT), "PYTHONPROFILEIMPORTTIME": "1"}
    return subprocess.run(
        [sys.executable, "-c", START, *question],
        cwd=project,
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
    )


def answers(project: Path) -> list[Path]:
    """Return the files that hold an answer."""
    files = sorted((project / "cache").iterdir())
    return [file for file in files if file.read_text().startswith('{"fxcost answer"')]


def test_it_answers_again_without_importing_torch_until_something_changes(project: Path) -> None:
    first = asked(project, *QUESTION)
    assert first.returncode == 0
    assert "width=64" in first.stdout
    assert AGAIN not in first.stderr

    again = asked(project, *QUESTION)
    assert AGAIN in again.stderr
    assert " torch" not in again.stderr
    assert (again.returncode, again.stdout) == (first.returncode, first.stdout)

    (file,) = answers(project)
    file.write_text(file.read_text()[:-40])
    (project / "most.json").write_text("32")
    changed = asked(project, *QUESTION)
    assert "cannot be used: it is not as it was written" in changed.stderr
    assert "width=32" in changed.stdout

    (project / "most.json").write_text("16")
    changed = asked(project, *QUESTION)
    assert AGAIN not in changed.stderr
    assert "width=16" in changed.stdout


def test_a_wrong_question_is_not_kept(project: Path) -> None:
    before = answers(project)
    wrong = asked(project, "check", "net.py:none", "--limit", "parameters <= 3")
    assert wrong.returncode == 2
    assert answers(project) == before
