"""Models as people divide them among the stages of a pipeline, by hand."""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc
from tests.trace.divided_models import Block

TOKENS = 64


class Decoder(nn.Module):
    """A decoder of which the parts that a stage has not are None."""

    def __init__(self, width, depth):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, width)
        self.positions = nn.Embedding(64, width)
        self.blocks = nn.ModuleList(Block(width, bias=True) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, TOKENS, bias=False)

    def forward(self, ids):
        places = torch.arange(ids.shape[1], device=ids.device)
        states = self.tokens(ids) + self.positions(places)
        for block in self.blocks:
            states = block(states)
        return self.head(self.norm(states))


class DecoderStage(nn.Module):
    def __init__(self, whole, index, stages):
        super().__init__()
        each = len(whole.blocks) // stages
        self.tokens = whole.tokens if index == 0 else None
        self.positions = whole.positions if index == 0 else None
        self.blocks = whole.blocks[index * each : (index + 1) * each]
        self.norm = whole.norm if index == stages - 1 else None
        self.head = whole.head if index == stages - 1 else None

    def forward(self, states):
        if self.tokens is not None:
            places = torch.arange(states.shape[1], device=states.device)
            states = self.tokens(states) + self.positions(places)
        for block in self.blocks:
            states = block(states)
        return self.head(self.norm(states)) if self.head is not None else states


@fc.model(
    width=fc.Int(64, 256, step=64),
    depth=fc.Choice(2, 4, 8),
    batch=fc.Int(8, 64, step=8),
    seq=fc.Int(16, 64, step=16),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def decoder(width, depth):
    return Decoder(width, depth)


class Scaled(nn.Module):
    """Scales what it gets by a buffer that all of them share."""

    def __init__(self, scale):
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, states):
        return states * self.scale


class Layers(nn.Sequential):
    """Layers one after the other: normalised ones, with buffers of their own and one that they share."""

    def __init__(self, width, depth):
        scale = torch.ones(width)
        layers = (normalised(width, scale) for _ in range(depth))
        super().__init__(nn.Linear(8, width), *layers, nn.Linear(width, 3))


def normalised(width, scale):
    return nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), Scaled(scale))


def part_of_layers(whole, index, stages):
    blocks = list(whole)[1:-1]
    each = len(blocks) // stages
    mine = blocks[index * each : (index + 1) * each]
    first, last = [whole[0]] if index == 0 else [], [whole[-1]] if index == stages - 1 else []
    return nn.Sequential(*first, *mine, *last)


def is_layer(name, module):
    return isinstance(module, nn.Sequential) and bool(name)


@fc.model(
    width=fc.Int(16, 512, step=16),
    depth=fc.Int(4, 24, step=4),
    batch=fc.Int(8, 512, step=8),
    example=lambda batch: torch.zeros(batch, 8),
)
def layers(width, depth):
    return Layers(width, depth)
