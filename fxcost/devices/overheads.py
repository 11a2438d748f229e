"""What a process holds on a GPU besides its tensors: `overheads.toml` beside this file, and users' files."""

from __future__ import annotations

import enum
import importlib.resources
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from fxcost import units
from fxcost.devices.sealing import checked
from fxcost.errors import DeclarationError, UnitError

Choice = TypeVar("Choice", bound=enum.StrEnum)


class Basis(enum.StrEnum):
    """What a number rests on."""

    SOURCE_CODE = "source code"
    DOCUMENTED = "documented"
    MEASURED = "measured"
    FORECAST = "forecast"


class Place(enum.StrEnum):
    """Whether something is part of what the caching allocator reserves, or comes on top of it."""

    ALLOCATOR = "allocator"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Overhead:
    """Memory that is no tensor's.

    Attributes:
        name: Such as `CUDA context`.
        nbytes: How much.
        times: Where it depends on the model: multiples of the bytes of the input and output of the largest
            dense convolution, instead of bytes.
        place: Whose memory it is.
        per: What there is one of.
        lasts: "on", or for a "call".
        basis: What the number rests on. A reading of one torch release is a forecast for others.
        source: Where it is from.
        note: What else there is to say.
        generations: The architectures it is for; empty for all.
        since: The first torch release it is for; empty for all.
        before: The first torch release it is no longer for; empty for none.
        measured: The torch release that was measured.
    """

    name: str
    nbytes: int
    times: float
    place: Place
    per: str
    lasts: str
    basis: Basis
    source: str
    note: str = ""
    generations: tuple[str, ...] = ()
    since: str = ""
    before: str = ""
    measured: str = ""

    def applies(self, torch: str, generation: str) -> bool:
        """Tell whether it is for a torch release and an architecture."""
        release = _release(torch)
        return (
            (not self.generations or generation in self.generations)
            and (not self.since or release >= _release(self.since))
            and (not self.before or release < _release(self.before))
        )

    def at(self, torch: str) -> Overhead:
        """Return it with the basis that it has at a torch release."""
        if self.basis is not Basis.MEASURED or not self.measured:
            return self
        if _release(torch)[:2] == _release(self.measured)[:2]:
            return self
        return replace(self, basis=Basis.FORECAST)


def overhead(name: str, *, torch: str, generation: str, file: str | PathLike[str] | None = None) -> Overhead:
    """Return what of a name there is at a torch release on an architecture.

    Args:
        name: Such as `cuBLAS workspace`.
        torch: Release, such as `2.14.1`.
        generation: Architecture, as `Device.generation` has it.
        file: TOML of rows that go before the built-in ones.

    Raises:
        DeclarationError: No row is for that, or the file cannot be read.

    >>> overhead("cuBLAS workspace", torch="2.14.1", generation="Ada").nbytes
    8519680
    >>> context = overhead("CUDA context", torch="2.14.1", generation="Ada")
    >>> context.nbytes // 2**20, str(context.basis)
    (426, 'forecast')
    """
    rows = overheads(file)
    for row in rows:
        if row.name == name and row.applies(torch, generation):
            return row.at(torch)
    names = dict.fromkeys(row.name for row in rows)
    if name not in names:
        raise DeclarationError(f'no overhead is named "{name}"; there are {", ".join(names)}')
    raise DeclarationError(f'no row of "{name}" is for torch {torch} on {generation}; write one into a file')


def overheads(file: str | PathLike[str] | None = None) -> tuple[Overhead, ...]:
    """Return every row: a file's own first, then the built-in ones.

    Args:
        file: TOML of the same form as `fxcost/devices/overheads.toml`, such as `fxcost calibrate` writes.

    Raises:
        DeclarationError: The file cannot be read; the message names its row and field.

    >>> sorted({row.name for row in overheads() if row.place is Place.ALLOCATOR})[:2]
    ['convolution workspace, at most', 'cuBLAS workspace']
    """
    text = (importlib.resources.files(__package__) / "overheads.toml").read_text(encoding="utf-8")
    builtin = _rows(text, "overheads.toml")
    if file is None:
        return builtin
    path = Path(file)
    try:
        return _rows(checked(path.read_text(encoding="utf-8"), str(path)), str(path)) + builtin
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: cannot be read: {error}") from error


_TEXTS = ("name", "place", "per", "lasts", "basis", "source", "note", "since", "before", "measured")
_FIELDS = (*_TEXTS, "bytes", "times", "generation")
_NEEDED = ("name", "place", "per", "lasts", "basis", "source")


def _rows(text: str, where: str) -> tuple[Overhead, ...]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{where}: no valid TOML: {error}") from error
    rows = tables.get("overhead")
    if not isinstance(rows, list) or len(tables) > 1:
        raise DeclarationError(f"{where}: write tables [[overhead]], and nothing else")
    return tuple(_row(row, f"{where}: overhead {number}") for number, row in enumerate(rows, 1))


def _row(row: Mapping[str, Any], where: str) -> Overhead:
    unknown = [key for key in row if key not in _FIELDS]
    if unknown:
        raise DeclarationError(f"{where}: unknown {unknown[0]}; write some of {', '.join(_FIELDS)}")
    missing = [key for key in _NEEDED if key not in row]
    if missing or ("bytes" in row) == ("times" in row):
        raise DeclarationError(f"{where}: {missing[0] if missing else 'one of bytes and times'} is missing")
    texts = {key: row[key] for key in _TEXTS if key in row}
    wrong = [key for key, value in texts.items() if not isinstance(value, str)]
    if wrong:
        raise DeclarationError(f"{where}: {wrong[0]}: write a text in quotes")
    for key in ("since", "before", "measured"):
        if key in texts:
            _check_release(texts[key], f"{where}: {key}")
    texts["place"] = _one_of(Place, texts["place"], f"{where}: place")
    texts["basis"] = _one_of(Basis, texts["basis"], f"{where}: basis")
    return Overhead(
        **texts,
        nbytes=_nbytes(row.get("bytes", 0), where),
        times=_times(row.get("times", 0), where),
        generations=_generations(row.get("generation", []), where),
    )


def _one_of(kind: type[Choice], value: str, where: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise DeclarationError(f'{where}: "{value}": write one of {", ".join(kind)}') from None


def _check_release(value: str, where: str) -> None:
    try:
        _release(value)
    except DeclarationError as error:
        raise DeclarationError(f"{where}: {error}") from None


def _times(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise DeclarationError(f"{where}: times: {value!r}: write a number, such as 2.0")


def _generations(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise DeclarationError(f'{where}: generation: {value!r}: write a list, such as ["Ada"]')


def _nbytes(value: object, where: str) -> int:
    try:
        return int(units.parse(value, units.Unit.BYTES))
    except UnitError as error:
        raise DeclarationError(f"{where}: bytes: {error}") from None


def _release(text: str) -> tuple[int, ...]:
    """Return a release's numbers: what follows a plus sign, or a letter, does not count."""
    parts = text.partition("+")[0].split(".")
    numbers = [int(part) for part in parts if part.isdecimal()]
    if not numbers or not parts[0].isdecimal():
        raise DeclarationError(f'"{text}" is no torch release; write, for example, 2.14.1')
    return tuple(numbers)
