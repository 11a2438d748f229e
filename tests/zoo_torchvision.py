"""The zoo's factories that build torchvision's models."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torchvision.models import (
    VGG,
    ConvNeXt,
    DenseNet,
    EfficientNet,
    MobileNetV2,
    MobileNetV3,
    ResNet,
    ShuffleNetV2,
    SwinTransformer,
    VisionTransformer,
)
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.googlenet import BasicConv2d, Inception
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.segmentation import DeepLabV3
from torchvision.models.segmentation.deeplabv3 import ASPP
from torchvision.models.squeezenet import Fire
from torchvision.models.vgg import make_layers
from torchvision.models.video.resnet import BasicBlock as VideoBlock
from torchvision.models.video.resnet import BasicStem, Conv3DSimple, VideoResNet
from torchvision.ops import FeaturePyramidNetwork

import fxcost as fc
from tests.zoo_domains import CLASSES, DEPTH, PICTURES, STAGE, pictures


@fc.model(
    width=fc.Int(16, 64, step=16),
    depth1=STAGE,
    depth2=STAGE,
    depth3=STAGE,
    depth4=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def resnet(width, depth1, depth2, depth3, depth4, classes):
    depths = [depth1, depth2, depth3, depth4]
    return ResNet(Bottleneck, depths, width_per_group=width, num_classes=classes)


@fc.model(
    growth=fc.Int(8, 24, step=4),
    features=fc.Int(16, 48, step=8),
    depth1=STAGE,
    depth2=DEPTH,
    depth3=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def densenet(growth, features, depth1, depth2, depth3, classes):
    return DenseNet(growth, (depth1, depth2, depth3), num_init_features=features, num_classes=classes)


@fc.model(
    width=fc.Choice(0.25, 0.5, 0.75, 1.0),
    depth1=STAGE,
    depth2=DEPTH,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def mobilenet_v2(width, depth1, depth2, classes):
    setting = [[1, 16, 1, 1], [6, 24, depth1, 2], [6, 32, depth2, 2], [6, 64, depth1, 2], [6, 96, 1, 2]]
    return MobileNetV2(classes, width_mult=width, inverted_residual_setting=setting)


@fc.model(
    width=fc.Choice(0.5, 0.75, 1.0),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def mobilenet_v3(width, depth1, depth2, classes):
    block = partial(InvertedResidualConfig, dilation=1, width_mult=width)
    setting = [
        block(16, 3, 16, 16, use_se=True, activation="RE", stride=2),
        block(16, 3, 72, 24, use_se=False, activation="RE", stride=2),
        *[block(24, 3, 88, 24, use_se=False, activation="RE", stride=1) for _ in range(depth1)],
        block(24, 5, 96, 40, use_se=True, activation="HS", stride=2),
        *[block(40, 5, 240, 40, use_se=True, activation="HS", stride=1) for _ in range(depth2)],
    ]
    return MobileNetV3(setting, 256, num_classes=classes)


@fc.model(
    width=fc.Int(16, 48, step=8),
    depth1=STAGE,
    depth2=STAGE,
    depth3=DEPTH,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def convnext(width, depth1, depth2, depth3, classes):
    stages = [
        CNBlockConfig(width, 2 * width, depth1),
        CNBlockConfig(2 * width, 4 * width, depth2),
        CNBlockConfig(4 * width, None, depth3),
    ]
    return ConvNeXt(stages, stochastic_depth_prob=0.1, num_classes=classes)


@fc.model(
    space=fc.Space(
        width=fc.Int(16, 64, step=8),
        heads=fc.Choice(2, 4),
        depth1=STAGE,
        depth2=STAGE,
        classes=CLASSES,
        **PICTURES,
    ).where("width % heads == 0"),
    example=pictures,
)
def swin(width, heads, depth1, depth2, classes):
    return SwinTransformer(
        [4, 4], width, [depth1, depth2], [heads, 2 * heads], window_size=[4, 4], num_classes=classes
    )


@fc.model(
    space=fc.Space(
        patch=fc.Choice(8, 16),
        heads=fc.Choice(2, 3, 4),
        width=fc.Int(24, 96, step=12),
        mlp=fc.Int(32, 192, step=32),
        depth=DEPTH,
        **PICTURES,
    ).where(lambda width, heads: width % heads == 0),
    example=pictures,
)
def vit(resolution, patch, depth, heads, width, mlp):
    return VisionTransformer(resolution, patch, depth, heads, width, mlp, num_classes=10)


class SlimVGG(VGG):
    def __init__(self, width, depth, classes):
        nn.Module.__init__(self)  # VGG's own classifier has 120 million parameters
        layers = [width, "M", 2 * width, "M", *[4 * width] * depth, "M"]
        self.features = make_layers(layers, batch_norm=True)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(4 * width * 7 * 7, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, classes)
        )


@fc.model(width=fc.Int(8, 32, step=4), depth=DEPTH, classes=CLASSES, **PICTURES, example=pictures)
def vgg(width, depth, classes):
    return SlimVGG(width, depth, classes)


@fc.model(
    width=fc.Int(16, 64, step=16),
    depth1=STAGE,
    depth2=DEPTH,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def shufflenet_v2(width, depth1, depth2, classes):
    channels = [24, width, 2 * width, 4 * width, 8 * width]
    return ShuffleNetV2([depth1, depth2, depth1], channels, num_classes=classes)


@fc.model(
    width=fc.Int(8, 32, step=8),
    expansion=fc.Choice(2, 4, 6),
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    **PICTURES,
    example=pictures,
)
def efficientnet_v2(width, expansion, depth1, depth2, classes):
    blocks = [
        FusedMBConvConfig(1, 3, 1, width, width, 1),
        FusedMBConvConfig(expansion, 3, 2, width, 2 * width, depth1),
        MBConvConfig(expansion, 3, 2, 2 * width, 4 * width, depth2),
    ]
    return EfficientNet(blocks, dropout=0.2, num_classes=classes, last_channel=8 * width)


@fc.model(squeeze=fc.Int(4, 16, step=4), depth=DEPTH, classes=CLASSES, **PICTURES, example=pictures)
def squeezenet(squeeze, depth, classes):
    expand = 4 * squeeze
    return nn.Sequential(
        nn.Conv2d(3, 2 * expand, 3, stride=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        *[Fire(2 * expand, squeeze, expand, expand) for _ in range(depth)],
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        Fire(2 * expand, 2 * squeeze, 2 * expand, 2 * expand),
        nn.Dropout(0.5),
        nn.Conv2d(4 * expand, classes, 1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@fc.model(width=fc.Int(8, 32, step=8), depth=DEPTH, classes=CLASSES, **PICTURES, example=pictures)
def googlenet(width, depth, classes):
    return nn.Sequential(
        BasicConv2d(3, 4 * width, kernel_size=7, stride=2, padding=3),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        *[Inception(4 * width, width, width, width, width // 4, width, width) for _ in range(depth)],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(4 * width, classes),
    )


@fc.model(
    width=fc.Choice(0.25, 0.5),
    decoder=fc.Int(8, 32, step=8),
    depth1=STAGE,
    depth2=STAGE,
    classes=fc.Int(2, 21),
    **PICTURES,
    example=pictures,
    loss=lambda output: output["out"].mean(),
)
def deeplab(width, decoder, depth1, depth2, classes):
    setting = [[1, 16, 1, 1], [6, 24, depth1, 2], [6, 32, depth2, 2]]
    features = MobileNetV2(width_mult=width, inverted_residual_setting=setting).features[:-1]
    channels = features[-1].out_channels
    backbone = IntermediateLayerGetter(features, {str(len(features) - 1): "out"})
    head = nn.Sequential(ASPP(channels, [6, 12, 18], decoder), nn.Conv2d(decoder, classes, 1))
    return DeepLabV3(backbone, head)


class Detector(nn.Module):
    def __init__(self, depths, channels, anchors, classes):
        super().__init__()
        stages = {f"layer{stage}": str(stage) for stage in (1, 2, 3)}
        self.body = IntermediateLayerGetter(ResNet(BasicBlock, depths), stages)
        self.pyramid = FeaturePyramidNetwork([64, 128, 256], channels)
        self.head = RetinaNetHead(channels, anchors, classes)

    def forward(self, pictures):
        return self.head(list(self.pyramid(self.body(pictures)).values()))


@fc.model(
    channels=fc.Int(8, 32, step=8),
    anchors=fc.Choice(3, 6, 9),
    depth1=STAGE,
    depth2=STAGE,
    classes=fc.Int(2, 20),
    batch=fc.Int(2, 3),
    resolution=fc.Int(32, 64, step=16),
    example=pictures,
    loss=lambda output: output["cls_logits"].sum() + output["bbox_regression"].abs().sum(),
)
def detector(channels, anchors, depth1, depth2, classes):
    return Detector([depth1, depth2, 1, 1], channels, anchors, classes)


@fc.model(
    depth1=STAGE,
    depth2=STAGE,
    classes=CLASSES,
    batch=fc.Int(2, 3),
    frames=fc.Choice(4, 8),
    example=lambda batch, frames: torch.randn(batch, 3, frames, 16, 16),
)
def video_resnet(depth1, depth2, classes):
    return VideoResNet(VideoBlock, [Conv3DSimple] * 4, [depth1, depth2, 1, 1], BasicStem, num_classes=classes)


TORCHVISION = (resnet, densenet, mobilenet_v2, mobilenet_v3, convnext, swin, vit, vgg, shufflenet_v2)
TORCHVISION += (efficientnet_v2, squeezenet, googlenet, deeplab, detector, video_resnet)
