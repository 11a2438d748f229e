"""The zoo's factories that build timm's models."""

from __future__ import annotations

from functools import partial

from timm.layers import GatedMlp
from timm.models.beit import Beit
from timm.models.cait import Cait
from timm.models.convmixer import ConvMixer
from timm.models.convnext import ConvNeXt
from timm.models.efficientnet import EfficientNet, decode_arch_def, round_channels
from timm.models.mambaout import MambaOut
from timm.models.metaformer import MetaFormer
from timm.models.mlp_mixer import MlpMixer, SpatialGatingBlock
from timm.models.pvt_v2 import PyramidVisionTransformerV2
from timm.models.regnet import RegNet, RegNetCfg
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import ResNet
from timm.models.twins import Twins
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import fxcost as fc
from tests.zoo_domains import BATCH, CLASSES, DEPTH, PICTURES, STAGE, pictures


@fc.model(
    space=fc.Space(
        width=fc.Int(32, 96, step=16),
        heads=fc.Choice(2, 4, 8),
        mlp_ratio=fc.Float(1.0, 4.0),
        depth=DEPTH,
        **PICTURES,
    ).where("width % heads == 0"),
    example=pictures,
)
def timm_vit(resolution, width, heads, mlp_ratio, depth):
    return VisionTransformer(
        resolution,
        8,
        num_classes=10,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        mlp_ratio=mlp_ratio,
        drop_path_rate=0.1,
    )


@fc.model(
    multiplier=fc.Choice(0.5, 0.75, 1.0, 1.1),
    stem=fc.Int(16, 32, step=8),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def efficientnet(multiplier, stem, depth1, depth2, classes):
    channels = partial(round_channels, multiplier=multiplier)
    blocks = [
        ["ds_r1_k3_s1_e1_c16_se0.25"],
        ["ir_r1_k3_s2_e6_c24_se0.25"] + ["ir_r1_k3_s1_e6_c24_se0.25"] * depth1,
        ["ir_r1_k5_s2_e6_c40_se0.25"] + ["ir_r1_k5_s1_e6_c40_se0.25"] * depth2,
    ]
    return EfficientNet(
        decode_arch_def(blocks),
        classes,
        channels(160),
        stem_size=stem,
        round_chs_fn=channels,
        act_layer=nn.SiLU,
        drop_rate=0.2,
    )


@fc.model(width=fc.Int(32, 96, step=8), depth=DEPTH, classes=CLASSES, **PICTURES, example=pictures)
def mlp_mixer(resolution, width, depth, classes):
    return MlpMixer(classes, resolution, patch_size=16, num_blocks=depth, embed_dim=width)


@fc.model(
    stem=fc.Int(16, 64, step=8),
    bottleneck=fc.Choice(0.5, 1.0, 2.0),
    depth=fc.Int(7, 10),
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def regnet(stem, bottleneck, depth, classes):
    setting = RegNetCfg(
        depth, w0=24, wa=36.44, wm=2.49, group_size=8, bottle_ratio=bottleneck, se_ratio=0.25, stem_width=stem
    )
    return RegNet(setting, num_classes=classes)


@fc.model(
    space=fc.Space(
        width=fc.Int(32, 96, step=16), heads=fc.Choice(2, 4), depth=DEPTH, class_depth=STAGE, **PICTURES
    ).where("width % heads == 0"),
    example=pictures,
)
def cait(resolution, width, heads, depth, class_depth):
    return Cait(
        resolution,
        16,
        num_classes=10,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        depth_token_only=class_depth,
    )


@fc.model(width=fc.Int(32, 96, step=16), depth=DEPTH, classes=CLASSES, **PICTURES, example=pictures)
def gmlp(resolution, width, depth, classes):
    return MlpMixer(
        classes,
        resolution,
        patch_size=16,
        num_blocks=depth,
        embed_dim=width,
        mlp_ratio=4,
        block_layer=SpatialGatingBlock,
        mlp_layer=GatedMlp,
    )


@fc.model(
    width=fc.Int(16, 96, step=16),
    kernel=fc.Choice(3, 5, 7),
    depth=DEPTH,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def convmixer(width, kernel, depth, classes):
    return ConvMixer(width, depth, kernel_size=kernel, patch_size=8, num_classes=classes)


@fc.model(
    width=fc.Int(8, 32, step=8),
    depth1=STAGE,
    depth2=STAGE,
    depth3=DEPTH,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def convnext_v2(width, depth1, depth2, depth3, classes):
    return ConvNeXt(
        num_classes=classes,
        depths=(depth1, depth2, depth3, 1),
        dims=(width, 2 * width, 4 * width, 8 * width),
        use_grn=True,
        ls_init_value=None,
        drop_path_rate=0.1,
    )


@fc.model(
    width=fc.Int(16, 64, step=16),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def poolformer(width, depth1, depth2, classes):
    return MetaFormer(
        num_classes=classes,
        depths=(depth1, depth2),
        dims=(width, 2 * width),
        layer_scale_init_values=1e-5,
        res_scale_init_values=None,
        use_mlp_head=False,
    )


@fc.model(
    width=fc.Int(16, 48, step=16),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    batch=BATCH,
    resolution=fc.Int(64, 128, step=32),
    example=pictures,
)
def pvt_v2(width, depth1, depth2, classes):
    return PyramidVisionTransformerV2(
        num_classes=classes,
        depths=(depth1, depth2, 1, 1),
        embed_dims=(width, 2 * width, 2 * width, 4 * width),
        num_heads=(1, 2, 4, 4),
        mlp_ratios=(4, 4, 2, 2),
    )


@fc.model(
    width=fc.Int(16, 48, step=16),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    batch=BATCH,
    resolution=fc.Int(64, 128, step=32),
    example=pictures,
)
def twins(resolution, width, depth1, depth2, classes):
    return Twins(
        resolution,
        num_classes=classes,
        embed_dims=(width, 2 * width, 2 * width, 4 * width),
        num_heads=(1, 2, 4, 4),
        mlp_ratios=(2, 2, 2, 2),
        depths=(depth1, depth2, 1, 1),
        wss=(4, 4, 2, 2),
    )


@fc.model(
    stem=fc.Int(8, 32, step=8),
    radix=fc.Choice(1, 2),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def resnest(stem, radix, depth1, depth2, classes):
    return ResNet(
        ResNestBottleneck,
        (depth1, depth2, 1, 1),
        num_classes=classes,
        stem_type="deep",
        stem_width=stem,
        avg_down=True,
        base_width=32,
        channels=(16, 32, 32, 64),
        block_args={"radix": radix, "avd": True, "avd_first": False},
    )


@fc.model(
    space=fc.Space(width=fc.Int(32, 96, step=16), heads=fc.Choice(2, 4), depth=DEPTH, **PICTURES).where(
        "width % heads == 0"
    ),
    example=pictures,
)
def beit(resolution, width, heads, depth):
    return Beit(
        resolution,
        num_classes=10,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        init_values=0.1,
        use_abs_pos_emb=False,
        use_rel_pos_bias=True,
    )


@fc.model(
    width=fc.Int(16, 48, step=8), depth1=STAGE, depth2=STAGE, classes=CLASSES, **PICTURES, example=pictures
)
def mambaout(width, depth1, depth2, classes):
    return MambaOut(num_classes=classes, depths=(depth1, depth2), dims=(width, 2 * width))


TIMM = (timm_vit, efficientnet, mlp_mixer, regnet, cait, gmlp, convmixer, convnext_v2, poolformer)
TIMM += (pvt_v2, twins, resnest, beit, mambaout)
