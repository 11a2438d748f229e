"""How wide a ResNet-50 trains on one card, and at which resolution?

torchvision's own `ResNet` class. Its bottleneck width and number of classes are declared as ranges, like the
batch and the pictures' resolution; the depths stay those of ResNet-50.

    python examples/resnet.py
    fxcost check examples/resnet.py:resnet --device rtx-4090 --set batch=64 --set resolution=224
"""

from __future__ import annotations

import torch
from torchvision.models.resnet import Bottleneck, ResNet

import fxcost as fc


@fc.model(
    width=fc.Int(16, 256, step=16),
    classes=fc.Int(10, 1000, step=10),
    batch=fc.Int(2, 256),
    resolution=fc.Int(64, 448, step=32),
    example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
)
def resnet(width: int, classes: int) -> ResNet:
    return ResNet(Bottleneck, [3, 4, 6, 3], width_per_group=width, num_classes=classes)


def main() -> None:
    sgd = fc.Training(optimizer=torch.optim.SGD, options={"lr": 0.1, "momentum": 0.9})
    cost = fc.cost(resnet, training=sgd)
    print("parameters:", cost.parameters)
    print("FLOPs of a training step:", cost.flops)
    print("peak memory in bytes:", cost.peak_memory)
    fits = cost.peak_memory <= "24 GiB"
    print(
        "Does the usual ResNet-50 fit in 24 GiB?",
        fits.prove(width=64, classes=1000, batch=64, resolution=224),
    )
    print("The widest that does:", fc.maximize(cost.parameters, fits, classes=1000, batch=64, resolution=224))


if __name__ == "__main__":
    main()
