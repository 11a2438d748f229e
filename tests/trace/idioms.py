"""Ordinary ways to write a model, one small factory each; every size must stay symbolic in all of them."""

from __future__ import annotations

import copy
import math
from math import ceil, sqrt

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import fxcost as fc

IDIOMS = []
SEQUENCE = {"seq": fc.Int(3, 40)}
HEADS = {"heads": fc.Choice(2, 4), "width": fc.Int(8, 64, step=4)}
PICTURE = {"resolution": fc.Int(8, 24)}


def vectors(batch, width):
    return torch.zeros(batch, width)


def states(batch, seq, width):
    return torch.zeros(batch, seq, width)


def tokens(batch, seq):
    return torch.zeros(batch, seq, dtype=torch.long)


def pictures(batch, resolution):
    return torch.zeros(batch, 3, resolution, resolution)


def idiom(example=vectors, loss=None, **domains):
    """Declare a factory with a width and a batch, and count it among the idioms."""

    def bind(factory):
        space = {"width": fc.Int(8, 64), "batch": fc.Int(2, 15)} | domains
        bound = fc.model(example=example, loss=loss, **space)(factory)
        IDIOMS.append(bound)
        return bound

    return bind


def two_layers(width, hidden):
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))


class Wrapped(nn.Module):
    """A model whose forward is a function of the module and its input."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, tensor):
        return self.function(self, tensor)


@idiom()
def int_of_a_quotient(width):
    return two_layers(width, int(width * 8 / 3))


@idiom(ratio=fc.Choice(1.5, 2.0, 3.7))
def int_of_a_ratio(width, ratio):
    return two_layers(width, int(width * ratio))


@idiom(ratio=fc.Float(1.0, 4.0))
def int_of_a_continuous_ratio(width, ratio):
    return two_layers(width, int(width * ratio))


@idiom()
def rounding(width):
    return two_layers(width, round(width * 1.37) + round(width))


@idiom(rank=fc.Int(2, 12))
def integer_arithmetic(width, rank):
    quotient, rest = divmod(width + rank, 3)
    return two_layers(width, width // 3 + width % 7 + width**2 + quotient + rest + abs(rank - width) + 1)


@idiom()
def float_arithmetic(width):
    return two_layers(width, int(width**0.5 * 8 - 0.25 / width) + int(float(width)))


@idiom(rank=fc.Int(1, 40))
def extremes(width, rank):
    return two_layers(width, max(8, min(width, rank)) + max([width, rank]))


@idiom(rank=fc.Int(2, 12))
def mathematics(width, rank):
    roots = int(math.sqrt(width) * 10) + math.floor(width / 3) + math.ceil(width / 5) + math.trunc(width / 7)
    logarithms = (
        int(math.log2(width)) + int(math.log(width) * 3) + int(math.log(width, 3)) + int(math.pow(width, 1.1))
    )
    return two_layers(width, roots + logarithms + math.prod((width, rank)) + math.isqrt(width))


@idiom(rank=fc.Int(2, 6))
def greatest_common_divisor(width, rank):
    return two_layers(width, math.gcd(width, rank) * 4)


@idiom()
def names_imported_from_math(width):
    return two_layers(width, int(sqrt(width) * 7) + ceil(width / 3))


@idiom()
def type_checks(width):
    sizes = (width, width) if isinstance(width, int) and not isinstance(width, float) else width
    return nn.Linear(*sizes)


@idiom(states, **SEQUENCE | HEADS)
def attention_by_hand(width, heads):
    def forward(self, x):
        batch, seq, _ = x.shape
        q, k, v = (part.view(batch, seq, heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = torch.einsum("bhnd,bhmd->bhnm", q, k).softmax(-1)
        return torch.einsum("bhnm,bhmd->bhnd", scores, v).transpose(1, 2).reshape(batch, seq, -1)

    return Wrapped(forward, qkv=nn.Linear(width, 3 * width))


@idiom(states, **SEQUENCE | HEADS)
def attention_by_function(width, heads):
    def forward(self, x):
        batch, seq, _ = x.shape
        parts = self.qkv(x).split(width, 2)
        q, k, v = (part.view(batch, seq, heads, width // heads).transpose(1, 2) for part in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(batch, seq, width))

    return Wrapped(forward, qkv=nn.Linear(width, 3 * width), out=nn.Linear(width, width))


@idiom(states, **SEQUENCE | HEADS)
def multihead_attention(width, heads):
    attention = nn.MultiheadAttention(width, heads, batch_first=True, dropout=0.1)
    return Wrapped(lambda self, x: self.attention(x, x, x)[0], attention=attention)


@idiom(states, **SEQUENCE | HEADS)
def encoder_layer(width, heads):
    return nn.TransformerEncoderLayer(width, heads, dim_feedforward=3 * width, batch_first=True)


@idiom(states, **SEQUENCE | HEADS)
def encoder_of_copies(width, heads):
    layer = nn.TransformerEncoderLayer(
        width, heads, 3 * width, batch_first=True, norm_first=True, activation="gelu"
    )
    return nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(width), enable_nested_tensor=False)


@idiom(states, **SEQUENCE | HEADS)
def decoder_layer(width, heads):
    layer = nn.TransformerDecoderLayer(width, heads, dim_feedforward=3 * width, batch_first=True)
    return Wrapped(lambda self, x: self.layer(x, x), layer=layer)


@idiom(states, **SEQUENCE)
def normalisations(width):
    plain = nn.LayerNorm(width, elementwise_affine=False)
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.RMSNorm(width), plain)


@idiom(pictures, **PICTURE)
def normalisations_of_pictures(width):
    convolution = nn.Conv2d(2 * width, 2 * width, 3, groups=2)
    norms = nn.BatchNorm2d(2 * width), nn.InstanceNorm2d(2 * width, affine=True)
    return nn.Sequential(
        nn.Conv2d(3, 2 * width, 3), nn.GroupNorm(2, 2 * width), nn.SiLU(), convolution, *norms
    )


@idiom(lambda batch, seq: torch.zeros(batch, 3, seq), **SEQUENCE)
def convolutions_of_signals(width):
    up = nn.ConvTranspose1d(width, 3, 4, stride=2)
    return nn.Sequential(nn.Conv1d(3, width, 3, padding=1), up, nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1))


@idiom(pictures, **PICTURE)
def convolutions_of_pictures(width):
    down = (
        nn.Conv2d(3, width, 3, padding="same"),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )
    return nn.Sequential(
        *down, nn.ConvTranspose2d(width, 3, 2, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


@idiom(lambda batch, resolution: torch.zeros(batch, 3, *(3 * [resolution])), resolution=fc.Int(8, 12))
def convolutions_of_volumes(width):
    up = nn.ConvTranspose3d(width, 3, 2, stride=2)
    return nn.Sequential(nn.Conv3d(3, width, 3), nn.BatchNorm3d(width), nn.ReLU(), up, nn.AvgPool3d(2))


@idiom(pictures, **PICTURE)
def upsampling(width):
    shuffled = nn.Sequential(nn.Conv2d(3, width * 4, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
    return nn.Sequential(shuffled, nn.Upsample(scale_factor=1.5), nn.Dropout2d(0.1))


@idiom(pictures, **PICTURE)
def channels_last(width):
    layers = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU())
    return Wrapped(
        lambda self, x: self.layers(x.to(memory_format=torch.channels_last)).mean((2, 3)), layers=layers
    )


@idiom(states, **SEQUENCE)
def recurrent_layers(width):
    recurrent = nn.LSTM(width, 2 * width, num_layers=2, batch_first=True, dropout=0.1)
    return Wrapped(lambda self, x: self.recurrent(x)[0], recurrent=recurrent)


@idiom(states, seq=fc.Choice(5))
def gated_recurrent_layers(width):
    recurrent = nn.GRU(width, 2 * width, batch_first=True, bidirectional=True)
    return Wrapped(lambda self, x: self.recurrent(x)[0], recurrent=recurrent)


@idiom()
def recurrent_cells(width):
    cells = {"lstm": nn.LSTMCell(width, 2 * width), "gru": nn.GRUCell(2 * width, width, bias=False)}
    return Wrapped(lambda self, x: self.gru(self.lstm(x)[0]), **cells)


@idiom(tokens, **SEQUENCE)
def bags_of_embeddings(width):
    return nn.Sequential(nn.EmbeddingBag(100, width, mode="sum"), nn.Linear(width, 3))


@idiom(tokens, **SEQUENCE)
def tied_weights(width):
    embedding, head = nn.Embedding(50, width), nn.Linear(width, 50, bias=False)
    head.weight = embedding.weight
    return nn.Sequential(embedding, head)


@idiom(states, **SEQUENCE)
def a_mask_in_a_buffer(width):
    def forward(self, x):
        seq = x.shape[1]
        scores = (x @ x.transpose(1, 2)).masked_fill(self.mask[:seq, :seq] == 0, float("-inf"))
        return scores.softmax(-1) @ self.values(x)

    model = Wrapped(forward, values=nn.Linear(width, width))
    model.register_buffer("mask", torch.tril(torch.ones(64, 64)), persistent=False)
    return model


@idiom(states, **SEQUENCE)
def a_mask_made_in_forward(width):
    def forward(self, x):
        seq = x.shape[1]
        mask = torch.triu(torch.full((seq, seq), float("-inf")), diagonal=1)
        return (x @ x.transpose(1, 2) + mask).softmax(-1) @ self.values(x)

    return Wrapped(forward, values=nn.Linear(width, width))


@idiom(states, width=fc.Int(8, 64, step=2), **SEQUENCE)
def rotary_positions(width):
    def forward(self, x):
        half, seq = x.shape[-1] // 2, x.shape[1]
        frequencies = 1.0 / (10000 ** (torch.arange(0, half, dtype=torch.float32) / half))
        angles = torch.arange(seq)[:, None] * frequencies[None]
        left, right = self.linear(x).chunk(2, -1)
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([left * cos - right * sin, left * sin + right * cos], -1)

    return Wrapped(forward, linear=nn.Linear(width, width))


@idiom(states, **SEQUENCE)
def experts_chosen_by_a_router(width):
    def forward(self, x):
        weights, chosen = self.router(x).softmax(-1).topk(2, -1)
        outputs = torch.stack([expert(x) for expert in self.experts], -2)
        picked = outputs.gather(-2, chosen[..., None].expand(*chosen.shape, x.shape[-1]))
        return (picked * weights[..., None]).sum(-2)

    experts = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
    return Wrapped(forward, router=nn.Linear(width, 3), experts=experts)


@idiom(states, **SEQUENCE)
def slices_and_padding(width):
    def forward(self, x):
        y = self.linear(x)
        y = y[:, torch.arange(y.shape[1]).flip(0)]
        y = functional.pad(torch.where(y > 0, y, y * 0.1), (1, 2, 0, 1)).roll(1, 1).cumsum(1)
        return torch.tensor_split(y[:, ::2].amax(1), 2, dim=1)[0]

    return Wrapped(forward, linear=nn.Linear(width, width))


@idiom()
def checkpointed_blocks(width):
    layers = {"first": nn.Linear(width, width), "block": two_layers(width, 4 * width)}
    return Wrapped(lambda self, x: checkpoint(self.block, self.first(x), use_reentrant=False), **layers)


@idiom()
def copied_layers(width):
    layer = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width))
    return nn.Sequential(*(copy.deepcopy(layer) for _ in range(3)))


@idiom()
def normalised_weights(width):
    normalised = nn.utils.parametrizations.weight_norm(nn.Linear(width, 2 * width))
    return nn.Sequential(normalised, nn.utils.parametrizations.weight_norm(nn.Linear(2 * width, 3), dim=1))


@idiom()
def initialised_by_hand(width):
    layer = nn.Linear(width, width)
    nn.init.orthogonal_(layer.weight)
    nn.init.trunc_normal_(layer.bias, std=0.02)
    layer.weight.data.normal_(0, 0.02)
    layer.bias.data.zero_()
    with torch.no_grad():
        layer.weight.mul_(2).clamp_(-1, 1)
    return layer


@idiom()
def frozen_weights_with_adapters(width):
    frozen = nn.Linear(width, width).requires_grad_(False)
    down, up = nn.Parameter(torch.randn(width, 4) / math.sqrt(width)), nn.Parameter(torch.zeros(4, width))
    return Wrapped(lambda self, x: self.frozen(x) + x @ self.down @ self.up, frozen=frozen, down=down, up=up)


@idiom()
def bilinear_products(width):
    modules = {"linear": nn.Linear(width, 7), "bilinear": nn.Bilinear(width, 7, 5)}
    return Wrapped(lambda self, x: self.bilinear(x, self.linear(x)), **modules)


@idiom(
    loss=lambda output: sum(
        functional.huber_loss(o, torch.zeros_like(o), reduction="none").mean() for o in output.chunk(2)
    )
)
def a_loss_over_parts_of_the_batch(width):
    return nn.Linear(width, width)


@idiom(loss=lambda output: functional.cross_entropy(output, torch.zeros(output.shape[0], dtype=torch.long)))
def cross_entropy(width):
    return nn.Linear(width, 10)


@idiom()
def mixed_precision(width):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layers(x)

    layers = nn.Sequential(
        nn.Linear(width, 2 * width), nn.GELU(), nn.LayerNorm(2 * width), nn.Linear(2 * width, width)
    )
    return Wrapped(forward, layers=layers)


@idiom()
def half_precision(width):
    return Wrapped(
        lambda self, x: self.linear(x.to(torch.bfloat16)).float(),
        linear=nn.Linear(width, width).to(torch.bfloat16),
    )
