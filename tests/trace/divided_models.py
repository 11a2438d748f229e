"""A decoder as people write it for tensor parallelism: heads are as many as its projections' outputs hold."""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc

HEAD = 8
TOKENS = 64


class Attention(nn.Module):
    def __init__(self, width, *, bias):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=bias) for _ in range(4))

    def forward(self, states):
        batch, length = states.shape[:2]
        heads = (
            layer(states).view(batch, length, -1, HEAD).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1))


class Block(nn.Module):
    def __init__(self, width, *, bias):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, bias=bias)
        self.up, self.down = nn.Linear(width, 4 * width, bias=bias), nn.Linear(4 * width, width, bias=bias)

    def forward(self, states):
        states = states + self.attention(self.norm1(states))
        return states + self.down(nn.functional.gelu(self.up(self.norm2(states))))


class Decoder(nn.Module):
    def __init__(self, width, *, bias):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, width)
        self.blocks = nn.ModuleList(Block(width, bias=bias) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, TOKENS, bias=False)

    def forward(self, ids):
        states = self.tokens(ids)
        for block in self.blocks:
            states = block(states)
        return self.head(self.norm(states))


@fc.model(
    width=fc.Int(64, 256, step=64),
    batch=fc.Int(2, 8),
    seq=fc.Int(16, 64, step=16),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def decoder(width):
    return Decoder(width, bias=False)


@fc.model(
    width=fc.Int(64, 256, step=64),
    batch=fc.Int(2, 8),
    seq=fc.Int(16, 64, step=16),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def biased(width):
    return Decoder(width, bias=True)
