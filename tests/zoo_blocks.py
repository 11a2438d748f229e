"""The zoo's factories in plain PyTorch that mix tokens, views and experts in ways of their own."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

import fxcost as fc
from tests.zoo_domains import BATCH, DEPTH, TEXTS, hidden_states, pictures, signals


class Siamese(nn.Module):
    def __init__(self, channels, embedding, depth):
        super().__init__()
        layers = [nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        for _ in range(depth):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, embedding)]
        self.encoder = nn.Sequential(*layers)

    def forward(self, left, right):
        return functional.pairwise_distance(self.encoder(left), self.encoder(right))


@fc.model(
    channels=fc.Int(8, 32, step=8),
    embedding=fc.Int(8, 64, step=8),
    depth=fc.Int(1, 4),
    batch=BATCH,
    resolution=fc.Int(32, 64, step=16),
    example=lambda batch, resolution: (pictures(batch, resolution), pictures(batch, resolution)),
)
def siamese(channels, embedding, depth):
    return Siamese(channels, embedding, depth)


class RadianceField(nn.Module):
    def __init__(self, frequencies, hidden, depth):
        super().__init__()
        self.frequencies = frequencies
        inputs = 3 + 6 * frequencies
        self.inputs = nn.Linear(inputs, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth))
        self.skip = nn.Linear(hidden + inputs, hidden)
        self.colour, self.density = nn.Linear(hidden, 3), nn.Linear(hidden, 1)

    def forward(self, points):
        scales = 2.0 ** torch.arange(self.frequencies) * math.pi
        angles = (points[..., None] * scales).flatten(-2)
        encoded = torch.cat([points, angles.sin(), angles.cos()], dim=-1)
        states = torch.relu(self.inputs(encoded))
        for layer in self.layers:
            states = torch.relu(layer(states))
        states = torch.relu(self.skip(torch.cat([states, encoded], dim=-1)))
        return torch.cat([self.colour(states).sigmoid(), functional.softplus(self.density(states))], dim=-1)


@fc.model(
    frequencies=fc.Int(2, 10),
    hidden=fc.Int(32, 128, step=32),
    depth=DEPTH,
    rays=fc.Int(10, 100, step=10),
    samples=fc.Int(8, 32, step=8),
    example=lambda rays, samples: torch.randn(rays, samples, 3),
)
def radiance_field(frequencies, hidden, depth):
    return RadianceField(frequencies, hidden, depth)


class Perceiver(nn.Module):
    def __init__(self, features, latents, width, heads, depth):
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(latents, width))
        self.inputs = nn.Linear(features, width)
        self.read = nn.MultiheadAttention(width, heads, batch_first=True)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, batch_first=True, norm_first=True)
        self.process = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, signal):
        memory = self.inputs(signal)
        latents = self.latents.expand(signal.shape[0], -1, -1)
        states = latents + self.read(latents, memory, memory, need_weights=False)[0]
        return self.head(self.process(states).mean(dim=1))


@fc.model(
    space=fc.Space(
        features=fc.Int(4, 32, step=4),
        latents=fc.Int(4, 16, step=4),
        width=fc.Int(32, 96, step=16),
        heads=fc.Choice(2, 4),
        depth=DEPTH,
        **TEXTS,
    ),
    example=signals,
)
def perceiver(features, latents, width, heads, depth):
    return Perceiver(features, latents, width, heads, depth)


class LinearAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, states):
        batch, seq, width = states.shape
        query, key, value = self.qkv(states).view(batch, seq, 3, self.heads, -1).unbind(dim=2)
        query, key = functional.elu(query) + 1, functional.elu(key) + 1
        memory = torch.einsum("bshd,bshe->bhde", key, value)
        scale = torch.einsum("bshd,bhd->bsh", query, key.sum(dim=1))
        mixed = torch.einsum("bshd,bhde->bshe", query, memory) / scale[..., None]
        return states + self.out(mixed.reshape(batch, seq, width))


@fc.model(
    space=fc.Space(width=fc.Int(32, 128, step=16), heads=fc.Choice(2, 4, 8), depth=DEPTH, **TEXTS),
    example=hidden_states,
)
def linear_attention(width, heads, depth):
    return nn.Sequential(*[LinearAttention(width, heads) for _ in range(depth)])


class SoftExperts(nn.Module):
    def __init__(self, width, hidden, experts):
        super().__init__()
        self.router = nn.Linear(width, experts)
        self.up = nn.Parameter(torch.randn(experts, width, hidden) / 10)
        self.down = nn.Parameter(torch.randn(experts, hidden, width) / 10)

    def forward(self, states):
        weights = self.router(states).softmax(dim=-1)
        hidden = functional.gelu(torch.einsum("bsd,edh->besh", states, self.up))
        outputs = torch.einsum("besh,ehd->besd", hidden, self.down)
        return states + torch.einsum("besd,bse->bsd", outputs, weights)


@fc.model(
    width=fc.Int(16, 64, step=16),
    hidden=fc.Int(32, 128, step=32),
    experts=fc.Int(2, 8),
    depth=fc.Int(1, 4),
    **TEXTS,
    example=hidden_states,
)
def soft_experts(width, hidden, experts, depth):
    return nn.Sequential(*[SoftExperts(width, hidden, experts) for _ in range(depth)])


class ConformerBlock(nn.Module):
    def __init__(self, width, heads, kernel):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.convolution = nn.Sequential(
            nn.Conv1d(width, 2 * width, 1),
            nn.GLU(dim=1),
            nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width),
            nn.BatchNorm1d(width),
            nn.SiLU(),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, states):
        states = states + self.feed(states) / 2
        normal = self.norm1(states)
        states = states + self.attention(normal, normal, normal, need_weights=False)[0]
        states = states + self.convolution(self.norm2(states).transpose(1, 2)).transpose(1, 2)
        return self.norm3(states)


@fc.model(
    space=fc.Space(
        width=fc.Int(32, 96, step=16),
        heads=fc.Choice(2, 4),
        kernel=fc.Choice(3, 7, 15),
        depth=fc.Int(1, 4),
        **TEXTS,
    ),
    example=hidden_states,
)
def conformer(width, heads, kernel, depth):
    return nn.Sequential(*[ConformerBlock(width, heads, kernel) for _ in range(depth)])


BLOCKS = (siamese, radiance_field, perceiver, linear_attention, soft_experts, conformer)
