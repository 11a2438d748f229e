"""The zoo's factories that build transformers' own classes from configurations: models that read text."""

from __future__ import annotations

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BloomConfig,
    BloomForCausalLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForPreTraining,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    RobertaConfig,
    RobertaForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
)

import fxcost as fc
from tests.zoo_domains import DEPTH, TEXTS, VOCABULARY, texts

WIDTH = fc.Int(32, 128, step=16)
HEADS = fc.Choice(2, 4, 8)
INTERMEDIATE = fc.Int(64, 256, step=32)


def texts_with_mask(batch, seq):
    return {"input_ids": texts(batch, seq), "attention_mask": torch.ones(batch, seq, dtype=torch.long)}


def text_pairs(batch, seq):
    return {"input_ids": texts(batch, seq), "decoder_input_ids": texts(batch, seq // 2)}


@fc.model(
    space=fc.Space(
        width=fc.Int(32, 128, step=8), heads=HEADS, depth=DEPTH, vocabulary=VOCABULARY, **TEXTS
    ).where("width % heads == 0"),
    example=texts,
)
def gpt2(width, heads, depth, vocabulary):
    setting = GPT2Config(
        vocab_size=vocabulary,
        n_positions=128,
        n_embd=width,
        n_head=heads,
        n_layer=depth,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    return GPT2LMHeadModel(setting)


@fc.model(
    space=fc.Space(
        hidden=WIDTH,
        heads=HEADS,
        kv_heads=fc.Choice(1, 2, 4),
        intermediate=INTERMEDIATE,
        depth=DEPTH,
        vocabulary=VOCABULARY,
        **TEXTS,
    ).where("hidden % (2 * heads) == 0", "heads % kv_heads == 0"),
    example=texts,
)
def llama(hidden, heads, kv_heads, intermediate, depth, vocabulary):
    setting = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        use_cache=False,
    )
    return LlamaForCausalLM(setting)


@fc.model(
    space=fc.Space(
        hidden=fc.Int(32, 128, step=8), heads=HEADS, intermediate=INTERMEDIATE, depth=DEPTH, **TEXTS
    ).where("hidden % heads == 0"),
    example=texts_with_mask,
)
def bert(hidden, heads, intermediate, depth):
    return BertForMaskedLM(
        BertConfig(
            vocab_size=500,
            hidden_size=hidden,
            num_hidden_layers=depth,
            num_attention_heads=heads,
            intermediate_size=intermediate,
        )
    )


@fc.model(
    space=fc.Space(
        hidden=fc.Int(32, 128, step=8), heads=HEADS, feed_forward=INTERMEDIATE, depth=DEPTH, **TEXTS
    ).where("hidden % heads == 0"),
    example=texts,
)
def opt(hidden, heads, feed_forward, depth):
    setting = OPTConfig(
        vocab_size=500,
        hidden_size=hidden,
        num_hidden_layers=depth,
        ffn_dim=feed_forward,
        num_attention_heads=heads,
        max_position_embeddings=128,
        word_embed_proj_dim=hidden,
        use_cache=False,
    )
    return OPTForCausalLM(setting)


@fc.model(
    width=fc.Int(32, 128, step=8),
    heads=HEADS,
    head_width=fc.Int(8, 32, step=4),
    encoder_depth=fc.Int(1, 4),
    decoder_depth=fc.Int(1, 4),
    **TEXTS,
    example=text_pairs,
)
def t5(width, heads, head_width, encoder_depth, decoder_depth):
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=500,
            d_model=width,
            d_kv=head_width,
            d_ff=4 * width,
            num_layers=encoder_depth,
            num_decoder_layers=decoder_depth,
            num_heads=heads,
            use_cache=False,
        )
    )


@fc.model(
    hidden=WIDTH,
    kv_heads=fc.Choice(1, 2, 4),
    head_width=fc.Int(8, 32, step=4),
    window=fc.Int(4, 64, step=4),
    depth=DEPTH,
    **TEXTS,
    example=texts,
)
def mistral(hidden, kv_heads, head_width, window, depth):
    setting = MistralConfig(
        vocab_size=500,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=depth,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        head_dim=head_width,
        sliding_window=window,
        use_cache=False,
    )
    return MistralForCausalLM(setting)


@fc.model(
    hidden=WIDTH,
    heads=HEADS,
    head_width=fc.Int(8, 32, step=4),
    intermediate=INTERMEDIATE,
    depth=DEPTH,
    **TEXTS,
    example=texts,
)
def qwen3(hidden, heads, head_width, intermediate, depth):
    setting = Qwen3Config(
        vocab_size=500,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=2,
        head_dim=head_width,
        use_cache=False,
    )
    return Qwen3ForCausalLM(setting)


@fc.model(
    hidden=WIDTH,
    heads=HEADS,
    head_width=fc.Int(8, 32, step=4),
    depth=DEPTH,
    vocabulary=VOCABULARY,
    **TEXTS,
    example=texts,
)
def gemma(hidden, heads, head_width, depth, vocabulary):
    setting = GemmaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=1,
        head_dim=head_width,
        use_cache=False,
    )
    return GemmaForCausalLM(setting)


@fc.model(
    space=fc.Space(hidden=WIDTH, heads=HEADS, intermediate=INTERMEDIATE, depth=DEPTH, **TEXTS).where(
        "hidden % heads == 0"
    ),
    example=texts_with_mask,
)
def roberta(hidden, heads, intermediate, depth):
    setting = RobertaConfig(
        vocab_size=500,
        hidden_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=128,
        num_labels=5,
    )
    return RobertaForSequenceClassification(setting)


@fc.model(
    space=fc.Space(
        hidden=WIDTH,
        heads=HEADS,
        intermediate=INTERMEDIATE,
        experts=fc.Choice(2, 4),
        depth=fc.Int(1, 4),
        **TEXTS,
    ).where("hidden % (2 * heads) == 0"),
    example=texts,
)
def mixtral(hidden, heads, intermediate, experts, depth):
    setting = MixtralConfig(
        vocab_size=500,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=2,
        num_local_experts=experts,
        use_cache=False,
    )
    return MixtralForCausalLM(setting)


@fc.model(
    space=fc.Space(width=WIDTH, heads=HEADS, feed_forward=INTERMEDIATE, depth=DEPTH, **TEXTS).where(
        "width % heads == 0"
    ),
    example=texts,
)
def distilbert(width, heads, feed_forward, depth):
    setting = DistilBertConfig(
        vocab_size=500, dim=width, n_heads=heads, n_layers=depth, hidden_dim=feed_forward
    )
    return DistilBertForMaskedLM(setting)


@fc.model(
    space=fc.Space(embedding=fc.Int(16, 64, step=16), hidden=WIDTH, heads=HEADS, depth=DEPTH, **TEXTS).where(
        "hidden % heads == 0"
    ),
    example=texts,
)
def electra(embedding, hidden, heads, depth):
    setting = ElectraConfig(
        vocab_size=500,
        embedding_size=embedding,
        hidden_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
    )
    return ElectraForPreTraining(setting)


@fc.model(
    space=fc.Space(hidden=WIDTH, heads=HEADS, intermediate=INTERMEDIATE, depth=DEPTH, **TEXTS).where(
        "hidden % (4 * heads) == 0"
    ),
    example=texts,
)
def phi(hidden, heads, intermediate, depth):
    setting = PhiConfig(
        vocab_size=500,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        use_cache=False,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return PhiForCausalLM(setting)


@fc.model(
    space=fc.Space(
        hidden=WIDTH, heads=fc.Choice(1, 2), intermediate=INTERMEDIATE, depth=DEPTH, **TEXTS
    ).where("hidden % (8 * heads) == 0"),
    example=texts,
)
def gpt_neox(hidden, heads, intermediate, depth):
    setting = GPTNeoXConfig(
        vocab_size=500,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        use_cache=False,
    )
    return GPTNeoXForCausalLM(setting)


@fc.model(
    space=fc.Space(hidden=WIDTH, heads=HEADS, depth=DEPTH, vocabulary=VOCABULARY, **TEXTS).where(
        "hidden % heads == 0"
    ),
    example=texts,
)
def bloom(hidden, heads, depth, vocabulary):
    setting = BloomConfig(
        vocab_size=vocabulary, hidden_size=hidden, n_layer=depth, n_head=heads, use_cache=False
    )
    return BloomForCausalLM(setting)


@fc.model(
    space=fc.Space(
        width=WIDTH,
        heads=HEADS,
        feed_forward=INTERMEDIATE,
        encoder_depth=fc.Int(1, 4),
        decoder_depth=fc.Int(1, 4),
        **TEXTS,
    ).where("width % heads == 0"),
    example=text_pairs,
)
def bart(width, heads, feed_forward, encoder_depth, decoder_depth):
    setting = BartConfig(
        vocab_size=500,
        max_position_embeddings=128,
        d_model=width,
        encoder_layers=encoder_depth,
        decoder_layers=decoder_depth,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=feed_forward,
        decoder_ffn_dim=feed_forward,
        use_cache=False,
    )
    return BartForConditionalGeneration(setting)


LANGUAGE = (gpt2, llama, bert, opt, t5, mistral, qwen3, gemma, roberta, mixtral, distilbert, electra, phi)
LANGUAGE += (gpt_neox, bloom, bart)
