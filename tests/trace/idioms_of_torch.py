"""Ways to build and run a module in torch; every one must stay symbolic."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

import fxcost as fc
from tests.trace.idioms import (
    PICTURE,
    SEQUENCE,
    Wrapped,
    idiom,
    pictures,
    states,
    tokens,
    two_layers,
    vectors,
)

GROUPS = {"groups": fc.Choice(2, 4, 8), "width": fc.Int(8, 64, step=8)}


@idiom(pictures, **GROUPS, **PICTURE)
def normalised_groups(width, groups):
    norms = nn.GroupNorm(groups, width), nn.GroupNorm(width // 8, width, affine=False)
    return nn.Sequential(nn.Conv2d(3, width, 3), *norms)


@idiom(pictures, **GROUPS, **PICTURE)
def normalised_groups_channels_last(width, groups):
    layers = nn.Sequential(nn.Conv2d(3, width, 3), nn.GroupNorm(groups, width), nn.SiLU())
    return Wrapped(lambda self, x: self.layers(x.to(memory_format=torch.channels_last)), layers=layers)


@idiom(pictures, **GROUPS, **PICTURE)
def grouped_convolutions(width, groups):
    depthwise = nn.Conv2d(2 * width, 2 * width, 3, groups=2 * width)
    up = nn.ConvTranspose2d(2 * width, width, 2, groups=groups)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.Conv2d(width, 2 * width, 3, groups=groups), depthwise, up)


@idiom(pictures, kernel=fc.Choice(3, 5, 7), **PICTURE)
def kernel_sizes(width, kernel):
    first = nn.Conv2d(3, width, kernel, padding=kernel // 2)
    return nn.Sequential(first, nn.Conv2d(width, 3, kernel, stride=2))


@idiom()
def lazy_layers(width):
    layers = nn.Sequential(nn.LazyLinear(2 * width), nn.ReLU(), nn.LazyLinear(3, bias=False))
    layers(torch.zeros(1, width))
    return layers


@idiom(pictures, **PICTURE)
def lazy_convolutions(width):
    convolutions = nn.LazyConv2d(width, 3), nn.LazyBatchNorm2d(), nn.LazyConvTranspose2d(width, 2, 2)
    ends = nn.LazyInstanceNorm2d(affine=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(4)
    layers = nn.Sequential(*convolutions, *ends)
    layers(torch.zeros(2, 3, 16, 16))
    return layers


class OwnParameters(nn.Module):
    """Parameters and buffers made by hand, some of them None."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, 2 * width))
        self.scales = nn.ParameterList([nn.Parameter(torch.randn(2 * width)) for _ in range(2)])
        self.offsets = nn.ParameterDict({"first": nn.Parameter(torch.zeros(width))})
        self.register_parameter("bias", None)
        self.register_buffer("steps", torch.arange(width), persistent=False)
        self.register_buffer("nothing", None)

    def forward(self, x):
        return (x + self.steps + self.offsets["first"]) @ self.weight * self.scales[0] + self.scales[1]


@idiom()
def own_parameters(width):
    return OwnParameters(width)


class Symmetric(nn.Module):
    """A parametrization by hand."""

    def forward(self, weight):
        return weight.triu() + weight.triu(1).transpose(-1, -2)


@idiom()
def parametrizations_of_weights(width):
    symmetric, spectral = nn.Linear(width, width), parametrizations.spectral_norm(nn.Linear(width, 3))
    parametrize.register_parametrization(symmetric, "weight", Symmetric())
    return nn.Sequential(symmetric, spectral)


@idiom()
def orthogonal_weights(width):
    return parametrizations.orthogonal(nn.Linear(width, width))


@idiom()
def checkpointed_sequences(width):
    def forward(self, x):
        return checkpoint_sequential(self.blocks, 2, self.first(x), use_reentrant=False)

    blocks = nn.Sequential(*(two_layers(width, 4 * width) for _ in range(4)))
    return Wrapped(forward, first=nn.Linear(width, width), blocks=blocks)


@idiom()
def checkpointed_reentrantly(width):
    def forward(self, x):
        return checkpoint(self.block, self.first(x).requires_grad_(), use_reentrant=True)

    return Wrapped(forward, first=nn.Linear(width, width), block=two_layers(width, 4 * width))


@idiom(batch=fc.Int(2, 14, step=2), loss=lambda outputs: sum(output.mean() for output in outputs) / 2)
def gradients_of_two_micro_batches(width):
    def forward(self, x):
        half = x.shape[0] // 2
        return [self.layers(part) for part in (x[:half], x[half:])]

    return Wrapped(forward, layers=two_layers(width, 2 * width))


@idiom()
def inference_mode_inside(width):
    def forward(self, x):
        with torch.inference_mode():
            target = self.teacher(x)
        return self.student(x) + target.sum()

    return Wrapped(forward, teacher=two_layers(width, 2 * width), student=nn.Linear(width, 3))


@idiom()
def a_teacher_without_gradients(width):
    @torch.no_grad()
    def taught(self, x):
        return self.teacher(x)

    def forward(self, x):
        return self.student(x) - taught(self, x).detach()

    return Wrapped(forward, teacher=two_layers(width, 2 * width), student=nn.Linear(width, width))


@idiom(tokens, **SEQUENCE)
def bags_of_embeddings_in_other_ways(width):
    bags = {mode: nn.EmbeddingBag(100, width, mode=mode) for mode in ("mean", "max")}
    return Wrapped(lambda self, ids: self.bags["mean"](ids) + self.bags["max"](ids), bags=nn.ModuleDict(bags))


@idiom(tokens, **SEQUENCE)
def bags_with_offsets(width):
    def forward(self, ids):
        return self.bags(ids.flatten(), torch.arange(0, ids.numel(), ids.shape[1]))

    return Wrapped(forward, bags=nn.EmbeddingBag(100, width, mode="sum"))


@idiom(states, heads=fc.Choice(2, 4), width=fc.Int(8, 64, step=4), **SEQUENCE)
def a_whole_transformer(width, heads):
    model = nn.Transformer(width, heads, 1, 1, 2 * width, batch_first=True)
    return Wrapped(lambda self, x: self.model(x, x), model=model)


@idiom()
def plain_recurrent_cells(width):
    cells = nn.RNNCell(width, 2 * width), nn.RNNCell(2 * width, width, bias=False, nonlinearity="relu")
    return nn.Sequential(*cells)


@idiom(lambda batch, width: (vectors(batch, width), vectors(batch, width)))
def two_inputs(width):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.bilinear = nn.Bilinear(width, width, 5, bias=False)

        def forward(self, left, right):
            return self.bilinear(left, right)

    return Both()
