"""Decoding one token with a cache of keys and values, whose length is a hyperparameter."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

import fxcost as fc
from tests.oracles import memory

BF16 = torch.bfloat16
CONFIG = LlamaConfig(
    vocab_size=97,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
)


def tokens_and_cache(batch, past):
    cache = DynamicCache(config=CONFIG)
    for layer in range(CONFIG.num_hidden_layers):
        cache.update(torch.zeros(batch, 2, past, 8), torch.zeros(batch, 2, past, 8), layer)
    return {"input_ids": torch.zeros(batch, 1, dtype=torch.long), "past_key_values": cache}


@fc.model(batch=fc.Int(2, 16), past=fc.Int(2, 256), example=tokens_and_cache)
def llama():
    return LlamaForCausalLM(CONFIG)


class Decoder(nn.Module):
    """Attention over a cache that is handed in and handed on."""

    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, states, keys, values):
        query, key, value = self.qkv(states).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        keys, values = torch.cat((keys, key), 2), torch.cat((values, value), 2)
        mixed = functional.scaled_dot_product_attention(query, keys, values)
        return self.out(mixed.transpose(1, 2).flatten(2)), keys, values


@fc.model(
    width=fc.Int(16, 64, step=16),
    batch=fc.Int(2, 16),
    past=fc.Int(2, 256),
    example=lambda width, batch, past: (
        torch.zeros(batch, 1, width),
        torch.zeros(batch, 4, past, width // 4),
        torch.zeros(batch, 4, past, width // 4),
    ),
)
def decoder(width):
    return Decoder(width)


def real_peak(factory, config, dtype):
    """Return the most bytes alive while one token is decoded; the cache is there before."""
    model, batch = memory.real_model(factory, config).to(dtype).eval(), memory.real_batch(factory, config)
    if isinstance(batch, dict):
        layers = batch["past_key_values"].layers
        for layer in layers:
            layer.keys, layer.values = layer.keys.to(dtype), layer.values.to(dtype)
        held = [batch["input_ids"], *(tensor for layer in layers for tensor in (layer.keys, layer.values))]
    else:
        batch = held = tuple(tensor.to(dtype) for tensor in batch)
    existing = [*model.parameters(), *model.buffers(), *held]
    recorder = memory.StorageRecorder(existing)
    del existing, held
    with memory.rested_collector(), torch.no_grad(), recorder:
        memory.called(model, batch)
    return recorder.peak


@pytest.mark.parametrize("dtype", [torch.float32, BF16])
@pytest.mark.parametrize("factory", [decoder, llama], ids=["own cache", "transformers"])
def test_peak_memory_of_decoding_equals_a_real_run_to_the_byte(factory, dtype):
    precision = "bf16-true" if dtype == BF16 else "fp32"
    cost = fc.cost(factory, inference=fc.Inference(precision=precision))
    for past, batch in ((17, 3), (200, 16)):
        config = {"batch": batch, "past": past} | ({"width": 32} if factory is decoder else {})
        assert cost.peak_memory(**config) == real_peak(factory, config, dtype)


def test_the_cache_is_part_of_the_formula():
    assert "past" in str(fc.cost(llama).peak_memory)
