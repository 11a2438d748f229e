"""Which sub-networks of a once-for-all MobileNetV3 fit a phone?

A space in the style of Once-for-All (Cai et al., ICLR 2020): five stages of up to four inverted residual
blocks, each with a kernel and an expansion of its own, each stage with a depth; a width multiplier and the
resolution. That is more than 10^18 sub-networks, and one closed form.

    python examples/once_for_all.py
    fxcost check examples/once_for_all.py:network --device rtx-4090 --set batch=64
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import fxcost as fc

DEEPEST, LEAST_DEPTH = 4, 2


@dataclass(frozen=True)
class Stage:
    """What the blocks of a stage have in common; its first block strides."""

    channels: int
    stride: int
    excites: bool
    activation: Callable[[], nn.Module]


STAGES = (
    Stage(24, 2, False, nn.ReLU),
    Stage(40, 2, True, nn.ReLU),
    Stage(80, 2, False, nn.Hardswish),
    Stage(112, 1, True, nn.Hardswish),
    Stage(160, 2, True, nn.Hardswish),
)
BLOCKS = range(DEEPEST * len(STAGES))


def divisible(channels: float, by: int = 8) -> int:
    return max(by, int(channels + by / 2) // by * by)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        squeezed = nn.functional.relu(self.reduce(features.mean((2, 3), keepdim=True)))
        return features * nn.functional.hardsigmoid(self.expand(squeezed))


class Block(nn.Module):
    """Expands, convolves every channel by itself, excites, projects; adds its input where shapes agree."""

    def __init__(
        self, inputs: int, stage: Stage, width: float, kernel: int, expand: int, *, first: bool
    ) -> None:
        super().__init__()
        outputs, inner = divisible(stage.channels * width), inputs * expand
        convolution = nn.Conv2d(
            inner, inner, kernel, stage.stride if first else 1, kernel // 2, groups=inner, bias=False
        )
        layers = [nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), stage.activation()]
        layers += [convolution, nn.BatchNorm2d(inner), stage.activation()]
        if stage.excites:
            layers.append(SqueezeExcite(inner))
        self.body = nn.Sequential(*layers, nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.adds = not first

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        made = self.body(features)
        return features + made if self.adds else made


class Network(nn.Module):
    """The sub-network that the choices make; a block deeper than its stage's depth is left out."""

    def __init__(self, width: float, choices: dict[str, Any], classes: int = 1000) -> None:
        super().__init__()
        channels = divisible(16 * width)
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.Hardswish()
        )
        blocks: list[nn.Module] = []
        for place in BLOCKS:
            number, layer = divmod(place, DEEPEST)
            build = self.block(channels, STAGES[number], width, choices, place)
            channels = divisible(STAGES[number].channels * width)
            if layer < LEAST_DEPTH:
                blocks.append(build())
                continue
            deep_enough = choices[f"depth_{number}"] > layer
            blocks.append(fc.Switch(deep_enough, {True: build, False: nn.Identity}))
        self.blocks = nn.Sequential(*blocks)
        features = divisible(960 * width)
        self.head = nn.Sequential(
            nn.Conv2d(channels, features, 1, bias=False), nn.BatchNorm2d(features), nn.Hardswish()
        )
        self.classifier = nn.Linear(features, classes)

    @staticmethod
    def block(
        inputs: int, stage: Stage, width: float, choices: dict[str, Any], place: int
    ) -> Callable[[], Block]:
        kernel, expand = choices[f"kernel_{place}"], choices[f"expand_{place}"]
        return lambda: Block(inputs, stage, width, kernel, expand, first=place % DEEPEST == 0)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features = self.head(self.blocks(self.stem(pictures)))
        return self.classifier(features.mean((2, 3)))


@fc.model(
    width=fc.Choice(0.75, 1.0, 1.25),
    **{f"depth_{stage}": fc.Choice(2, 3, 4) for stage in range(len(STAGES))},
    **{f"kernel_{place}": fc.Choice(3, 5, 7) for place in BLOCKS},
    **{f"expand_{place}": fc.Choice(3, 4, 6) for place in BLOCKS},
    batch=fc.Int(2, 64),
    resolution=fc.Int(96, 224, step=16),
    example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
)
def network(width: float, **choices: Any) -> Network:
    return Network(width, choices)


def main() -> None:
    cost = fc.cost(network)
    asked = {"batch": 2, "resolution": 224}
    smallest = fc.minimize(cost.parameters, **asked)
    print("parameters:", smallest)
    print("its peak memory in bytes:", cost.peak_memory(**smallest.config))
    fits = cost.peak_memory <= "32 MiB"
    print("Does every sub-network classify two pictures in 32 MiB?", fits.prove(**asked))


if __name__ == "__main__":
    main()
