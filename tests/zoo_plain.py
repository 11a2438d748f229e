"""The zoo's factories in plain PyTorch, with the modules they build: models that everybody writes."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

import fxcost as fc
from tests.zoo_domains import (
    BATCH,
    CLASSES,
    DEPTH,
    PICTURES,
    TEXTS,
    VOCABULARY,
    hidden_states,
    pictures,
    signals,
    texts,
)


@fc.model(
    features=fc.Int(8, 64, step=4),
    hidden=fc.Int(16, 256, step=16),
    depth=DEPTH,
    batch=fc.Int(1, 64),
    example=lambda batch, features: torch.randn((batch, features)),
    loss=lambda output: functional.mse_loss(output, torch.ones_like(output)),
)
def mlp(features, hidden, depth):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(hidden, hidden), nn.Tanh()]
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        *layers,
        nn.Dropout(0.2),
        nn.Linear(hidden, 1),
    )


class LSTMLanguageModel(nn.Module):
    def __init__(self, vocabulary, width, hidden, depth):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, hidden, num_layers=depth, batch_first=True, dropout=0.1)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, ids):
        states, _ = self.lstm(self.embedding(ids))
        return self.head(states)


@fc.model(
    vocabulary=VOCABULARY,
    width=fc.Int(16, 64, step=8),
    hidden=fc.Int(16, 96, step=8),
    depth=fc.Int(2, 4),
    **TEXTS,
    example=texts,
)
def lstm_language_model(vocabulary, width, hidden, depth):
    return LSTMLanguageModel(vocabulary, width, hidden, depth)


class GRUClassifier(nn.Module):
    def __init__(self, features, hidden, depth, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, depth, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, signal):
        states, _ = self.gru(signal)
        return self.head(states[:, -1])


@fc.model(
    features=fc.Int(4, 32, step=4),
    hidden=fc.Int(16, 64, step=8),
    depth=fc.Int(1, 4),
    classes=CLASSES,
    batch=BATCH,
    seq=fc.Int(4, 8),
    example=signals,
)
def gru_classifier(features, hidden, depth, classes):
    return GRUClassifier(features, hidden, depth, classes)


def double_convolution(inputs, outputs, groups):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(groups, outputs),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(groups, outputs),
        nn.SiLU(),
    )


class UNet(nn.Module):
    def __init__(self, channels, groups, depth):
        super().__init__()
        widths = [channels * 2**level for level in range(depth + 1)]
        pairs = list(itertools.pairwise(widths))
        self.stem = double_convolution(3, channels, groups)
        self.down = nn.ModuleList(double_convolution(narrow, wide, groups) for narrow, wide in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, stride=2) for narrow, wide in pairs)
        self.decode = nn.ModuleList(double_convolution(wide, narrow, groups) for narrow, wide in pairs)
        self.head = nn.Conv2d(channels, 1, 1)

    def forward(self, picture):
        skips = [self.stem(picture)]
        for block in self.down:
            skips.append(block(functional.max_pool2d(skips[-1], 2)))
        states = skips.pop()
        for up, decode in zip(reversed(self.up), reversed(self.decode), strict=True):
            states = decode(torch.cat([up(states), skips.pop()], dim=1))
        return self.head(states)


@fc.model(
    space=fc.Space(
        channels=fc.Int(8, 16, step=4),
        groups=fc.Choice(1, 2, 4, 8),
        depth=fc.Int(1, 3),
        batch=BATCH,
        resolution=fc.Int(32, 64, step=16),
    ).where("channels % groups == 0"),
    example=pictures,
    loss=lambda output: functional.binary_cross_entropy_with_logits(output, torch.ones_like(output)),
)
def unet(channels, groups, depth):
    return UNet(channels, groups, depth)


@fc.model(
    channels=fc.Int(8, 32, step=4),
    latent=fc.Int(4, 32, step=4),
    depth=fc.Int(1, 4),
    **PICTURES,
    example=pictures,
    loss=lambda output: output.mean(),
)
def conv_autoencoder(channels, latent, depth):
    layers = [nn.Conv2d(3, channels, 3, stride=2, padding=1), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(channels, latent, 1), nn.ReLU(), nn.Conv2d(latent, channels, 1)]
    for _ in range(depth - 1):
        layers += [nn.ReLU(), nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Sigmoid())


class Translator(nn.Module):
    def __init__(self, vocabulary, width, heads, encoder_depth, decoder_depth, feed_forward):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.transformer = nn.Transformer(
            width, heads, encoder_depth, decoder_depth, feed_forward, batch_first=True
        )
        self.head = nn.Linear(width, vocabulary)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        states = self.transformer(self.embedding(source), self.embedding(target), tgt_mask=mask)
        return self.head(states)


@fc.model(
    space=fc.Space(
        vocabulary=VOCABULARY,
        width=fc.Int(32, 96, step=8),
        heads=fc.Choice(2, 4, 8),
        feed_forward=fc.Int(64, 256, step=32),
        encoder_depth=fc.Int(1, 4),
        decoder_depth=fc.Int(1, 4),
        **TEXTS,
    ).where("width % heads == 0"),
    example=lambda batch, seq: (texts(batch, seq), texts(batch, seq)),
)
def translator(vocabulary, width, heads, encoder_depth, decoder_depth, feed_forward):
    return Translator(vocabulary, width, heads, encoder_depth, decoder_depth, feed_forward)


class AttentionBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True)

    def forward(self, states):
        normal = self.norm(states)
        return states + self.attention(normal, normal, normal)[0]


@fc.model(
    width=fc.Int(24, 144, step=24),
    heads=fc.Choice(1, 2, 3, 4, 8),
    **TEXTS,
    example=hidden_states,
)
def attention_block(width, heads):
    return AttentionBlock(width, heads)


class SwiGLUBlock(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, states):
        normal = self.norm(states)
        return states + self.down(functional.silu(self.gate(normal)) * self.up(normal))


@fc.model(
    width=fc.Int(16, 128, step=16),
    hidden=fc.Int(32, 256, step=8),
    depth=DEPTH,
    **TEXTS,
    example=hidden_states,
)
def swiglu_block(width, hidden, depth):
    return nn.Sequential(*[SwiGLUBlock(width, hidden) for _ in range(depth)])


class Recommender(nn.Module):
    def __init__(self, items, width, hidden, depth):
        super().__init__()
        self.bag = nn.EmbeddingBag(items, width, mode="mean")
        layers = [nn.Linear(width + 13, hidden), nn.ReLU()]
        for _ in range(depth):
            layers += [nn.Linear(hidden, hidden), nn.ReLU()]
        self.tower = nn.Sequential(*layers, nn.Linear(hidden, 1))

    def forward(self, dense, history):
        return self.tower(torch.cat([self.bag(history), dense], dim=1))


@fc.model(
    items=fc.Int(100, 2000, step=100),
    width=fc.Int(8, 64, step=8),
    hidden=fc.Int(16, 128, step=16),
    depth=DEPTH,
    **TEXTS,
    example=lambda batch, seq: {"dense": torch.randn(batch, 13), "history": texts(batch, seq)},
)
def recommender(items, width, hidden, depth):
    return Recommender(items, width, hidden, depth)


class WaveNet(nn.Module):
    def __init__(self, channels, skip, depth):
        super().__init__()
        self.inputs = nn.Conv1d(1, channels, 1)
        self.dilated = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, 2, dilation=2**layer) for layer in range(depth)
        )
        self.residuals = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(depth))
        self.skips = nn.ModuleList(nn.Conv1d(channels, skip, 1) for _ in range(depth))
        self.head = nn.Conv1d(skip, 256, 1)

    def forward(self, wave):
        states, total = self.inputs(wave), 0
        for dilated, residual, skip in zip(self.dilated, self.residuals, self.skips, strict=True):
            signal, gate = dilated(functional.pad(states, (dilated.dilation[0], 0))).chunk(2, dim=1)
            gated = torch.tanh(signal) * torch.sigmoid(gate)
            states, total = states + residual(gated), total + skip(gated)
        return self.head(functional.relu(total))


@fc.model(
    channels=fc.Int(8, 48, step=8),
    skip=fc.Int(16, 64, step=16),
    depth=DEPTH,
    batch=BATCH,
    samples=fc.Int(100, 500, step=50),
    example=lambda batch, samples: torch.randn(batch, 1, samples),
)
def wavenet(channels, skip, depth):
    return WaveNet(channels, skip, depth)


@fc.model(
    latent=fc.Int(16, 128, step=16),
    features=fc.Int(8, 32, step=4),
    depth=fc.Int(1, 4),
    batch=BATCH,
    example=lambda batch, latent: torch.randn(batch, latent, 1, 1),
)
def dcgan_generator(latent, features, depth):
    channels = [latent, *[features * 2**level for level in reversed(range(depth))]]
    layers = []
    for inputs, outputs in itertools.pairwise(channels):
        layers += [
            nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(True),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(features, 3, 4, 2, 1), nn.Tanh())


PLAIN = (
    mlp,
    lstm_language_model,
    gru_classifier,
    unet,
    conv_autoencoder,
    translator,
    attention_block,
    swiglu_block,
)
PLAIN += (recommender, wavenet, dcgan_generator)
