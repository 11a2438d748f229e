"""How large a GPT can one graphics card train?

A GPT in plain PyTorch: token and position embeddings, transformer blocks, a language-model head. Its width,
heads, depth, batch and sequence length are declared as ranges; fxcost answers for all of them at once.

    python examples/gpt.py
    fxcost check examples/gpt.py:gpt --device rtx-4090 --set batch=8
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

import fxcost as fc

VOCABULARY, LONGEST = 50_257, 4_096


class Block(nn.Module):
    """Causal self-attention, then a feed-forward layer, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        qkv = self.qkv(self.norm1(states)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        states = states + self.out(mixed.transpose(1, 2).flatten(2))
        return states + self.mlp(self.norm2(states))


class GPT(nn.Module):
    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(LONGEST, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.positions(positions))))


@fc.model(
    width=fc.Int(64, 4096, step=64),
    heads=fc.Choice(4, 8, 16),
    depth=fc.Int(1, 16),
    batch=fc.Int(1, 512),
    seq=fc.Int(128, LONGEST, step=128),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def gpt(width: int, heads: int, depth: int) -> GPT:
    return GPT(width, heads, depth)


def main() -> None:
    cost = fc.cost(gpt, training=fc.Training(optimizer=torch.optim.AdamW))
    print("parameters:", cost.parameters)
    print("FLOPs of a training step:", cost.flops)
    print("peak memory in bytes:", cost.peak_memory)
    fits = cost.peak_memory <= "24 GiB"
    print("Do batches of 8 fit in 24 GiB, whatever the rest?", fits.prove(batch=8))
    print(
        "The largest model that does, at 1,024 tokens:", fc.maximize(cost.parameters, fits, batch=8, seq=1024)
    )


if __name__ == "__main__":
    main()
