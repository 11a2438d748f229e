"""Two spaces of GPTs: 5.6·10⁹ settings, and 2.9·10¹² where the MLP has a width of its own.

A training step with AdamW is what is counted.
"""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc
from examples.gpt import VOCABULARY, Block

LONGEST = 8_192
SPACE = fc.Space(
    width=fc.Int(64, 8192, step=64),
    heads=fc.Choice(1, 2, 4, 8, 16, 32, 64),
    depth=fc.Int(1, 96),
    batch=fc.Int(1, 1024),
    seq=fc.Int(128, LONGEST, step=128),
)


class WideBlock(Block):
    """A block whose feed-forward layer has a width of its own."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class DeepGPT(nn.Module):
    """Embeddings, so many blocks, and a language-model head."""

    def __init__(self, width: int, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(LONGEST, width)
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.positions(positions))))


def ids(batch: int, seq: int) -> torch.Tensor:
    return torch.zeros(batch, seq, dtype=torch.long)


@fc.model(space=SPACE, example=ids)
def gpt(width: int, heads: int, depth: int) -> nn.Module:
    return DeepGPT(width, [Block(width, heads) for _ in range(depth)])


@fc.model(space=SPACE.domains | {"hidden": fc.Int(64, 32_768, step=64)}, example=ids)
def wide_gpt(width: int, heads: int, depth: int, hidden: int) -> nn.Module:
    return DeepGPT(width, [WideBlock(width, heads, hidden) for _ in range(depth)])


SPACES = {"5e9": gpt, "3e12": wide_gpt}


def opened(name: str) -> fc.Cost:
    """Return a space's costs, every path of the factory traced and every closed form made."""
    cost = fc.cost(SPACES[name], training=fc.Training(torch.optim.AdamW))
    fc.feasible(cost.parameters <= 1, time_limit=600).count()
    for region in cost.regions.known:
        for quantity in cost.quantities.values():
            quantity.expression(region)
    return cost
