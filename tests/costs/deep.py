"""Small factories whose depth is a hyperparameter, in the ways that depth is written."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

import fxcost as fc

SIZES = {"width": fc.Int(8, 32, step=8), "batch": fc.Int(2, 8)}


def vectors(batch, width):
    return torch.zeros(batch, width)


def deep(example=vectors, **domains):
    """Return the decorator of a factory with a width, a batch and the domains given."""
    return fc.model(example=example, **SIZES | domains)


class Residual(nn.Module):
    def __init__(self, width, rate=0.0):
        super().__init__()
        self.norm, self.up, self.down = (
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
        )
        self.rate = rate

    def forward(self, x):
        y = self.down(functional.gelu(self.up(self.norm(x))))
        if self.rate and self.training:
            y = functional.dropout(y, self.rate)
        return x + y


class Looped(nn.Module):
    """Layers in a ModuleList, called one after the other."""

    def __init__(self, *layers, head=None):
        super().__init__()
        self.layers, self.head = nn.ModuleList(layers), head or nn.Identity()

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = Residual(width)

    def forward(self, x):
        b, s, w = x.shape
        heads = (b, s, self.heads, w // self.heads)
        q, k, v = (part.view(heads).transpose(1, 2) for part in self.qkv(self.norm(x)).split(w, -1))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.mlp(x + self.out(y.transpose(1, 2).reshape(b, s, w)))


class Gpt(nn.Module):
    def __init__(self, depth, width, heads):
        super().__init__()
        self.tokens = nn.Embedding(50, width)
        self.blocks = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, 50, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        x = self.tokens(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


@deep(
    lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
    depth=fc.Int(1, 24),
    heads=fc.Choice(2, 4),
    seq=fc.Int(4, 16),
)
def gpt(depth, width, heads):
    return Gpt(depth, width, heads)


@deep(depth=fc.Int(1, 30))
def sequential(depth, width):
    return nn.Sequential(*[nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(depth)])


class Crossed(nn.Module):
    """A decoder's layer: what the encoder returned lives as long as the decoder runs."""

    def __init__(self, width):
        super().__init__()
        self.own, self.other = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)

    def forward(self, x, memory):
        return x + functional.glu(self.own(x) * self.other(memory))


class EncoderDecoder(nn.Module):
    def __init__(self, encoder, decoder, width):
        super().__init__()
        self.stem = nn.Linear(width, width)
        self.encoder = nn.ModuleList([Residual(width) for _ in range(encoder)])
        self.decoder = nn.ModuleList([Crossed(width) for _ in range(decoder)])

    def forward(self, x):
        memory = y = self.stem(x)
        for layer in self.encoder:
            memory = layer(memory)
        for layer in self.decoder:
            y = layer(y, memory)
        return y


@deep(encoder=fc.Int(1, 4), decoder=fc.Int(2, 4))
def encoder_decoder(encoder, decoder, width):
    return EncoderDecoder(encoder, decoder, width)


@deep(depth=fc.Int(2, 14, step=2))
def in_pairs(depth, width):
    return Looped(*(Residual(width) if index % 2 else nn.Tanh() for index in range(depth)))


@deep(depth=fc.Int(0, 12))
def from_none(depth, width):
    return Looped(
        nn.Linear(width, 3 * width), nn.Linear(3 * width, width), *(Residual(width) for _ in range(depth))
    )


@deep(depth=fc.Choice(7, 1, 3, 5, 9))
def listed(depth, width):
    return Looped(*(Residual(width) for _ in range(depth)))


@deep(depth=fc.Int(1, 16))
def multiplied(depth, width):
    widths = [width] + [2 * width] * depth + [width]
    return nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(widths)))


@deep(depth=fc.Int(1, 9))
def last_special(depth, width):
    layers = []
    for index in range(depth):
        layers.append(Residual(width))
        if index == depth - 1:
            layers.append(nn.Linear(width, 5))
    return nn.Sequential(*layers)


@deep(depth=fc.Int(1, 14))
def first_special(depth, width):
    return nn.Sequential(*(nn.Linear(width if i == 0 else 3 * width, 3 * width) for i in range(depth)))


@deep(depth=fc.Int(1, 9))
def branching(depth, width):
    layers = [Residual(width) for _ in range(depth)]
    if depth > 4:
        layers.append(nn.Linear(width, 7 * width))
    return Looped(*layers)


@deep(depth=fc.Int(1, 10))
def refusing(depth, width):
    if depth < 3:
        raise ValueError("too shallow")
    return nn.Sequential(*[Residual(width) for _ in range(depth)])


@deep(depth=fc.Int(1, 12))
def stochastic(depth, width):
    rates = [rate.item() for rate in torch.linspace(0, 0.2, depth)]
    return Looped(*(Residual(width, rate) for rate in rates))


@deep(depth=fc.Int(2, 12))
def stochastic_by_hand(depth, width):
    return Looped(*(Residual(width, 0.1 * index / (depth - 1)) for index in range(depth)))


class Steps(nn.Module):
    def __init__(self, width, steps):
        super().__init__()
        self.cell, self.steps = nn.GRUCell(width, width), steps

    def forward(self, x):
        h = torch.zeros_like(x)
        outputs = []
        for _ in range(self.steps):
            h = self.cell(x, h)
            outputs.append(h)
        return torch.stack(outputs).sum(0)


@deep(steps=fc.Int(1, 9))
def time_steps(width, steps):
    return Steps(width, steps)


class Unrolled(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cell = nn.RNNCell(width, width)

    def forward(self, x):
        h = None
        for step in range(x.shape[1]):
            h = self.cell(x[:, step], h)
        return h


@deep(lambda batch, seq, width: torch.zeros(batch, seq, width), seq=fc.Int(1, 12))
def unrolled(width):
    return Unrolled(width)


class Dense(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear((index + 1) * width, width) for index in range(depth))

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


@deep(depth=fc.Int(1, 7))
def dense(depth, width):
    return Dense(depth, width)


class UNet(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(width * 2**i, width * 2 ** (i + 1), 2, 2) for i in range(depth))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, 2) for i in reversed(range(depth))
        )

    def forward(self, x):
        skips = []
        for layer in self.down:
            skips.append(x)
            x = functional.relu(layer(x))
        for layer in self.up:
            x = layer(x) + skips.pop()
        return x


@deep(lambda batch, width: torch.zeros(batch, width, 16, 16), depth=fc.Int(1, 4))
def unet(width, depth):
    return UNet(width, depth)


@deep(stem=fc.Int(0, 3), body=fc.Int(0, 3), head=fc.Int(1, 3))
def three(stem, body, head, width):
    narrow = [nn.Linear(width, width) for _ in range(stem)]
    middle = [Residual(width) for _ in range(body)]
    last = [nn.Sequential(nn.Linear(width, width, bias=False), nn.Tanh()) for _ in range(head)]
    return nn.Sequential(*narrow, *middle, nn.Linear(width, width), *last)


@deep(outer=fc.Int(1, 4), inner=fc.Int(1, 3))
def nested(outer, inner, width):
    return nn.Sequential(
        *(Looped(*(nn.Linear(width, width) for _ in range(inner)), head=nn.ReLU()) for _ in range(outer))
    )


@deep(depth=fc.Int(1, 12))
def every_third(depth, width):
    return nn.Sequential(*(Residual(width) if i % 3 == 2 else nn.Linear(width, width) for i in range(depth)))


@deep(depth=fc.Int(1, 9))
def halves(depth, width):
    return nn.Sequential(
        *[nn.Linear(width, width)] * 1,
        *(Residual(width) if i < depth // 2 else nn.Tanh() for i in range(depth)),
    )


@deep(depth=fc.Int(1, 12))
def late_special(depth, width):
    """No shorter trace shows the layer without a bias."""
    return nn.Sequential(*(nn.Linear(width, width, bias=index != 7) for index in range(depth)))


@deep(depth=fc.Int(1, 30))
def far_special(depth, width):
    rows = [nn.Linear(width, width) for _ in range(depth)]

    def forward(self, x):
        for index, layer in enumerate(self.layers):
            x = torch.relu(layer(x)) if index % 20 == 19 else layer(x)
        return x

    model = Looped(*rows)
    model.forward = forward.__get__(model)
    return model


@deep(depth=fc.Int(1, 14))
def late_half(depth, width):
    """The lists' lengths are fixed, and below 0 where the depth is small."""
    kinds = ["plain"] * 7 + ["wide"] * (depth - 7)
    layers = {"plain": lambda: nn.Linear(width, width), "wide": lambda: Residual(width)}
    return nn.Sequential(*(layers[kinds[index]]() for index in range(depth)))


@deep(depth=fc.Int(1, 14))
def bounded(depth, width):
    return nn.Sequential(nn.Linear(width, width), *(Residual(width) for _ in range(min(depth, 9))))
