"""How every test runs."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"  # torch 2.14.1 aborts in a channels-last backward on two
os.environ["FXCOST_CACHE"] = "off"  # nothing a test finds comes from an earlier one, or stays on disk

settings.register_profile("fxcost", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("fxcost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch

    if torch.cuda.is_available():
        return
    for item in on_gpu:
        item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
