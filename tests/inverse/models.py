"""Real models, small, and GPUs of any size to run them on."""

from __future__ import annotations

import dataclasses
import functools

import timm
import torch
import torchvision

import fxcost as fc
from examples.gpt import gpt
from fxcost.devices import find
from fxcost.gpu import Card


@fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 3, 64, 64))
def resnet():
    return torchvision.models.resnet18(num_classes=10)


@fc.model(batch=fc.Int(2, 64), example=lambda batch: torch.zeros(batch, 3, 32, 32))
def vit():
    return timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=4, embed_dim=64, depth=3, num_heads=2, num_classes=10
    )


@fc.model(batch=fc.Int(2, 4096), example=lambda batch: torch.zeros(batch, 256))
def layers():
    return torch.nn.Sequential(torch.nn.Linear(256, 4096), torch.nn.Tanh(), torch.nn.Linear(4096, 256))


FACTORIES = {"resnet": resnet, "vit": vit, "gpt": gpt, "layers": layers}
SETTINGS = {
    "resnet": {"batch": 16},
    "vit": {"batch": 32},
    "layers": {"batch": 4096},
    "gpt": {"width": 256, "heads": 4, "depth": 3, "batch": 4, "seq": 512},
}


@functools.cache
def cost_of(name: str, optimizer: str = "SGD", **recipe: object) -> fc.Cost:
    """Return a model's costs on an RTX 4090."""
    training = fc.Training(getattr(torch.optim, optimizer), **recipe)
    return fc.cost(FACTORIES[name], training=training, device="rtx-4090")


def card_with(usable: int, name: str = "rtx-4090", margin: float = 0.0) -> Card:
    """Return a card with so many usable bytes, and no doubt about what it needs."""
    device = find(name)
    context = device.memory - Card.of(device).usable
    return Card(dataclasses.replace(device, memory=usable + context), margin=margin)
