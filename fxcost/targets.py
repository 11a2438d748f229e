"""Targets of the command line: `path/to/file.py:name`, `package.module:name`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from fxcost.errors import TargetError
from fxcost.factory import ModelFactory

SPELLINGS = "path/to/file.py:name or package.module:name"


def load(target: str) -> ModelFactory:
    """Import a target's module and return its decorated factory.

    Where the module has one factory only, `:name` may be left out.

    Args:
        target: `path/to/file.py:name` or `package.module:name`.

    Raises:
        TargetError: The file or module is missing or raises, or has no decorated factory of this name; the
            message says which names are near and which factories there are.

    Example:
        >>> load("fxcost.targets:gpt")
        Traceback (most recent call last):
        fxcost.errors.TargetError: fxcost.targets has no gpt and no decorated factory; write ...
    """
    place, name = _split(target)
    module = _module(place)
    return _only(place, module) if name is None else _named(place, module, name)


def load_object(target: str) -> object:
    """Import a target's module and return whatever has its name.

    Raises:
        TargetError: The file or module is missing or raises, or has no such name.

    Example:
        >>> load_object("torch.optim:Adagrad").__name__
        'Adagrad'
    """
    place, name = _split(target)
    if name is None:
        raise TargetError(f"{target}: which of its names? Write {SPELLINGS}")
    module = _module(place)
    if not hasattr(module, name):
        raise TargetError(f"{place} has no {name}{_near(name, vars(module))}")
    return getattr(module, name)


def _split(target: str) -> tuple[str, str | None]:
    if target.endswith(".py"):
        return target, None
    place, colon, name = target.rpartition(":")
    if not colon:
        return target, None
    if not place or not name.isidentifier():
        raise TargetError(f'"{target}" is no target: write {SPELLINGS}')
    return place, name


def _module(place: str) -> ModuleType:
    return _imported_file(place) if place.endswith(".py") else _imported(place)


def _imported(name: str) -> ModuleType:
    """Import a module by name, as `python -m` would: the working directory comes first."""
    _search_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise TargetError(f"{name} cannot be imported: {_cause(error, Path.cwd())}") from error
        raise TargetError(f"there is no module {error.name}{_as_path(name)}") from None
    except (Exception, SystemExit) as error:
        raise TargetError(f"{name} cannot be imported: {_cause(error, Path.cwd())}") from error


def _imported_file(place: str) -> ModuleType:
    """Import a file, as a part of its package where it lies in one."""
    path = Path(place).resolve()
    if not path.is_file():
        near = _near(place, [str(Path(place).parent / sibling.name) for sibling in path.parent.glob("*.py")])
        raise TargetError(f"{place}: there is no such file{near}")
    root, name = _root_and_name(path)
    _search_first(root)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    # A file named as a module already loaded must not take that module's place.
    return _executed(place, path, name if loaded is None else str(path.with_suffix("")))


def _executed(place: str, path: Path, name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise TargetError(f"{place}: this is no Python file; write {SPELLINGS}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise TargetError(f"{place} cannot be imported: {_cause(error, path.parent)}") from error
    return module


def _root_and_name(path: Path) -> tuple[Path, str]:
    """Return the folder to import a file from, and its dotted name there."""
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def _search_first(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _cause(error: BaseException, folder: Path) -> str:
    """Return what went wrong, and the line: the innermost one of a file in the user's folder."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if Path(frame.filename).is_relative_to(folder) and "site-packages" not in frame.filename
    ]
    line = f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
    return f"{line}{type(error).__name__}: {error}"


def _named(place: str, module: ModuleType, name: str) -> ModelFactory:
    found = vars(module).get(name)
    if isinstance(found, ModelFactory):
        return found
    factories = _factories(module)
    if name in vars(module):
        kind = "a class" if isinstance(found, type) else f"a {type(found).__name__}"
        problem = f"{place}: {name} is {kind}, not a decorated factory"
    else:
        problem = f"{place} has no {name}{_near(name, factories)}"
    if factories:
        raise TargetError(f"{problem}; its decorated factories: {', '.join(factories)}")
    also = " and no decorated factory" if name not in vars(module) else ""
    raise TargetError(f"{problem}{also}; write @fc.model(...) above the function that builds the model")


def _only(place: str, module: ModuleType) -> ModelFactory:
    factories = _factories(module)
    if not factories:
        raise TargetError(
            f"{place} has no decorated factory; write @fc.model(...) above the function that builds the model"
        )
    if len(factories) > 1:
        choices = ", ".join(f"{place}:{name}" for name in factories)
        raise TargetError(f"{place} has {len(factories)} decorated factories; write one of {choices}")
    return next(iter(factories.values()))


def _factories(module: ModuleType) -> dict[str, ModelFactory]:
    return {name: value for name, value in vars(module).items() if isinstance(value, ModelFactory)}


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {', '.join(near)}?" if near else ""


def _as_path(name: str) -> str:
    """Say that a file's path ends in `.py`, where such a file is there."""
    for path in (Path(name), Path(name.replace(".", "/"))):
        if path.with_suffix(".py").is_file():
            return f"; for the file, write {path.with_suffix('.py')}:name"
    return f"; write {SPELLINGS}"
