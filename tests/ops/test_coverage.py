"""No operator that ordinary models, losses and optimizers call lacks a formula."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
import transformers
from torch import nn
from torch.nn import functional
from torchvision.models.convnext import CNBlockConfig

from tests.ops.calls import tally

models = torchvision.models
SMALL = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
}
SHARED_KEYS = SMALL | {"num_key_value_heads": 2, "head_dim": 4}

VISION = {
    "ResNet": lambda: models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3),
    "DenseNet": lambda: models.DenseNet(4, (1, 1), 8, num_classes=3),
    "MobileNetV2": lambda: models.MobileNetV2(3, 0.25),
    "MobileNetV3": lambda: models.mobilenet_v3_small(num_classes=3, width_mult=0.25),
    "ConvNeXt": lambda: models.ConvNeXt([CNBlockConfig(8, None, 2)], stochastic_depth_prob=0.2),
    "Swin": lambda: models.SwinTransformer([4, 4], 8, [2, 2], [2, 4], [4, 4], stochastic_depth_prob=0.2),
    "SwinV2": lambda: models.SwinTransformer(
        [4, 4], 8, [2], [2], [4, 4], block=models.swin_transformer.SwinTransformerBlockV2
    ),
    "ViT": lambda: models.VisionTransformer(32, 8, 1, 2, 8, 16, dropout=0.1, num_classes=3),
    "VGG's layers": lambda: models.vgg.make_layers([4, "M", 8, "M"], batch_norm=True),
    "EfficientNet": lambda: models.EfficientNet(
        [models.efficientnet.MBConvConfig(2, 3, 2, 8, 8, 2)], 0.1, last_channel=8, num_classes=3
    ),
    "ShuffleNet": lambda: models.ShuffleNetV2([1, 1, 1], [8, 8, 16, 32, 16], num_classes=3),
    "MNASNet": lambda: models.MNASNet(0.1, num_classes=3),
    "SqueezeNet": lambda: models.SqueezeNet("1_1", num_classes=3),
    "timm ViT": lambda: timm.models.VisionTransformer(
        32, 8, embed_dim=8, depth=2, num_heads=2, drop_path_rate=0.1
    ),
    "timm EfficientNet": lambda: timm.create_model("test_efficientnet"),
    "timm MLP-Mixer": lambda: timm.models.MlpMixer(img_size=32, patch_size=8, num_blocks=1, embed_dim=8),
    "timm RegNet": lambda: timm.models.RegNet(timm.models.regnet.RegNetCfg(5, 8, 24.0, 2.0, 8, 0.25)),
    "timm ConvMixer": lambda: timm.models.ConvMixer(8, 1, kernel_size=3, patch_size=8),
}

DECODERS = {
    "GPT2": {"vocab_size": 32, "n_embd": 16, "n_layer": 1, "n_head": 4},
    "Llama": SHARED_KEYS,
    "Mistral": SHARED_KEYS,
    "Qwen2": SMALL | {"num_key_value_heads": 2},
    "Qwen3": SHARED_KEYS,
    "Gemma2": SHARED_KEYS,
    "OPT": SMALL | {"ffn_dim": 24, "word_embed_proj_dim": 16},
    "Mixtral": SHARED_KEYS | {"num_local_experts": 2},
}
SUFFIXES = {"GPT2": "LMHeadModel"}


def text():
    return {"input_ids": torch.ones(2, 6, dtype=torch.long), "labels": torch.ones(2, 6, dtype=torch.long)}


def decoder(name):
    config = getattr(transformers, f"{name}Config")(**DECODERS[name], pad_token_id=0)
    return getattr(transformers, name + SUFFIXES.get(name, "ForCausalLM"))(config), text()


def encoder(name):
    config = getattr(transformers, f"{name}Config")(**SMALL)
    return getattr(transformers, f"{name}ForMaskedLM")(config), text()


def t5():
    config = transformers.T5Config(
        vocab_size=32, d_model=16, d_kv=4, d_ff=24, num_layers=1, num_heads=4, decoder_start_token_id=0
    )
    return transformers.T5ForConditionalGeneration(config), text()


def whisper():
    config = transformers.WhisperConfig(
        vocab_size=32,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        num_mel_bins=4,
        max_source_positions=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    speech = {"input_features": torch.randn(2, 4, 16), "labels": torch.ones(2, 6, dtype=torch.long)}
    return transformers.WhisperForConditionalGeneration(config), speech


LANGUAGE = (
    {name: (lambda name=name: decoder(name)) for name in DECODERS}
    | {name: (lambda name=name: encoder(name)) for name in ("Bert", "Roberta")}
    | {"T5": t5, "Whisper": whisper}
)

LAYERS = {
    "batch norm": lambda: (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), torch.randn(2, 3, 4, 4)),
    "norms": lambda: (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.RMSNorm(4)),
        torch.randn(2, 3, 4, 4),
    ),
    "pools": lambda: (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(2)),
        torch.randn(2, 3, 16, 16),
    ),
    "upsampling": lambda: (
        nn.Sequential(
            nn.ConvTranspose2d(3, 4, 2, stride=2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Upsample(9),
        ),
        torch.randn(2, 3, 4, 4),
    ),
    "padding": lambda: (
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
            nn.PixelShuffle(2),
            nn.Unfold(2),
        ),
        torch.randn(2, 3, 4, 4),
    ),
    "weight norm": lambda: (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), torch.randn(2, 4)),
    "embedding bag": lambda: (nn.EmbeddingBag(8, 4, mode="mean"), torch.ones(2, 3, dtype=torch.long)),
    "embedding": lambda: (nn.Embedding(8, 4, padding_idx=0), torch.ones(2, 3, dtype=torch.long)),
    "encoder-decoder": lambda: (
        nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        {"src": torch.randn(2, 5, 8), "tgt": torch.randn(2, 3, 8)},
    ),
    "dropout": lambda: (
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1), nn.AlphaDropout(0.1)),
        torch.randn(2, 4),
    ),
}

ACTIVATIONS = (
    nn.ELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardtanh, nn.Hardswish, nn.LeakyReLU, nn.LogSigmoid, nn.PReLU,
    nn.ReLU, nn.ReLU6, nn.RReLU, nn.SELU, nn.CELU, nn.GELU, nn.Sigmoid, nn.SiLU, nn.Mish, nn.Softplus,
    nn.Softshrink, nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.GLU, lambda: nn.Softmin(-1),
    lambda: nn.Softmax(-1), lambda: nn.LogSoftmax(-1), lambda: nn.Threshold(0.1, 2.0),
)  # fmt: skip

CLASSES = torch.tensor([1, 0])
TARGETS = torch.rand(2, 4)
SIGNS = torch.tensor([1, -1])
LOSSES = (
    lambda x: functional.l1_loss(x, TARGETS), lambda x: functional.mse_loss(x, TARGETS),
    lambda x: functional.smooth_l1_loss(x, TARGETS), lambda x: functional.huber_loss(x, TARGETS),
    lambda x: functional.soft_margin_loss(x, TARGETS), lambda x: functional.poisson_nll_loss(x, TARGETS),
    lambda x: functional.kl_div(x, TARGETS, reduction="batchmean"),
    lambda x: functional.binary_cross_entropy(x.sigmoid(), TARGETS),
    lambda x: functional.binary_cross_entropy_with_logits(x, TARGETS, pos_weight=TARGETS[0]),
    lambda x: functional.cross_entropy(x, CLASSES, label_smoothing=0.1),
    lambda x: functional.cross_entropy(x, CLASSES, weight=TARGETS[0]),
    lambda x: functional.cross_entropy(x, TARGETS), lambda x: functional.multi_margin_loss(x, CLASSES),
    lambda x: functional.multilabel_margin_loss(x, torch.ones(2, 4, dtype=torch.long)),
    lambda x: functional.multilabel_soft_margin_loss(x, TARGETS),
    lambda x: functional.gaussian_nll_loss(x, TARGETS, x.exp()),
    lambda x: functional.hinge_embedding_loss(x, SIGNS[:, None]),
    lambda x: functional.margin_ranking_loss(x, 2 * x, SIGNS[:, None]),
    lambda x: functional.cosine_embedding_loss(x, x + TARGETS, SIGNS),
    lambda x: functional.triplet_margin_loss(x, x + 1, x + TARGETS),
    lambda x: functional.ctc_loss(x[:, None].log_softmax(-1), CLASSES[:1, None], (2,), (1,)),
)  # fmt: skip

OPTIMIZERS = [
    (torch.optim.AdamW, {}),
    (torch.optim.Adam, {"weight_decay": 0.1, "amsgrad": True}),
    (torch.optim.SGD, {}),
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (torch.optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (torch.optim.Adagrad, {}),
]


def scalar(output):
    if hasattr(output, "loss"):
        return output.loss
    return output[0].sum() if isinstance(output, tuple) else output.sum()


def unknown_of(model, batch, optimizer=torch.optim.AdamW, loss=scalar, **options):
    """Return the operators without a formula in inference and two training steps."""

    def run():
        return model(**batch) if isinstance(batch, dict) else model(batch)

    def everything():
        with torch.no_grad():
            model.eval()
            run()
        model.train()
        stepper = optimizer(model.parameters(), **options)
        for _step in range(2):
            loss(run()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            stepper.step()
            stepper.zero_grad()

    return tally(everything).unknown


@pytest.mark.parametrize("name", VISION)
def test_vision_models_call_nothing_unknown(name):
    assert unknown_of(VISION[name](), torch.randn(2, 3, 32, 32)) == set()


@pytest.mark.parametrize("name", LANGUAGE)
def test_language_models_call_nothing_unknown(name):
    assert unknown_of(*LANGUAGE[name]()) == set()


@pytest.mark.parametrize("name", LAYERS)
def test_layers_call_nothing_unknown(name):
    assert unknown_of(*LAYERS[name]()) == set()


def test_activations_call_nothing_unknown():
    unknown = [unknown_of(nn.Sequential(nn.Linear(4, 4), make()), torch.randn(2, 4)) for make in ACTIVATIONS]
    assert set().union(*unknown) == set()


def test_losses_call_nothing_unknown():
    unknown = [unknown_of(nn.Linear(4, 4), torch.randn(2, 4), loss=loss) for loss in LOSSES]
    assert set().union(*unknown) == set()


@pytest.mark.parametrize(("optimizer", "options"), OPTIMIZERS)
@pytest.mark.parametrize("kind", ["foreach", "fused", "neither"])
def test_optimizers_call_nothing_unknown(kind, optimizer, options):
    if kind == "fused" and optimizer is torch.optim.RMSprop:
        pytest.skip("RMSprop has no fused step")
    options = options | {"neither": {"foreach": False}}.get(kind, {kind: True})
    assert unknown_of(nn.Linear(4, 4), torch.randn(2, 4), optimizer, **options) == set()
