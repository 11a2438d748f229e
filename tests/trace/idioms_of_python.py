"""Ways to compute a size from hyperparameters in Python; every one must stay symbolic."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import math
import operator
from typing import NamedTuple

import torch
from timm.layers import make_divisible
from timm.models._efficientnet_builder import round_channels
from torch import nn
from torchvision.models._utils import _make_divisible
from torchvision.models.mnasnet import _round_to_multiple_of

import fxcost as fc
from tests.trace.idioms import SEQUENCE, Wrapped, idiom, states, tokens, two_layers

MULTIPLIERS = {"multiplier": fc.Choice(0.35, 0.75, 1.0, 1.3)}


@idiom(rank=fc.Int(2, 30))
def more_mathematics(width, rank):
    logarithms = int(math.log10(width) * 7) + int(math.exp(rank / 20) * 10)
    return two_layers(width, logarithms + int(math.hypot(width, rank)) + int(math.fabs(rank - width)) + 1)


@idiom(rank=fc.Int(2, 30))
def common_divisors_and_multiples(width, rank):
    return two_layers(width, math.gcd(width, rank, 12) + math.lcm(width, 4))


@idiom(rank=fc.Int(2, 30))
def bits(width, rank):
    return two_layers(width, (width & 7) + (width | 1) + (width ^ 3) + (width << 1) + (rank >> 1))


@idiom()
def rounding_to_digits(width):
    return two_layers(width, int(round(width * 0.377, 1) * 10) + round(width, -1))


@idiom(exponent=fc.Int(1, 6))
def powers(width, exponent):
    return two_layers(width, 2**exponent + width**2 // width - (-width // 3))


@idiom()
def types(width):
    whole = type(width) is int and type(width) == int and type(width / 2) is float  # noqa: E721
    return two_layers(width, 3 if whole and isinstance(type(width), type) else 4)


@idiom(**MULTIPLIERS)
def rounding_of_torchvision(width, multiplier):
    return two_layers(width, _make_divisible(width * multiplier, 8) + _make_divisible(width, 4, min_value=16))


@idiom(**MULTIPLIERS)
def rounding_of_timm(width, multiplier):
    return two_layers(width, round_channels(width, multiplier) + make_divisible(width, round_limit=0.95))


@idiom(**MULTIPLIERS)
def rounding_of_mnasnet(width, multiplier):
    return two_layers(width, _round_to_multiple_of(width * multiplier, 8))


def copied_from_somewhere(channels, multiple, smallest=None):
    """Round as the TensorFlow models do."""
    if smallest is None:
        smallest = multiple
    new = max(smallest, int(channels + multiple / 2) // multiple * multiple)
    if new < 0.9 * channels:
        new += multiple
    return new


@idiom(**MULTIPLIERS)
def rounding_of_a_copy(width, multiplier):
    return two_layers(width, copied_from_somewhere(width * multiplier, 8))


@idiom()
def sizes_in_lists(width):
    *_, last = itertools.accumulate([width, 4, 4])
    sizes = [width] * 2 + [last, functools.reduce(operator.mul, [width, 2])]
    return nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(sizes)))


@idiom()
def sizes_of_tensors(width):
    weight = torch.empty(width, 3)
    return two_layers(width, weight.numel() + weight.shape[0] + weight.size(1))


@idiom()
def values_in_tensors(width):
    layer = nn.Linear(width, width)
    layer.register_buffer("scale", torch.tensor(width**-0.5))
    layer.register_buffer("sizes", torch.tensor([width, 2 * width]))
    layer.register_buffer("shares", torch.full((width,), 1 / width))
    layer.weight.data.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width))
    return layer


@dataclasses.dataclass
class Settings:
    """A configuration as many projects have it."""

    width: int
    ratio: float = 2.0
    extra: dict[str, int] = dataclasses.field(default_factory=dict)


@idiom()
def dataclass_configurations(width):
    settings = dataclasses.replace(Settings(width), ratio=3.5, extra={"rank": width})
    plain = dataclasses.asdict(copy.deepcopy(settings))
    return two_layers(plain["width"], int(settings.width * settings.ratio) + plain["extra"]["rank"])


class Sizes(NamedTuple):
    """A configuration as a named tuple."""

    width: int
    ratio: float = 2.0


@idiom()
def named_tuples(width):
    sizes = Sizes(width)._replace(ratio=1.5)
    return two_layers(sizes.width, int(sizes[0] * sizes.ratio))


@idiom(tokens, **SEQUENCE)
def a_transformers_configuration(width):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=60,
        hidden_size=8 * width,
        intermediate_size=int(8 * width * 8 / 3),
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(config)


@idiom(states, groups=fc.Choice(1, 2), width=fc.Int(16, 64, step=16), **SEQUENCE)
def views_with_a_size_left_open(width, groups):
    def forward(self, x):
        batch, seq, _ = x.shape
        queries = self.queries(x).view(batch, seq, 8, -1).transpose(1, 2)
        both = self.both(x).view(batch, seq, 2, groups, -1).permute(2, 0, 3, 1, 4)
        keys, values = (part.repeat_interleave(8 // groups, 1) for part in both.unbind(0))
        weights = torch.einsum("bhnd,bhmd->bhnm", queries, keys).softmax(-1)
        return torch.einsum("bhnm,bhmd->bnhd", weights, values).flatten(2)

    layers = {"queries": nn.Linear(width, width), "both": nn.Linear(width, width // 8 * groups * 2)}
    return Wrapped(forward, **layers)


@idiom(states, rank=fc.Choice(2, 4), **SEQUENCE)
def splits_by_sizes(width, rank):
    def forward(self, x):
        first, rest = self.linear(x).split([rank, width - rank], -1)
        return first.sum() + torch.stack(rest.tensor_split(2, 0)[:1]).sum(0)

    return Wrapped(forward, linear=nn.Linear(width, width))
