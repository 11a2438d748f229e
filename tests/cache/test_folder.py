"""Where the cache lies, and `fxcost cache`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxcost.cache import Folder
from fxcost.cli import main

NAME = "0" * 64


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"FXCOST_CACHE": "/a/b"}, "linux", "/a/b"),
        ({"XDG_CACHE_HOME": "/x"}, "linux", "/x/fxcost"),
        ({"XDG_CACHE_HOME": "relative"}, "linux", "~/.cache/fxcost"),
        ({}, "linux", "~/.cache/fxcost"),
        ({"FXCOST_CACHE": ""}, "darwin", "~/Library/Caches/fxcost"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/fxcost/Cache"),
    ],
)
def test_each_platform_has_its_folder(environment, platform, expected):
    assert Folder.of(environment, platform).path == Path(expected).expanduser()


def run(*arguments):
    result = CliRunner().invoke(main, ["cache", *arguments])
    assert result.exit_code == 0
    return result.stdout


def test_the_command_says_where_and_how_much(folder):
    assert json.loads(run("--json")) == {"folder": str(folder), "files": 0, "bytes": 0, "cleared": False}
    folder.mkdir()
    (folder / f"{NAME}.json").write_text("x" * 2048)
    assert run().splitlines() == [f"folder  {folder}", "files   1", "size    2.00 KiB"]


def test_clearing_deletes_our_files_only(folder):
    folder.mkdir()
    for name in (f"{NAME}.json", f"{NAME}.ab_1.part", "notes.json", "thesis.tex"):
        (folder / name).write_text("x")
    assert json.loads(run("--clear", "--json"))["files"] == 2
    assert sorted(path.name for path in folder.iterdir()) == ["notes.json", "thesis.tex"]


def test_the_command_says_that_the_cache_is_off(monkeypatch):
    monkeypatch.setenv("FXCOST_CACHE", "off")
    assert "FXCOST_CACHE is off" in run()
    assert json.loads(run("--json", "--clear"))["folder"] is None
