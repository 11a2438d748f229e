"""A mixture of experts: data decides how many tokens each expert gets, and that is a hyperparameter.

python examples/mixture.py
fxcost check examples/mixture.py:mixture --device t4 --training adamw
"""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc

EXPERTS = 4


class Mixture(nn.Module):
    """Sends each token to the two experts that its router likes best."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.router = nn.Linear(width, EXPERTS)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
            for _ in range(EXPERTS)
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        tokens = states.flatten(0, 1)
        weights, chosen = self.router(tokens).softmax(-1).topk(2)
        mixed = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, rank = torch.where(chosen == number)
            mixed.index_add_(0, token, expert(tokens[token]) * weights[token, rank, None])
        return mixed.view(states.shape)


@fc.model(
    width=fc.Int(64, 1024, step=64),
    batch=fc.Int(2, 64),
    seq=fc.Int(128, 2048, step=128),
    example=lambda batch, seq, width: torch.zeros(batch, seq, width),  # noqa: PLW0108
    dynamic=[fc.Dynamic("tokens", 2, "batch * seq", at="Mixture.forward", each=EXPERTS)],
)
def mixture(width: int) -> Mixture:
    return Mixture(width)


if __name__ == "__main__":
    cost = fc.cost(mixture, training=fc.Training(torch.optim.AdamW))
    print(f"parameters: {cost.parameters}")
    print(f"flops: {cost.flops}")
    print(f"peak memory: {cost.peak_memory}")
    all_alike = {f"tokens_{number}": 4096 for number in range(EXPERTS)}
    one_gets_all = {f"tokens_{number}": 8192 if number < 2 else 2 for number in range(EXPERTS)}
    for tokens in (all_alike, one_gets_all):
        print(tokens, cost.peak_memory(width=512, batch=8, seq=1024, **tokens))
    print((cost.peak_memory <= "2 GiB").prove(width=512, batch=8, seq=1024))
