"""Real factories, written as an ordinary user writes them: everything fxcost says is checked on these.

Each has two or more constructor hyperparameters besides the batch and, where there is one, the resolution or
the sequence length. Depths are constants; sizes are small enough for real training steps.
`ZOO` lists them all, `tests/zoo_plain.py` holds those that need nothing but PyTorch.
"""

from __future__ import annotations

from functools import partial

import torch
from timm.models.efficientnet import EfficientNet, decode_arch_def, round_channels
from timm.models.mlp_mixer import MlpMixer
from timm.models.regnet import RegNet, RegNetCfg
from timm.models.vision_transformer import VisionTransformer as TimmVisionTransformer
from torch import nn
from torchvision.models import (
    VGG,
    ConvNeXt,
    DenseNet,
    MobileNetV2,
    MobileNetV3,
    ResNet,
    SwinTransformer,
    VisionTransformer,
)
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.mobilenetv3 import _mobilenet_v3_conf as mobilenet_v3_setting
from torchvision.models.resnet import Bottleneck
from torchvision.models.vgg import make_layers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

import fxcost as fc
from tests.zoo_plain import CLASSES, PICTURES, PLAIN, TEXTS, VOCABULARY, pictures, texts

# torchvision


@fc.model(width=fc.Int(16, 64, step=16), classes=CLASSES, **PICTURES, example=pictures)
def resnet(width, classes):
    return ResNet(Bottleneck, [2, 2, 2, 2], width_per_group=width, num_classes=classes)


@fc.model(
    growth=fc.Int(8, 24, step=4),
    features=fc.Int(16, 48, step=8),
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def densenet(growth, features, classes):
    return DenseNet(growth, (2, 3, 3, 2), num_init_features=features, num_classes=classes)


@fc.model(width=fc.Choice(0.25, 0.5, 0.75, 1.0), classes=CLASSES, **PICTURES, example=pictures)
def mobilenet_v2(width, classes):
    return MobileNetV2(num_classes=classes, width_mult=width)


@fc.model(width=fc.Choice(0.5, 0.75, 1.0), classes=CLASSES, **PICTURES, example=pictures)
def mobilenet_v3(width, classes):
    setting, last_channel = mobilenet_v3_setting("mobilenet_v3_small", width_mult=width)
    return MobileNetV3(setting, last_channel, num_classes=classes)


@fc.model(width=fc.Int(16, 48, step=8), classes=CLASSES, **PICTURES, example=pictures)
def convnext(width, classes):
    stages = [
        CNBlockConfig(width, 2 * width, 2),
        CNBlockConfig(2 * width, 4 * width, 2),
        CNBlockConfig(4 * width, None, 2),
    ]
    return ConvNeXt(stages, stochastic_depth_prob=0.1, num_classes=classes)


@fc.model(
    space=fc.Space(width=fc.Int(16, 64, step=8), heads=fc.Choice(2, 4), classes=CLASSES, **PICTURES).where(
        "width % heads == 0"
    ),
    example=pictures,
)
def swin(width, heads, classes):
    return SwinTransformer([4, 4], width, [2, 2], [heads, 2 * heads], window_size=[4, 4], num_classes=classes)


@fc.model(
    space=fc.Space(
        patch=fc.Choice(8, 16),
        heads=fc.Choice(2, 3, 4),
        width=fc.Int(24, 96, step=12),
        mlp=fc.Int(32, 192, step=32),
        **PICTURES,
    ).where(lambda width, heads: width % heads == 0),
    example=pictures,
)
def vit(resolution, patch, heads, width, mlp):
    return VisionTransformer(resolution, patch, 2, heads, width, mlp, num_classes=10)


class SlimVGG(VGG):
    def __init__(self, width, classes):
        nn.Module.__init__(self)  # VGG's own classifier has 120 million parameters
        layers = [width, "M", 2 * width, "M", 4 * width, 4 * width, "M"]
        self.features = make_layers(layers, batch_norm=True)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(4 * width * 7 * 7, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, classes)
        )


@fc.model(width=fc.Int(8, 32, step=4), classes=CLASSES, **PICTURES, example=pictures)
def vgg(width, classes):
    return SlimVGG(width, classes)


# timm


@fc.model(
    space=fc.Space(
        width=fc.Int(32, 96, step=16), heads=fc.Choice(2, 4, 8), mlp_ratio=fc.Float(1.0, 4.0), **PICTURES
    ).where("width % heads == 0"),
    example=pictures,
)
def timm_vit(resolution, width, heads, mlp_ratio):
    return TimmVisionTransformer(
        resolution,
        8,
        num_classes=10,
        embed_dim=width,
        depth=2,
        num_heads=heads,
        mlp_ratio=mlp_ratio,
        drop_path_rate=0.1,
    )


@fc.model(
    multiplier=fc.Choice(0.5, 0.75, 1.0, 1.1),
    stem=fc.Int(16, 32, step=8),
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def efficientnet(multiplier, stem, classes):
    channels = partial(round_channels, multiplier=multiplier)
    blocks = [["ds_r1_k3_s1_e1_c16_se0.25"], ["ir_r2_k3_s2_e6_c24_se0.25"], ["ir_r2_k5_s2_e6_c40_se0.25"]]
    return EfficientNet(
        decode_arch_def(blocks),
        classes,
        channels(160),
        stem_size=stem,
        round_chs_fn=channels,
        act_layer=nn.SiLU,
        drop_rate=0.2,
    )


@fc.model(width=fc.Int(32, 96, step=8), classes=CLASSES, **PICTURES, example=pictures)
def mlp_mixer(resolution, width, classes):
    return MlpMixer(classes, resolution, patch_size=16, num_blocks=2, embed_dim=width)


@fc.model(
    stem=fc.Int(16, 64, step=8),
    bottleneck=fc.Choice(0.5, 1.0, 2.0),
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def regnet(stem, bottleneck, classes):
    setting = RegNetCfg(
        7, w0=24, wa=36.44, wm=2.49, group_size=8, bottle_ratio=bottleneck, se_ratio=0.25, stem_width=stem
    )
    return RegNet(setting, num_classes=classes)


# transformers


@fc.model(
    space=fc.Space(
        width=fc.Int(32, 128, step=8), heads=fc.Choice(2, 4, 8), vocabulary=VOCABULARY, **TEXTS
    ).where("width % heads == 0"),
    example=texts,
)
def gpt2(width, heads, vocabulary):
    setting = GPT2Config(
        vocab_size=vocabulary,
        n_positions=128,
        n_embd=width,
        n_head=heads,
        n_layer=2,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    return GPT2LMHeadModel(setting)


@fc.model(
    space=fc.Space(
        hidden=fc.Int(32, 128, step=16),
        heads=fc.Choice(2, 4, 8),
        kv_heads=fc.Choice(1, 2, 4),
        intermediate=fc.Int(64, 256, step=32),
        vocabulary=VOCABULARY,
        **TEXTS,
    ).where("hidden % (2 * heads) == 0", "heads % kv_heads == 0"),
    example=texts,
)
def llama(hidden, heads, kv_heads, intermediate, vocabulary):
    setting = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        use_cache=False,
    )
    return LlamaForCausalLM(setting)


@fc.model(
    space=fc.Space(
        hidden=fc.Int(32, 128, step=8),
        heads=fc.Choice(2, 4, 8),
        intermediate=fc.Int(64, 256, step=32),
        **TEXTS,
    ).where("hidden % heads == 0"),
    example=lambda batch, seq: {
        "input_ids": texts(batch, seq),
        "attention_mask": torch.ones(batch, seq, dtype=torch.long),
    },
)
def bert(hidden, heads, intermediate):
    return BertForMaskedLM(
        BertConfig(
            vocab_size=500,
            hidden_size=hidden,
            num_hidden_layers=2,
            num_attention_heads=heads,
            intermediate_size=intermediate,
        )
    )


@fc.model(
    space=fc.Space(
        hidden=fc.Int(32, 128, step=8),
        heads=fc.Choice(2, 4, 8),
        feed_forward=fc.Int(64, 256, step=32),
        **TEXTS,
    ).where("hidden % heads == 0"),
    example=texts,
)
def opt(hidden, heads, feed_forward):
    setting = OPTConfig(
        vocab_size=500,
        hidden_size=hidden,
        num_hidden_layers=2,
        ffn_dim=feed_forward,
        num_attention_heads=heads,
        max_position_embeddings=128,
        word_embed_proj_dim=hidden,
        use_cache=False,
    )
    return OPTForCausalLM(setting)


@fc.model(
    width=fc.Int(32, 128, step=8),
    heads=fc.Choice(2, 4, 8),
    head_width=fc.Int(8, 32, step=4),
    **TEXTS,
    example=lambda batch, seq: {"input_ids": texts(batch, seq), "decoder_input_ids": texts(batch, seq // 2)},
)
def t5(width, heads, head_width):
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=500,
            d_model=width,
            d_kv=head_width,
            d_ff=4 * width,
            num_layers=2,
            num_heads=heads,
            use_cache=False,
        )
    )


TORCHVISION = (resnet, densenet, mobilenet_v2, mobilenet_v3, convnext, swin, vit, vgg)
TIMM = (timm_vit, efficientnet, mlp_mixer, regnet)
TRANSFORMERS = (gpt2, llama, bert, opt, t5)
ZOO = TORCHVISION + TIMM + TRANSFORMERS + PLAIN
