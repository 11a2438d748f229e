"""The allocator's settings, and their text: what PyTorch reads from PYTORCH_ALLOC_CONF.

Keys, limits and defaults are those of torch 2.14: c10/core/AllocatorConfig.h and .cpp, and
c10/cuda/CUDAAllocatorConfig.h, in github.com/pytorch/pytorch.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from fxcost.errors import DeclarationError

MIB = 2**20
INTERVALS = 16
"""Of `roundup_power2_divisions`: sizes from 1, 2, 4, ... MiB, the last from 32 GiB on."""
_MIN_LARGE_SEGMENT_MIB = 10
_IGNORED = (
    "graph_capture_record_stream_reuse",
    "pinned_free_catch_all",
    "pinned_max_cached_size_mb",
    "pinned_max_round_threshold_mb",
    "pinned_num_register_threads",
    "pinned_reserve_segment_size_mb",
    "pinned_use_background_threads",
    "pinned_use_cuda_host_register",
    "release_lock_on_cudamalloc",
)
"""Keys of the host's memory, of locks and of graph captures: none decides what this allocator reserves."""


@dataclass(frozen=True)
class Settings:
    """How the caching allocator rounds, splits and gives back.

    Attributes:
        expandable_segments: One virtual segment for each pool and stream grows by pages.
        max_split_size: Blocks of so many bytes or more are never split; None for no limit.
        max_non_split_rounding: How much larger than a request of `max_split_size` or more a cached block
            may be.
        large_segment_size: Bytes of the segments that serve requests above 1 and below 10 MiB, and of the
            large pool's pages with `expandable_segments`.
        roundup_power2_divisions: In how many steps sizes between two powers of two are rounded, by
            interval; 0 and 1 for multiples of 512 bytes.
        garbage_collection_threshold: The part of the allowed memory from which on unused segments are
            given back before a new one is asked for; 0 for never. It has an effect only where
            `per_process_memory_fraction` is below 1.
        per_process_memory_fraction: The part of the card's memory that is allowed.
    """

    expandable_segments: bool = False
    max_split_size: int | None = None
    max_non_split_rounding: int = 20 * MIB
    large_segment_size: int = 20 * MIB
    roundup_power2_divisions: tuple[int, ...] = (0,) * INTERVALS
    garbage_collection_threshold: float = 0.0
    per_process_memory_fraction: float = 1.0

    def __post_init__(self) -> None:
        if self.large_segment_size <= _MIN_LARGE_SEGMENT_MIB * MIB:
            raise DeclarationError(
                f"large_segment_size_mb is {self.large_segment_size / MIB:g}: "
                f"write more than {_MIN_LARGE_SEGMENT_MIB}"
            )
        for name in ("max_split_size", "max_non_split_rounding"):
            size = getattr(self, name)
            if size is not None and size < self.large_segment_size:
                raise DeclarationError(
                    f"{name}_mb is {size / MIB:g}: "
                    f"write {self.large_segment_size // MIB} or more, the size of a large segment"
                )
        if not 0 <= self.garbage_collection_threshold < 1:
            raise DeclarationError("garbage_collection_threshold: write a number between 0 and 1")
        if not 0 < self.per_process_memory_fraction <= 1:
            raise DeclarationError("per_process_memory_fraction: write a number above 0, at most 1")
        _check_divisions(self.roundup_power2_divisions)

    @classmethod
    def parse(cls, text: str) -> Settings:
        """Return the settings that a text in the form of PYTORCH_ALLOC_CONF means.

        Keys that have no effect on what is reserved on the device are taken and left out.

        Raises:
            DeclarationError: A key or a value is not PyTorch's, or is not modelled; the message names it.

        >>> Settings.parse("expandable_segments:True").expandable_segments
        True
        >>> Settings.parse("max_split_size_mb:128, garbage_collection_threshold:0.8").max_split_size
        134217728
        >>> Settings.parse("max_split_mb:128")
        Traceback (most recent call last):
        fxcost.errors.DeclarationError: PYTORCH_ALLOC_CONF: no key is named "max_split_mb": did you mean ...
        """
        values: dict[str, object] = {}
        for key, value in _pairs(text):
            if key in _IGNORED:
                continue
            if key not in _KEYS:
                raise DeclarationError(f'PYTORCH_ALLOC_CONF: no key is named "{key}"{_advice(key)}')
            name, parse = _KEYS[key]
            values[name] = _read(key, value, parse)
        if "large_segment_size" in values:
            values.setdefault("max_non_split_rounding", values["large_segment_size"])
        values.pop("", None)
        try:
            return cls(**values)  # type: ignore[arg-type]  # each parser returns its field's type
        except DeclarationError as error:
            raise DeclarationError(f"PYTORCH_ALLOC_CONF: {error}") from None

    def __str__(self) -> str:
        changed = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return ", ".join(f"{name}={value}" for name, value in changed.items()) or "default settings"


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the keys and values of a text."""
    compact = re.sub(r"\s", "", text)
    if not compact:
        return []
    pairs = []
    for part in re.split(r",(?![^\[]*\])", compact.removesuffix(",")):
        key, colon, value = part.partition(":")
        if not colon or not value:
            raise DeclarationError(f'PYTORCH_ALLOC_CONF: "{part}" is no key:value')
        pairs.append((key, value))
    return pairs


def _advice(key: str) -> str:
    near = difflib.get_close_matches(key, [*_KEYS, *_IGNORED], n=1)
    return f": did you mean {near[0]}?" if near else f"; the keys are {', '.join([*_KEYS, *_IGNORED])}"


def _read(key: str, value: str, parse: Callable[[str], object]) -> object:
    try:
        return parse(value)
    except DeclarationError as error:
        raise DeclarationError(f"PYTORCH_ALLOC_CONF: {key}: {error}") from None


def _truth(value: str) -> bool:
    if value not in ("True", "False"):
        raise DeclarationError(f'"{value}": write True or False')
    return value == "True"


def _whole(value: str) -> int:
    if not value.isdecimal():
        raise DeclarationError(f'"{value}": write a whole number')
    return int(value)


def _mebibytes(value: str) -> int:
    return _whole(value) * MIB


def _fraction(value: str) -> float:
    try:
        fraction = float(value)
    except ValueError:
        raise DeclarationError(f'"{value}": write a number, such as 0.8') from None
    if not 0 < fraction <= 1:
        raise DeclarationError(f"{value}: write a number between 0 and 1")
    return fraction


def _threshold(value: str) -> float:
    if _fraction(value) == 1:
        raise DeclarationError("1: write a number below 1")
    return _fraction(value)


def _divisions(value: str) -> tuple[int, ...]:
    """Return the divisions of every interval: of one number, or of a list such as `[64:8,256:4,>:1]`.

    The first interval named fills those below it, too; `>` fills those after the last one named.
    """
    if not value.startswith("["):
        return (_power_of_two(_whole(value)),) * INTERVALS
    divisions, last = [0] * INTERVALS, 0
    for position, (boundary, written) in enumerate(_pairs(value.strip("[]"))):
        number = _whole(written)
        if boundary == ">":
            divisions[last + 1 :] = [number] * (INTERVALS - last - 1)
            continue
        last = min(_power_of_two(_whole(boundary)).bit_length() - 1, INTERVALS - 1)
        if position == 0:
            divisions[:last] = [number] * last
        divisions[last] = number
    _check_divisions(tuple(divisions))
    return tuple(divisions)


def _power_of_two(number: int) -> int:
    if number < 1 or number & (number - 1):
        raise DeclarationError(f"{number}: write a power of two")
    return number


def _check_divisions(divisions: tuple[int, ...]) -> None:
    if len(divisions) != INTERVALS:
        raise DeclarationError(f"roundup_power2_divisions: write {INTERVALS} numbers, one an interval")
    for number in divisions:
        if number:
            _power_of_two(number)


def _native(value: str) -> None:
    if value != "native":
        raise DeclarationError(f"{value}: only the native backend is modelled")


def _false(value: str) -> None:
    if _truth(value):
        raise DeclarationError("True is not modelled")


_KEYS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "expandable_segments": ("expandable_segments", _truth),
    "max_split_size_mb": ("max_split_size", _mebibytes),
    "max_non_split_rounding_mb": ("max_non_split_rounding", _mebibytes),
    "large_segment_size_mb": ("large_segment_size", _mebibytes),
    "roundup_power2_divisions": ("roundup_power2_divisions", _divisions),
    "garbage_collection_threshold": ("garbage_collection_threshold", _threshold),
    "per_process_memory_fraction": ("per_process_memory_fraction", _fraction),
    "backend": ("", _native),
    "throw_on_cudamalloc_oom": ("", _false),
}
"""What each key sets, and how its value is read; what sets nothing is only checked."""
