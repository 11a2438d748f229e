"""What a process read and did is heard, so that no answer is kept that follows from more than files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

START = """
import json, os, pathlib, sys, time, warnings
from fxcost.answers import Recording
recording = Recording(pathlib.Path("cache"))
time.sleep(0.05)  # files written before are older
recording.start()
"""
END = """
footing = recording.footing()
print(json.dumps([footing and footing.as_record(), recording.warned]))
"""


def recorded(folder: Path, code: str) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the footing of some code's answer, and what it warned of; it runs in a process of its own."""
    (folder / "data.txt").write_text("3")
    (folder / "layers.py").write_text("WIDTH = 3\n")
    done = subprocess.run(
        [sys.executable, "-c", START + dedent(code) + END],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    footing, warned = json.loads(done.stdout.splitlines()[-1])
    return footing, warned


def test_files_opened_and_modules_imported_are_what_an_answer_follows_from(tmp_path: Path) -> None:
    footing, _ = recorded(tmp_path, "import layers; open('data.txt').read()")
    assert footing is not None
    assert {str(tmp_path / name) for name in ("data.txt", "layers.py")} <= footing["read"].keys()


def test_a_file_that_is_not_there_is_part_of_it(tmp_path: Path) -> None:
    code = """
    try: open("none.json")
    except FileNotFoundError: print("none")
    """
    footing, _ = recorded(tmp_path, code)
    assert footing is not None
    assert footing["read"][str(tmp_path / "none.json")] == ""


@pytest.mark.parametrize(
    "code",
    [
        "open('report.txt', 'w').close()",
        "open('report.part', 'w').close(); os.replace('report.part', 'report.txt')",
        "import subprocess; subprocess.run(['true'], check=True)",
        "os.system('true')",
        "import socket; socket.getaddrinfo('127.0.0.1', 80)",
        "open('data.txt').read(); open('data.txt', 'a').close()",
        "pathlib.Path('layers.py').write_text('WIDTH = 4'); import layers",
    ],
)
def test_an_answer_of_a_process_that_did_more_than_read_is_not_kept(tmp_path: Path, code: str) -> None:
    assert recorded(tmp_path, code) == (None, [])


def test_a_file_that_is_gone_at_the_end_and_files_of_the_cache_do_not_matter(tmp_path: Path) -> None:
    code = """
    open("passing", "w").close(); os.remove("passing")
    os.mkdir("cache"); open("cache/costs.json", "w").close(); os.remove("cache/costs.json")
    """
    footing, _ = recorded(tmp_path, code)
    assert footing is not None


def test_warnings_are_shown_and_kept(tmp_path: Path) -> None:
    _, warned = recorded(tmp_path, "warnings.warn('wide')")
    assert warned == ["UserWarning: wide"]
