"""A model that branches on its hyperparameters: every path, what each costs, and which settings raise.

python examples/branches.py
fxcost regions examples/branches.py:classifier --of parameters
"""

from __future__ import annotations

import torch
from torch import nn

import fxcost as fc


class Classifier(nn.Module):
    """Wide ones have a bottleneck; a gated bottleneck is twice as wide, and must stay small."""

    def __init__(self, width: int, gate: str) -> None:
        super().__init__()
        inner = 4 * width
        if width > 512:
            inner = width // 2
            if gate == "glu":
                inner = width
                if width > 1024:
                    raise ValueError("a gated bottleneck wider than 1024")
        self.up = nn.Linear(width, inner)
        self.act = nn.GLU() if gate == "glu" else nn.GELU()
        self.down = nn.Linear(inner // 2 if gate == "glu" else inner, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.down(self.act(self.up(images)))


@fc.model(
    width=fc.Int(64, 2048, step=64),
    gate=fc.Choice("none", "glu"),
    batch=fc.Int(1, 256),
    example=lambda batch, width: torch.zeros(batch, width),  # noqa: PLW0108
)
def classifier(width: int, gate: str) -> Classifier:
    return Classifier(width, gate)


if __name__ == "__main__":
    cost = fc.cost(classifier)
    partition = cost.partition()
    print(partition)
    for quantity in (cost.parameters, cost.peak_memory):
        print(f"{quantity.name}: ", partition.of(quantity), sep="\n")
