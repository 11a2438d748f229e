"""The source that costs follow from: fxcost's own, the libraries' versions, and the modules of model code."""

from __future__ import annotations

import hashlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

OWN_FOLDER = Path(__file__).resolve().parents[1]
LIBRARY_FOLDERS = ("site-packages", "dist-packages")
LOOSE = frozenset(sys.stdlib_module_names) | {"fxcost"}


def own_digest() -> str:
    """Return a digest of fxcost's own files."""
    digest = hashlib.sha256()
    for path in sorted(OWN_FOLDER.rglob("*")):
        if path.suffix in {".py", ".toml"}:
            digest.update(f"{path.relative_to(OWN_FOLDER)}\n{digest_of(path)}\n".encode())
    return digest.hexdigest()


def distributions() -> list[str]:
    """Return the names and versions of all that is installed, as their folders are called."""
    folders = {*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders |= {entry for entry in sys.path if Path(entry).name in LIBRARY_FOLDERS}
    paths = (path for folder in map(Path, folders) if folder.is_dir() for path in folder.iterdir())
    return sorted({path.name for path in paths if path.suffix in {".dist-info", ".egg-info"}})


def model_sources() -> dict[str, ModuleType]:
    """Return the loaded modules of neither Python, an installed library nor fxcost, by name.

    One without a file is left out: what is declared in it has no source.
    """
    return dict(sorted(_model_sources()))


def _model_sources() -> Iterator[tuple[str, ModuleType]]:
    loaded: list[tuple[str, Any]] = list(sys.modules.items())  # some packages put other objects there
    files = {name: getattr(each, "__file__", None) for name, each in loaded if isinstance(each, ModuleType)}
    libraries = {name for name, file in files.items() if "." not in name and _is_library(name, file)}
    for name, module in loaded:
        if files.get(name) is None or name.partition(".")[0] in libraries or _is_library(name, files[name]):
            continue
        yield name, module


def _is_library(name: str, file: str | None) -> bool:
    if name in LOOSE or file is None:
        return name in LOOSE
    in_folder = any(f"{os.sep}{folder}{os.sep}" in file for folder in LIBRARY_FOLDERS)
    return in_folder or file.startswith(f"{sysconfig.get_path('stdlib')}{os.sep}")


def digests(modules: Mapping[str, ModuleType]) -> dict[str, str]:
    """Return the digests of modules' files, by path.

    Raises:
        OSError: One cannot be read.
    """
    paths = {str(module.__file__) for module in modules.values()}
    return {path: digest_of(Path(path)) for path in sorted(paths)}


def digest_of(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
