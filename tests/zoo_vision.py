"""The zoo's factories that build transformers' own classes from configurations: models that see or hear."""

from __future__ import annotations

import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    ViTConfig,
    ViTForImageClassification,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

import fxcost as fc
from tests.zoo_domains import BATCH, CLASSES, DEPTH, PICTURES, STAGE, pictures, texts

WIDTH = fc.Int(32, 96, step=16)
HEADS = fc.Choice(2, 4, 8)
INTERMEDIATE = fc.Int(64, 256, step=32)


@fc.model(
    space=fc.Space(hidden=WIDTH, heads=HEADS, intermediate=INTERMEDIATE, depth=DEPTH, **PICTURES).where(
        "hidden % heads == 0"
    ),
    example=pictures,
)
def transformers_vit(resolution, hidden, heads, intermediate, depth):
    setting = ViTConfig(
        image_size=resolution,
        hidden_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=intermediate,
    )
    return ViTForImageClassification(setting)


@fc.model(
    space=fc.Space(
        width=WIDTH,
        heads=HEADS,
        feed_forward=INTERMEDIATE,
        encoder_depth=fc.Int(1, 4),
        decoder_depth=fc.Int(1, 4),
        batch=BATCH,
        frames=fc.Int(32, 128, step=16),
        seq=fc.Int(4, 32, step=4),
    ).where("width % heads == 0"),
    example=lambda batch, frames, seq: {
        "input_features": torch.randn(batch, 40, frames),
        "decoder_input_ids": texts(batch, seq),
    },
)
def whisper(width, heads, feed_forward, encoder_depth, decoder_depth, frames):
    setting = WhisperConfig(
        vocab_size=500,
        num_mel_bins=40,
        d_model=width,
        encoder_layers=encoder_depth,
        decoder_layers=decoder_depth,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=feed_forward,
        decoder_ffn_dim=feed_forward,
        max_source_positions=frames // 2,
        max_target_positions=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        use_cache=False,
    )
    return WhisperForConditionalGeneration(setting)


@fc.model(
    space=fc.Space(
        text_width=WIDTH,
        vision_width=WIDTH,
        projection=fc.Int(16, 64, step=16),
        text_depth=fc.Int(1, 4),
        vision_depth=fc.Int(1, 4),
        **PICTURES,
    ),
    example=lambda batch, resolution: {
        "input_ids": texts(batch, 16),
        "pixel_values": pictures(batch, resolution),
    },
    loss=lambda output: output.logits_per_image.diagonal().sum(),
)
def clip(resolution, text_width, vision_width, projection, text_depth, vision_depth):
    text = {
        "vocab_size": 500,
        "hidden_size": text_width,
        "intermediate_size": 2 * text_width,
        "num_hidden_layers": text_depth,
        "num_attention_heads": 4,
        "max_position_embeddings": 32,
        "eos_token_id": 2,
    }
    vision = {
        "hidden_size": vision_width,
        "intermediate_size": 2 * vision_width,
        "num_hidden_layers": vision_depth,
        "num_attention_heads": 4,
        "image_size": resolution,
        "patch_size": 16,
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=projection))


@fc.model(
    space=fc.Space(
        channels=fc.Int(16, 64, step=16),
        hidden=WIDTH,
        heads=HEADS,
        depth=DEPTH,
        batch=BATCH,
        samples=fc.Int(1000, 4000, step=500),
    ).where("hidden % heads == 0"),
    example=lambda batch, samples: torch.randn(batch, samples),
)
def wav2vec2(channels, hidden, heads, depth):
    setting = Wav2Vec2Config(
        vocab_size=32,
        hidden_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        conv_dim=(channels, channels, channels),
        conv_stride=(5, 4, 4),
        conv_kernel=(10, 8, 4),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        mask_time_prob=0.0,
        layerdrop=0.0,
    )
    return Wav2Vec2ForCTC(setting)


@fc.model(
    width=fc.Int(16, 48, step=16),
    decoder=fc.Int(32, 96, step=32),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def segformer(width, decoder, depth1, depth2, classes):
    setting = SegformerConfig(
        num_encoder_blocks=2,
        depths=[depth1, depth2],
        sr_ratios=[4, 2],
        hidden_sizes=[width, 2 * width],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=decoder,
        num_labels=classes,
    )
    return SegformerForSemanticSegmentation(setting)


@fc.model(
    space=fc.Space(hidden=WIDTH, heads=HEADS, mlp_ratio=fc.Int(1, 4), depth=DEPTH, **PICTURES).where(
        "hidden % heads == 0"
    ),
    example=pictures,
)
def dinov2(resolution, hidden, heads, mlp_ratio, depth):
    setting = Dinov2Config(
        image_size=resolution,
        patch_size=16,
        hidden_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        mlp_ratio=mlp_ratio,
        use_swiglu_ffn=True,
        num_labels=10,
    )
    return Dinov2ForImageClassification(setting)


VISION = (transformers_vit, whisper, clip, wav2vec2, segformer, dinov2)
