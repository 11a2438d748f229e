"""A cache of each test's own, and factories in modules of model code that it may rewrite."""

from __future__ import annotations

import importlib.util
import itertools
import sys

import pytest

NETS = """
import torch
from torch import nn

import fxcost as fc

HIDDEN = 3


class Gated(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up = nn.Linear(width, 2 * width + HIDDEN)
        self.down = nn.Linear(2 * width + HIDDEN, width)

    def forward(self, x):
        return x + self.down(nn.functional.gelu(self.up(x)))


@fc.model(
    width=fc.Int(8, 64),
    depth=fc.Int(1, 6),
    act=fc.Choice("relu", "glu"),
    batch=fc.Int(2, 64),
    example=lambda batch, width: torch.zeros(batch, width),
)
def net(width, depth, act):
    if act == "glu" and width % 2:
        raise ValueError("an odd width has no halves")
    blocks = [Gated(width) for _ in range(depth)]
    if act == "relu":
        return nn.Sequential(*blocks, nn.ReLU(), nn.Linear(width, 5))
    return nn.Sequential(*blocks, nn.GLU(), nn.Linear(width // 2, 5))
"""
COUNT = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "costs"
    monkeypatch.setenv("FXCOST_CACHE", str(path))
    return path


@pytest.fixture
def imported(tmp_path):
    """Return a function that writes a module of model code and imports it, again if its name is given."""
    names = []

    def write(text=NETS, name=None):
        name = name or f"nets_of_a_cache_{next(COUNT)}"
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        specification = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(specification)
        module.__cached__ = None
        sys.modules[name] = module
        names.append(name)
        exec(compile(text, str(path), "exec"), vars(module))
        return module

    yield write
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def no_tracing(monkeypatch):
    """Return a function after which tracing is an error."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("traced, although it is in the cache")

    return lambda: monkeypatch.setattr("fxcost.compilation.trace", refuse)
