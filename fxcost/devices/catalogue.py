"""The device catalogue: `devices.toml` beside this file, and files of the same form that users write."""

from __future__ import annotations

import difflib
import importlib.resources
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeVar

from fxcost import units
from fxcost.errors import DeclarationError, UnitError, UnknownDeviceError

DTYPES = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8")
_FIELDS = (
    "full_name",
    "generation",
    "compute_capability",
    "multiprocessors",
    "memory",
    "memory_source",
    "bandwidth",
    "peaks",
    "source",
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU.

    Attributes:
        name: What `find` knows it by, such as `rtx-4090`.
        full_name: What its driver calls it, such as `NVIDIA GeForce RTX 4090`.
        memory: Bytes, the total that a driver reports.
        bandwidth: Bytes of memory read or written per second, at most.
        peaks: FLOP/s at most, by dtype: some of fp32, tf32, fp16, bf16, fp8, int8. Dense, on tensor cores
            where there are any, accumulating in fp32.
        compute_capability: (major, minor).
        generation: Architecture.
        source: Where bandwidth and peaks come from.
        memory_source: Where the memory figure comes from.
        multiprocessors: How many there are; 0 where it is not said.
    """

    name: str
    full_name: str
    memory: int
    bandwidth: int
    peaks: Mapping[str, int] = field(hash=False)
    compute_capability: tuple[int, int]
    generation: str
    source: str
    memory_source: str
    multiprocessors: int = 0


def find(name: str, *, file: str | PathLike[str] | None = None) -> Device:
    """Return the device with this name, or with this full name.

    Case, spaces and dashes do not matter.

    Args:
        name: Such as `rtx-4090` or `NVIDIA GeForce RTX 4090`; `cards.toml:name` takes it from a file.
        file: A file of devices that are known besides the catalogue's, and go before them.

    Raises:
        UnknownDeviceError: There is none; the message says which names are near.
        DeclarationError: The file cannot be read.

    >>> find("rtx-4090").memory
    25757220864
    >>> find("rtx-4091")
    Traceback (most recent call last):
    fxcost.errors.UnknownDeviceError: no device is named "rtx-4091": did you mean rtx-4090, ...
    """
    path, _, inner = name.rpartition(":")
    if path.endswith(".toml"):
        return find(inner, file=path)
    known = catalogue(file)
    wanted = _key(name)
    for device in known:
        if wanted in (_key(device.name), _key(device.full_name)):
            return device
    names = [device.name for device in known]
    near = difflib.get_close_matches(name.lower(), names, n=3)
    advice = f"did you mean {', '.join(near)}?" if near else f"the devices are {', '.join(names)}"
    raise UnknownDeviceError(f'no device is named "{name}": {advice}')


def catalogue(file: str | PathLike[str] | None = None) -> tuple[Device, ...]:
    """Return every device: a file's own first, then the built-in ones.

    Args:
        file: TOML of the same form as `fxcost/devices/devices.toml`: a table for each device.

    Raises:
        DeclarationError: The file cannot be read; the message names its device and field.

    >>> [device.name for device in catalogue() if device.generation == "Hopper"]
    ['h200', 'h100-sxm', 'h100-pcie']
    """
    text = (importlib.resources.files(__package__) / "devices.toml").read_text(encoding="utf-8")
    builtin = _devices(text, "devices.toml")
    if file is None:
        return builtin
    path = Path(file)
    try:
        own = _devices(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: cannot be read: {error}") from error
    names = {device.name for device in own}
    return own + tuple(device for device in builtin if device.name not in names)


def _devices(text: str, where: str) -> tuple[Device, ...]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{where}: no valid TOML: {error}") from error
    return tuple(_device(name, table, f"{where}: [{name}]") for name, table in tables.items())


def _device(name: str, table: object, where: str) -> Device:
    if not isinstance(table, dict):
        raise DeclarationError(f"{where}: write a table of {', '.join(_FIELDS)}")
    unknown = [key for key in table if key not in _FIELDS]
    if unknown:
        raise DeclarationError(f"{where}: unknown {unknown[0]}; write some of {', '.join(_FIELDS)}")
    return Device(
        name=name,
        full_name=_read(table, "full_name", _text, where, default=name),
        memory=_read(table, "memory", _memory, where),
        bandwidth=_read(table, "bandwidth", _bandwidth, where),
        peaks=_read(table, "peaks", _peaks, where),
        compute_capability=_read(table, "compute_capability", _capability, where),
        generation=_read(table, "generation", _text, where, default=""),
        source=_read(table, "source", _text, where, default=where),
        memory_source=_read(table, "memory_source", _text, where, default=where),
        multiprocessors=_read(table, "multiprocessors", _count, where, default=0),
    )


def _read(
    table: Mapping[str, object],
    key: str,
    parse: Callable[[object], Value],
    where: str,
    default: Value | None = None,
) -> Value:
    """Return a field's value; errors begin with the file, the device and the field."""
    if key not in table:
        if default is None:
            raise DeclarationError(f"{where}: {key} is missing")
        return default
    try:
        return parse(table[key])
    except (DeclarationError, UnitError) as error:
        raise DeclarationError(f"{where}: {key}: {error}") from None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise DeclarationError(f"{value!r} is no text; write it in quotes")


def _count(value: object) -> int:
    if isinstance(value, int) and value > 0:
        return value
    raise DeclarationError(f"{value!r} is no number of multiprocessors; write, for example, 132")


def _memory(value: object) -> int:
    return int(units.parse(value, units.Unit.BYTES))


def _bandwidth(value: object) -> int:
    return int(units.parse(_per_second(value, "1008 GB/s"), units.Unit.BYTES))


def _peaks(value: object) -> Mapping[str, int]:
    if not isinstance(value, dict) or not value:
        raise DeclarationError(f'{value!r} is no table; write, for example, {{ fp32 = "82.6 TFLOP/s" }}')
    unknown = [dtype for dtype in value if dtype not in DTYPES]
    if unknown:
        raise DeclarationError(f"unknown dtype {unknown[0]}; write some of {', '.join(DTYPES)}")
    rates = {dtype: _per_second(rate, "82.6 TFLOP/s") for dtype, rate in value.items()}
    return {dtype: int(units.parse(rate, units.Unit.FLOP)) for dtype, rate in rates.items()}


def _per_second(value: object, example: str) -> object:
    """Return a rate's amount in one second: numbers are per second already."""
    if not isinstance(value, str):
        return value
    amount, slash, second = value.rpartition("/")
    if not slash or second.strip() != "s":
        raise DeclarationError(f'"{value}" is not per second; write, for example, "{example}"')
    return amount


def _capability(value: object) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)\.(\d+)", value) if isinstance(value, str) else None
    if match is None:
        raise DeclarationError(f'{value!r} is no compute capability; write, for example, "8.9"')
    return int(match[1]), int(match[2])


def _key(name: str) -> str:
    """Return what of a name counts when devices are compared."""
    return re.sub(r"[^a-z0-9]|^nvidia", "", name.lower())
