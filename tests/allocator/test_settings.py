"""The settings' text against PyTorch's own parser, which needs no GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fxcost.allocator import Settings
from fxcost.allocator.settings import INTERVALS
from fxcost.errors import DeclarationError

DIVISIONS = "_ZN3c1016CachingAllocator26AcceleratorAllocatorConfig24roundup_power2_divisionsEm"
ACCEPTED = [
    "",
    "expandable_segments:True",
    "max_split_size_mb:20",
    " max_split_size_mb : 512 , garbage_collection_threshold : 0.6 ",
    "large_segment_size_mb:21",
    "large_segment_size_mb:40,max_split_size_mb:40",
    "max_non_split_rounding_mb:64",
    "roundup_power2_divisions:16",
    "roundup_power2_divisions:[>:0]",
    "per_process_memory_fraction:0.5",
    "backend:native",
    "pinned_use_background_threads:True",
]
REFUSED = [
    "max_split_size_mb:19",
    "max_split_size_mb:x",
    "max_split_size_mb",
    "max_split_size_mb=20",
    "garbage_collection_threshold:1.0",
    "garbage_collection_threshold:0",
    "roundup_power2_divisions:3",
    "roundup_power2_divisions:0",
    "roundup_power2_divisions:[100:4]",
    "roundup_power2_divisions:[64:3]",
    "expandable_segments:true",
    "large_segment_size_mb:10",
    "large_segment_size_mb:40,max_split_size_mb:20",
    "max_non_split_rounding_mb:3",
    "segment_size:1",
]
LISTS = [
    "",
    "roundup_power2_divisions:8",
    "roundup_power2_divisions:[256:1,512:2,1024:4,>:8]",
    "roundup_power2_divisions:[>:4]",
    "roundup_power2_divisions:[64:8]",
    "roundup_power2_divisions:[1:2]",
    "roundup_power2_divisions:[131072:2]",
    "roundup_power2_divisions:[4:2,2:16,>:4]",
    "roundup_power2_divisions:[4:2,4:8]",
]


@pytest.fixture
def parsed_by_torch() -> Iterator[object]:
    """PyTorch's parser; the settings it keeps have no effect without a GPU, and are put back."""
    parse = torch._C._accelerator_setAllocatorSettings
    defaults = "large_segment_size_mb:20,max_split_size_mb:20,max_non_split_rounding_mb:20"
    parse(f"{defaults},expandable_segments:False,per_process_memory_fraction:1.0")
    yield parse
    parse(f"{defaults},expandable_segments:False,per_process_memory_fraction:1.0")
    parse("")


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_pytorch_accepts_is_accepted(text: str, parsed_by_torch) -> None:
    parsed_by_torch(text)
    Settings.parse(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_pytorch_refuses_is_refused(text: str, parsed_by_torch) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        parsed_by_torch(text)
    with pytest.raises(DeclarationError, match=r"^PYTORCH_ALLOC_CONF: "):
        Settings.parse(text)


@pytest.mark.parametrize("text", LISTS)
def test_sizes_are_rounded_in_as_many_steps_as_by_pytorch(text: str, parsed_by_torch) -> None:
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    divisions = getattr(library, DIVISIONS)
    divisions.argtypes, divisions.restype = [ctypes.c_size_t], ctypes.c_size_t
    parsed_by_torch(text)
    real = tuple(divisions(3 * 2 ** (19 + interval)) for interval in range(INTERVALS))
    assert Settings.parse(text).roundup_power2_divisions == real


def test_settings_say_what_they_change() -> None:
    assert str(Settings()) == "default settings"
    assert str(Settings.parse("expandable_segments:True")) == "expandable_segments=True"


def test_what_is_not_modelled_is_refused() -> None:
    with pytest.raises(DeclarationError, match="only the native backend is modelled"):
        Settings.parse("backend:cudaMallocAsync")


def test_a_typing_error_is_answered_with_the_nearest_key() -> None:
    with pytest.raises(DeclarationError, match="did you mean expandable_segments"):
        Settings.parse("expandable_segment:True")
