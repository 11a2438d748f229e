"""What an answer follows from is noticed when it changes, and nothing else is."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

from fxcost.answers.footing import Footing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text("WIDTH = 3\n")
    (tmp_path / "__pycache__").mkdir()
    return tmp_path


def test_an_unchanged_project_holds_and_is_read_back_from_its_record(project: Path) -> None:
    footing = Footing.of([str(project / "net.py"), str(project)])
    assert Footing.of_record(footing.as_record()) == footing
    assert footing.holds()
    assert len(footing) == 2


def test_a_file_of_another_content_and_the_same_size_and_time_is_noticed(project: Path) -> None:
    file = project / "net.py"
    state = file.stat()
    footing = Footing.of([str(file)])
    file.write_text("WIDTH = 4\n")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert not footing.holds()


def test_a_file_written_anew_with_the_same_content_holds(project: Path) -> None:
    footing = Footing.of([str(project / "net.py")])
    (project / "net.py").write_text("WIDTH = 3\n")
    assert footing.holds()


def test_a_file_that_was_looked_for_and_comes_to_be_is_noticed(project: Path) -> None:
    footing = Footing.of([str(project / "settings.json")])
    assert footing.holds()
    (project / "settings.json").write_text("{}")
    assert not footing.holds()


def test_a_new_module_beside_those_imported_is_noticed_but_no_compiled_one(project: Path) -> None:
    footing = Footing.of([str(project)])
    (project / "__pycache__" / "net.pyc").write_bytes(b"")
    assert footing.holds()
    (project / "torch.py").write_text("")
    assert not footing.holds()


def test_installed_files_are_told_apart_by_size_and_time() -> None:
    file = Path(sysconfig.get_paths()["stdlib"]) / "json" / "decoder.py"
    footing = Footing.of([str(file)])
    assert not footing.read
    assert footing.holds()
    state = file.stat()
    try:
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))
        assert not footing.holds()
    finally:
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert footing.holds()


def test_a_file_changed_while_the_answer_was_found_is_told(project: Path) -> None:
    file = project / "net.py"
    footing = Footing.of([str(file)])
    changed = file.stat().st_mtime
    assert footing.changed_since(changed - 1)
    assert not footing.changed_since(changed + 1)
