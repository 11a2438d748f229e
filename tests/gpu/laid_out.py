"""Models whose tensors are laid out otherwise than row by row, and whose gradients are sums."""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc

WIDTHS = {"width": fc.Int(64, 1024, step=64), "batch": fc.Int(2, 4096)}


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, rows):
        return rows + self.outer(self.inner(rows))


@fc.model(**WIDTHS, example=lambda width, batch: torch.zeros(batch, width))
def residual(width):
    return nn.Sequential(nn.Linear(width, width), *(Residual(width) for _ in range(3)), nn.Linear(width, 1))


class Reused(nn.Module):
    """A tensor is added to itself, and used twice more."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, rows):
        rows = self.first(rows)
        twice = rows + rows
        return self.second(twice) * twice + rows


@fc.model(**WIDTHS, example=lambda width, batch: torch.zeros(batch, width))
def reused(width):
    return Reused(width)


class Mixer(nn.Module):
    """Mixes positions: its layers and gradients of its norms have transposed inputs."""

    def __init__(self, positions, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(positions, 4 * positions), nn.Linear(4 * positions, positions)

    def forward(self, rows):
        columns = self.norm(rows).transpose(1, 2)
        return rows + self.narrow(self.wide(columns)).transpose(1, 2)


@fc.model(**WIDTHS, example=lambda width, batch: torch.zeros(batch, 64, width))
def mixer(width):
    layers = (Mixer(64, width) for _ in range(2))
    return nn.Sequential(*layers, nn.LayerNorm(width), nn.Linear(width, 1))


class Patches(nn.Module):
    """Normalises transposed rows."""

    def __init__(self, width):
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(width), nn.Linear(width, 1)

    def forward(self, image):
        return self.layer(self.norm(image.transpose(1, 2)))


@fc.model(**WIDTHS, example=lambda width, batch: torch.zeros(batch, width, 64))
def patches(width):
    return Patches(width)


class Groups(nn.Module):
    """Normalises groups of channels that are laid out last."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.GroupNorm(4, width), nn.GroupNorm(8, width)

    def forward(self, image):
        image = self.first(image.contiguous(memory_format=torch.channels_last))
        return self.second(image.relu())


@fc.model(**WIDTHS, example=lambda width, batch: torch.zeros(batch, width, 8, 8))
def groups(width):
    return Groups(width)
