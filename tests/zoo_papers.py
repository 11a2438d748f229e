"""The zoo's factories in plain PyTorch of models that papers describe."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

import fxcost as fc
from tests.zoo_domains import BATCH, CLASSES, DEPTH, TEXTS, VOCABULARY, pictures, texts


class RotaryAttention(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.head_width = heads, kv_heads, width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * kv_heads * self.head_width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def rotated(self, states):
        half = self.head_width // 2
        frequencies = 10000.0 ** (-torch.arange(half) / half)
        angles = torch.arange(states.shape[2])[:, None] * frequencies
        first, second = states.chunk(2, dim=-1)
        cosine, sine = angles.cos(), angles.sin()
        return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)

    def forward(self, states):
        batch, seq, width = states.shape
        query = self.query(states).view(batch, seq, self.heads, -1).transpose(1, 2)
        key, value = self.key_value(states).view(batch, seq, 2, self.kv_heads, -1).permute(2, 0, 3, 1, 4)
        repeats = self.heads // self.kv_heads
        key, value = (each.repeat_interleave(repeats, dim=1) for each in (self.rotated(key), value))
        mixed = functional.scaled_dot_product_attention(self.rotated(query), key, value, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(batch, seq, width))


class ModernBlock(nn.Module):
    def __init__(self, width, heads, kv_heads, hidden):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attention = RotaryAttention(width, heads, kv_heads)
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, states):
        states = states + self.attention(self.norm1(states))
        normal = self.norm2(states)
        return states + self.down(functional.silu(self.gate(normal)) * self.up(normal))


@fc.model(
    space=fc.Space(
        vocabulary=VOCABULARY,
        width=fc.Int(32, 128, step=16),
        heads=fc.Choice(2, 4, 8),
        kv_heads=fc.Choice(1, 2),
        depth=DEPTH,
        **TEXTS,
    ).where("width % (2 * heads) == 0"),
    example=texts,
)
def modern_gpt(vocabulary, width, heads, kv_heads, depth):
    hidden = int(8 * width / 3)
    blocks = [ModernBlock(width, heads, kv_heads, hidden) for _ in range(depth)]
    return nn.Sequential(nn.Embedding(vocabulary, width), *blocks, nn.Linear(width, vocabulary))


class Seq2Seq(nn.Module):
    def __init__(self, vocabulary, hidden, encoder_depth, decoder_depth):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.encoder = nn.LSTM(hidden, hidden, encoder_depth, batch_first=True)
        self.decoder = nn.LSTM(hidden, hidden, decoder_depth, batch_first=True)
        self.head = nn.Linear(2 * hidden, vocabulary)

    def forward(self, source, target):
        memory, _ = self.encoder(self.embedding(source))
        states, _ = self.decoder(self.embedding(target))
        weights = torch.softmax(states @ memory.transpose(1, 2), dim=-1)
        return self.head(torch.cat([states, weights @ memory], dim=-1))


@fc.model(
    vocabulary=VOCABULARY,
    hidden=fc.Int(16, 64, step=16),
    encoder_depth=fc.Int(1, 3),
    decoder_depth=fc.Int(1, 3),
    **TEXTS,
    example=lambda batch, seq: (texts(batch, seq), texts(batch, seq // 2)),
)
def seq2seq(vocabulary, hidden, encoder_depth, decoder_depth):
    return Seq2Seq(vocabulary, hidden, encoder_depth, decoder_depth)


class TemporalBlock(nn.Module):
    def __init__(self, inputs, outputs, kernel, dilation):
        super().__init__()
        convolution = nn.Conv1d(inputs, outputs, kernel, padding=(kernel - 1) * dilation, dilation=dilation)
        self.convolution = nn.utils.parametrizations.weight_norm(convolution)
        self.shortcut = nn.Conv1d(inputs, outputs, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, signal):
        causal = self.convolution(signal)[..., : signal.shape[-1]]
        return self.shortcut(signal) + self.dropout(functional.relu(causal))


@fc.model(
    features=fc.Int(4, 32, step=4),
    channels=fc.Int(8, 48, step=8),
    kernel=fc.Choice(2, 3, 5),
    depth=DEPTH,
    batch=BATCH,
    samples=fc.Int(100, 300, step=50),
    example=lambda batch, features, samples: torch.randn(batch, features, samples),
)
def temporal_convolutions(features, channels, kernel, depth):
    blocks = [
        TemporalBlock(features if layer == 0 else channels, channels, kernel, 2**layer)
        for layer in range(depth)
    ]
    return nn.Sequential(*blocks)


class GraphConvolutions(nn.Module):
    def __init__(self, features, hidden, depth, classes):
        super().__init__()
        self.embed = nn.Linear(features, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth))
        self.head = nn.Linear(hidden, classes)

    def forward(self, nodes, adjacency):
        scale = adjacency.sum(dim=1).clamp(min=1).rsqrt()
        normal = scale[:, None] * adjacency * scale[None, :]
        states = self.embed(nodes)
        for layer in self.layers:
            states = functional.dropout(torch.relu(normal @ layer(states)), 0.5, self.training)
        return self.head(states)


@fc.model(
    features=fc.Int(8, 64, step=8),
    hidden=fc.Int(16, 128, step=16),
    depth=DEPTH,
    classes=CLASSES,
    nodes=fc.Int(50, 300, step=50),
    example=lambda nodes, features: (torch.randn(nodes, features), torch.ones(nodes, nodes)),
)
def graph_convolutions(features, hidden, depth, classes):
    return GraphConvolutions(features, hidden, depth, classes)


def perceptron(inputs, hidden, outputs, depth):
    layers = [nn.Linear(inputs, hidden), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(hidden, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))


class VariationalAutoencoder(nn.Module):
    def __init__(self, features, hidden, latent, depth):
        super().__init__()
        self.encoder = perceptron(features, hidden, 2 * latent, depth)
        self.decoder = perceptron(latent, hidden, features, depth)

    def forward(self, data):
        mean, log_variance = self.encoder(data).chunk(2, dim=-1)
        latent = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=-1)
        return functional.mse_loss(self.decoder(latent), data) + divergence.mean()


@fc.model(
    features=fc.Int(32, 256, step=32),
    hidden=fc.Int(32, 256, step=32),
    latent=fc.Int(2, 32, step=2),
    depth=DEPTH,
    batch=fc.Int(2, 64),
    example=lambda batch, features: torch.randn(batch, features),
)
def variational_autoencoder(features, hidden, latent, depth):
    return VariationalAutoencoder(features, hidden, latent, depth)


@fc.model(
    features=fc.Int(8, 24, step=8),
    depth=fc.Int(1, 3),
    batch=BATCH,
    resolution=fc.Int(32, 64, step=16),
    example=pictures,
    loss=lambda output: functional.binary_cross_entropy_with_logits(output, torch.ones_like(output)),
)
def dcgan_discriminator(features, depth):
    layers = [nn.Conv2d(3, features, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for level in range(depth):
        narrow, wide = features * 2**level, features * 2 ** (level + 1)
        layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*layers, nn.Conv2d(features * 2**depth, 1, 1))


class TimedBlock(nn.Module):
    def __init__(self, channels, groups, time_width):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(groups, channels), nn.GroupNorm(groups, channels)
        self.convolution1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.convolution2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(time_width, channels)

    def forward(self, picture, time):
        states = self.convolution1(functional.silu(self.norm1(picture)))
        states = states + self.time(functional.silu(time))[:, :, None, None]
        return picture + self.convolution2(functional.silu(self.norm2(states)))


class DiffusionModel(nn.Module):
    def __init__(self, channels, groups, depth, time_width):
        super().__init__()
        self.time_width = time_width
        self.inputs = nn.Conv2d(3, channels, 3, padding=1)
        self.down = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.up = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.high = nn.ModuleList(TimedBlock(channels, groups, time_width) for _ in range(depth))
        self.low = nn.ModuleList(TimedBlock(channels, groups, time_width) for _ in range(depth))
        self.outputs = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, picture, step):
        half = self.time_width // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half) / half)
        angles = step[:, None].float() * frequencies[None]
        time = torch.cat([angles.sin(), angles.cos()], dim=-1)
        states = self.inputs(picture)
        for block in self.high:
            states = block(states, time)
        low = self.down(states)
        for block in self.low:
            low = block(low, time)
        raised = functional.interpolate(low, scale_factor=2, mode="nearest")
        return self.outputs(self.up(torch.cat([states, raised], dim=1)))


@fc.model(
    space=fc.Space(
        channels=fc.Int(8, 24, step=4),
        groups=fc.Choice(1, 2, 4),
        depth=fc.Int(1, 4),
        time_width=fc.Int(16, 64, step=16),
        batch=BATCH,
        resolution=fc.Int(16, 48, step=16),
    ),
    example=lambda batch, resolution: (pictures(batch, resolution), torch.ones(batch, dtype=torch.long)),
)
def diffusion_model(channels, groups, depth, time_width):
    return DiffusionModel(channels, groups, depth, time_width)


class PointNet(nn.Module):
    def __init__(self, width, depth, classes):
        super().__init__()
        layers = [nn.Conv1d(3, width, 1), nn.BatchNorm1d(width), nn.ReLU()]
        for _ in range(depth):
            layers += [nn.Conv1d(width, width, 1), nn.BatchNorm1d(width), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, classes))

    def forward(self, points):
        return self.head(self.features(points).amax(dim=-1))


@fc.model(
    width=fc.Int(16, 128, step=16),
    depth=DEPTH,
    classes=CLASSES,
    batch=BATCH,
    points=fc.Int(100, 500, step=100),
    example=lambda batch, points: torch.randn(batch, 3, points),
)
def point_net(width, depth, classes):
    return PointNet(width, depth, classes)


class DeepFM(nn.Module):
    def __init__(self, fields, values, width, hidden, depth):
        super().__init__()
        self.linear = nn.ModuleList(nn.Embedding(values, 1) for _ in range(fields))
        self.embeddings = nn.ModuleList(nn.Embedding(values, width) for _ in range(fields))
        self.deep = perceptron(fields * width, hidden, 1, depth)

    def forward(self, ids):
        linear = sum(table(ids[:, field]) for field, table in enumerate(self.linear))
        stacked = torch.stack([table(ids[:, field]) for field, table in enumerate(self.embeddings)], dim=1)
        pairs = stacked.sum(dim=1).square() - stacked.square().sum(dim=1)
        return linear + pairs.sum(dim=1, keepdim=True) / 2 + self.deep(stacked.flatten(1))


@fc.model(
    fields=fc.Int(2, 6),
    values=fc.Int(50, 500, step=50),
    width=fc.Int(4, 32, step=4),
    hidden=fc.Int(16, 128, step=16),
    depth=DEPTH,
    batch=fc.Int(2, 64),
    example=lambda batch, fields: texts(batch, fields),
    loss=lambda output: output.sigmoid().mean(),
)
def deep_fm(fields, values, width, hidden, depth):
    return DeepFM(fields, values, width, hidden, depth)


PAPERS = (modern_gpt, seq2seq, temporal_convolutions, graph_convolutions, variational_autoencoder)
PAPERS += (dcgan_discriminator, diffusion_model, point_net, deep_fm)
