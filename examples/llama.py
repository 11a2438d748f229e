"""Which Llama can be fine-tuned on one card?

transformers' own `LlamaForCausalLM`, built from a config, without weights. The conditions say which settings
are a model at all: heads split the hidden size into even parts, as rotary embeddings need them, and share the
key-value heads evenly.

    python examples/llama.py
    fxcost check examples/llama.py:llama --device rtx-4090 --set batch=1
"""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import fxcost as fc


@fc.model(
    space=fc.Space(
        hidden=fc.Int(256, 4096, step=256),
        heads=fc.Choice(4, 8, 16, 32),
        kv_heads=fc.Choice(1, 2, 4, 8),
        intermediate=fc.Int(512, 11264, step=512),
        vocabulary=fc.Int(8_000, 128_000, step=8_000),
        batch=fc.Int(1, 64),
        seq=fc.Int(128, 4096, step=128),
    ).where("hidden % heads == 0", "heads % kv_heads == 0", "hidden // heads % 2 == 0"),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def llama(hidden: int, heads: int, kv_heads: int, intermediate: int, vocabulary: int) -> LlamaForCausalLM:
    config = LlamaConfig(
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=intermediate,
        vocab_size=vocabulary,
        num_hidden_layers=8,
        max_position_embeddings=4096,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


def main() -> None:
    cost = fc.cost(llama, training=fc.Training(optimizer=torch.optim.AdamW))
    print("parameters:", cost.parameters)
    print("FLOPs of a training step:", cost.flops)
    print("peak memory in bytes:", cost.peak_memory)
    fits = cost.peak_memory <= "24 GiB"
    print("Does every Llama here fit in 24 GiB, two short texts at a time?", fits.prove(batch=2, seq=128))
    heads = {"heads": 16, "kv_heads": 4}
    print("The largest that does, at 2,048:", fc.maximize(cost.parameters, fits, batch=2, seq=2048, **heads))


if __name__ == "__main__":
    main()
