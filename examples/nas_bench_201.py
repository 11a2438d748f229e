"""What do all 15,625 cells of NAS-Bench-201 cost, and which fit a budget?

The benchmark's network (Dong and Yang, ICLR 2020): a stem, three stages of five equal cells with a residual
block between stages, a classifier. A cell has four nodes and an operation on each of its six edges; each of
the six is a hyperparameter here, so that the whole benchmark is one closed form.

    python examples/nas_bench_201.py
    fxcost cost examples/nas_bench_201.py:network --set batch=256
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

import fxcost as fc

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CELLS_PER_STAGE = 5
EDGES = tuple(f"edge_{start}_{end}" for end in range(1, 4) for start in range(end))


class Zero(nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.mul(0.0)


def relu_conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))


def operation(name: str, channels: int) -> fc.Switch:
    """Return the operation of an edge; the name is a hyperparameter."""
    return fc.Switch(
        name,
        {
            "none": Zero,
            "skip_connect": nn.Identity,
            "nor_conv_1x1": lambda: relu_conv_norm(channels, channels, 1),
            "nor_conv_3x3": lambda: relu_conv_norm(channels, channels, 3),
            "avg_pool_3x3": lambda: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
        },
    )


class Cell(nn.Module):
    """Four nodes; each is the sum over operations on those before it."""

    def __init__(self, channels: int, operations: dict[str, str]) -> None:
        super().__init__()
        self.edges = nn.ModuleDict({edge: operation(name, channels) for edge, name in operations.items()})

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        nodes = [features]
        for end in range(1, 4):
            nodes.append(sum(self.edges[f"edge_{start}_{end}"](nodes[start]) for start in range(end)))
        return nodes[-1]


class ResidualBlock(nn.Module):
    """Halves the resolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = relu_conv_norm(inputs, outputs, 3, stride=2)
        self.second = relu_conv_norm(outputs, outputs, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.shortcut(features) + self.second(self.first(features))


class Network(nn.Module):
    def __init__(self, channels: int, operations: dict[str, str], classes: int = 10) -> None:
        super().__init__()
        widths = [channels, 2 * channels, 4 * channels]
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        stages = [[Cell(width, operations) for _ in range(CELLS_PER_STAGE)] for width in widths]
        halvings = [[ResidualBlock(*pair)] for pair in itertools.pairwise(widths)]
        self.cells = nn.Sequential(*stages[0], *halvings[0], *stages[1], *halvings[1], *stages[2])
        self.last = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features = self.last(self.cells(self.stem(pictures)))
        return self.classifier(features.mean((2, 3)))


@fc.model(
    **{edge: fc.Choice(*OPERATIONS) for edge in EDGES},
    batch=fc.Int(2, 512),
    example=lambda batch: torch.randn(batch, 3, 32, 32),
)
def network(
    edge_0_1: str, edge_0_2: str, edge_1_2: str, edge_0_3: str, edge_1_3: str, edge_2_3: str
) -> Network:
    operations = (edge_0_1, edge_0_2, edge_1_2, edge_0_3, edge_1_3, edge_2_3)
    return Network(16, dict(zip(EDGES, operations, strict=True)))


def main() -> None:
    cost = fc.cost(network)
    print("parameters:", cost.parameters)
    print("peak memory in bytes:", cost.peak_memory)
    print("the largest cell under 300 MFLOP in one picture's inference:")
    print(fc.maximize(cost.parameters, cost.flops <= "600 MFLOP", batch=2))


if __name__ == "__main__":
    main()
