"""Modules, programs exported from them, and their real runs."""

from __future__ import annotations

from functools import cache

import torch
import torchvision
import transformers
from torch import nn
from torch.export import Dim, export

import fxcost as fc
from tests.oracles import memory
from tests.oracles.flops import oracle_flops

ADAMW = fc.Training(torch.optim.AdamW)
BATCH = Dim("batch", min=1, max=64)
SEQ = Dim("seq", min=2, max=64)
UP_TO_64 = {"batch": fc.Int(1, 64)}


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.GELU())
        self.head = nn.Linear(32, 4)
        self.register_buffer("scale", torch.ones(4))
        self.offsets = torch.arange(4.0)  # a plain attribute, which export lifts

    def forward(self, states):
        with torch.no_grad():
            target = states.sum(1, keepdim=True) * 2
        return (
            self.head(self.hidden(states)) * self.scale + self.offsets + torch.tensor([1.0, 2, 3, 4]) - target
        )


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(self.layer(self.embedding(tokens)))


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, left, right, *, mask=None):
        left = self.linear(left) if mask is None else self.linear(left) * mask
        return left.sum() + self.linear(right).mean()


def vectors(batch):
    return torch.zeros(batch, 8)


def tokens(batch, seq):
    return torch.zeros(batch, seq, dtype=torch.long)


def pictures(batch):
    return torch.zeros(batch, 3, 32, 32)


def gpt2():
    config = transformers.GPT2Config(
        n_layer=1,
        n_embd=32,
        n_head=4,
        vocab_size=101,
        n_positions=64,
        use_cache=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    return transformers.GPT2LMHeadModel(config)


def named_tokens(batch, seq):
    return {"input_ids": tokens(batch, seq)}


BATCHES = tuple({"batch": batch} for batch in (2, 7, 33, 64))
SEQUENCES = tuple({"batch": batch, "seq": seq} for batch, seq in ((1, 2), (7, 64), (64, 5)))
TEXT = {0: BATCH, 1: SEQ}
PROGRAMS = {
    "MLP": (MLP, vectors, {"states": {0: BATCH}}, BATCHES),
    "transformer": (Transformer, tokens, {"tokens": TEXT}, SEQUENCES),
    "resnet18": (torchvision.models.resnet18, pictures, {"x": {0: BATCH}}, ({"batch": 2}, {"batch": 9})),
    "GPT2": (gpt2, named_tokens, {"input_ids": TEXT}, SEQUENCES),
}


@cache
def program_of(name, mode):
    build, example, shapes, _ = PROGRAMS[name]
    batch = example(*(3, 5)[: example.__code__.co_argcount])
    module = build().train(mode == "train")
    args, kwargs = ((), batch) if isinstance(batch, dict) else ((batch,), {})
    return export(module, args, kwargs, dynamic_shapes=shapes)


def held(module):
    """Return a module with its constants as buffers: they are memory too, but no parameter nor buffer."""
    for part in list(module.modules()):
        for name, value in list(vars(part).items()):
            if isinstance(value, torch.Tensor):
                delattr(part, name)
                part.register_buffer(name, value, persistent=False)
    return module


def real_peak(module, batch, training=None):
    module = held(module)
    if training is None:
        return memory.inference_peak(module, batch)
    optimizer_class, options = training
    optimizer = optimizer_class(module.parameters(), **options)
    memory.training_step(module, batch, memory.sum_of_output, optimizer)
    return memory.training_peak(module, batch, memory.sum_of_output, optimizer)


def real_flops(module, batch):
    with torch.no_grad():
        return oracle_flops(lambda: memory.called(module, batch))
