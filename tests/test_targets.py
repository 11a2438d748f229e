"""Targets: what is loaded, and what is said where nothing can be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fxcost.errors import TargetError
from fxcost.factory import ModelFactory
from fxcost.targets import load, load_object

FACTORY = """
import torch, fxcost as fc

@fc.model(width=fc.Int(8, 64), batch=fc.Int(2, 32), example=lambda batch: torch.zeros(batch, 4))
def {name}(width):
    return torch.nn.Linear(4, width)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def factory_named(name: str) -> str:
    return FACTORY.format(name=name)


def test_a_file_and_a_name_lead_to_the_factory(folder: Path) -> None:
    written(folder / "nets.py", factory_named("net"))
    assert isinstance(load("nets.py:net"), ModelFactory)
    assert load("nets.py:net")(8).out_features == 8


def test_the_name_may_be_left_out_where_there_is_one_factory(folder: Path) -> None:
    written(folder / "nets.py", factory_named("net"))
    assert load("nets.py") is load("nets.py:net")


def test_a_module_is_found_in_the_working_directory(folder: Path) -> None:
    written(folder / "shop" / "nets.py", factory_named("net"))
    assert load("shop.nets:net") is load("shop.nets")


def test_a_file_imports_its_neighbours(folder: Path) -> None:
    written(folder / "deep" / "sizes.py", "WIDTH = 64")
    written(folder / "deep" / "nets.py", "from sizes import WIDTH\n" + factory_named("net"))
    assert isinstance(load("deep/nets.py:net"), ModelFactory)


def test_a_file_of_a_package_imports_relatively(folder: Path) -> None:
    written(folder / "lib" / "store" / "__init__.py", "")
    written(folder / "lib" / "store" / "sizes.py", "WIDTH = 64")
    written(folder / "lib" / "store" / "nets.py", "from .sizes import WIDTH\n" + factory_named("net"))
    assert isinstance(load("lib/store/nets.py:net"), ModelFactory)
    assert sys.modules["store.nets"].__file__ == str(folder / "lib" / "store" / "nets.py")


def test_a_file_named_as_a_loaded_module_does_not_replace_it(folder: Path) -> None:
    written(folder / "click.py", factory_named("net"))
    click = sys.modules["click"] if "click" in sys.modules else __import__("click")
    assert isinstance(load("click.py:net"), ModelFactory)
    assert sys.modules["click"] is click


def test_two_files_of_one_name_are_two_modules(folder: Path) -> None:
    written(folder / "a" / "nets.py", factory_named("net"))
    written(folder / "b" / "nets.py", factory_named("net"))
    assert load("a/nets.py:net") is not load("b/nets.py:net")


def test_any_object_can_be_loaded(folder: Path) -> None:
    written(folder / "recipes.py", "recipe = 3")
    assert load_object("recipes.py:recipe") == 3
    with pytest.raises(TargetError, match=r"recipes.py has no recipy; did you mean recipe\?"):
        load_object("recipes.py:recipy")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("net.py:net", "net.py: there is no such file; did you mean nets.py"),
        ("nowhere/net.py:net", "nowhere/net.py: there is no such file"),
        ("nets.py:nett", "nets.py has no nett; did you mean net?; its decorated factories: net, other"),
        ("nets.py:plain", "nets.py: plain is a function, not a decorated factory; its decorated factories: "),
        ("nets.py:Plain", "nets.py: Plain is a class, not a decorated factory"),
        ("nets.py", "nets.py has 2 decorated factories; write one of nets.py:net, nets.py:other"),
        ("empty.py:net", "empty.py has no net and no decorated factory; write @fc.model(...) above"),
        ("empty.py", "empty.py has no decorated factory; write @fc.model(...) above"),
        ("nowhere.nets:net", "there is no module nowhere; write path/to/file.py:name or package.module:name"),
        ("nets:net:", '"nets:net:" is no target: write path/to/file.py:name or package.module:name'),
        (":net", '":net" is no target'),
        ("deep/inner:net", "there is no module deep/inner; for the file, write deep/inner.py:name"),
    ],
)
def test_a_target_that_leads_nowhere_says_what_to_write(folder: Path, target: str, message: str) -> None:
    plain = "\ndef plain(width):\n    pass\n\nclass Plain:\n    pass\n"
    written(folder / "nets.py", factory_named("net") + factory_named("other") + plain)
    written(folder / "empty.py", "")
    written(folder / "deep" / "inner.py", "")
    with pytest.raises(TargetError) as error:
        load(target)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nraise ValueError('no data here')", "broken.py:2: ValueError: no data here"),
        ("import sys\nsys.exit(3)", "broken.py:2: SystemExit: 3"),
        ("def (", "broken.py:1: SyntaxError"),
        ("import there_is_no_such_thing", "broken.py:1: ModuleNotFoundError: No module named"),
    ],
)
@pytest.mark.parametrize("target", ["broken.py:net", "broken:net"])
def test_a_module_that_raises_is_named_with_the_line(
    folder: Path, target: str, text: str, message: str
) -> None:
    written(folder / "broken.py", text)
    with pytest.raises(TargetError) as error:
        load(target)
    assert "cannot be imported" in str(error.value)
    assert f"{folder}/{message}" in str(error.value)
    assert "broken" not in sys.modules
