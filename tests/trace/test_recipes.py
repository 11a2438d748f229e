"""Every recipe that a CPU can run: its peak equals that of a real loop, to the byte."""

from __future__ import annotations

import functools
import random

import pytest
import torch
import torchvision
from timm.layers import Mlp
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn
from torch.utils.checkpoint import create_selective_checkpoint_contexts

import fxcost as fc
from fxcost.errors import DeclarationError, FactoryError
from tests.oracles import steps

BF16, FP16 = torch.bfloat16, torch.float16


class Decoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, states):
        normed = self.norm1(states)
        states = states + self.attention(normed, normed, normed, need_weights=False)[0]
        return states + self.mlp(self.norm2(states))


class Gpt(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.tokens = nn.Embedding(131, width)
        self.blocks = nn.Sequential(*(Decoder(width) for _ in range(2)))
        self.head = nn.Linear(width, 131, bias=False)

    def forward(self, ids):
        return self.head(self.blocks(self.tokens(ids)))


@fc.model(
    width=fc.Int(16, 128, step=16),
    batch=fc.Int(2, 8),
    seq=fc.Int(8, 64, step=8),
    example=lambda batch, seq: torch.zeros(batch, seq, dtype=torch.long),
)
def gpt(width):
    return Gpt(width)


@fc.model(
    classes=fc.Int(5, 50, step=5),
    batch=fc.Int(2, 8),
    resolution=fc.Int(32, 96, step=32),
    example=lambda batch, resolution: torch.zeros(batch, 3, resolution, resolution),
)
def resnet(classes):
    """A ResNet with few channels: its peak is one of activations."""
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes, channels=(8, 16, 24, 32), stem_width=8)


@fc.model(
    classes=fc.Int(5, 50, step=5), batch=fc.Int(2, 8), example=lambda batch: torch.zeros(batch, 3, 64, 64)
)
def resnet18(classes):
    return torchvision.models.resnet18(num_classes=classes)


@fc.model(
    width=fc.Int(24, 96, step=12), batch=fc.Int(2, 8), example=lambda batch: torch.zeros(batch, 3, 32, 32)
)
def vit(width):
    return VisionTransformer(32, patch_size=8, embed_dim=width, depth=2, num_heads=3, num_classes=7)


FACTORIES = {"gpt": gpt, "resnet": resnet, "vit": vit}
BLOCKS = (Decoder, BasicBlock, Block)
SAVED = [torch.ops.aten.convolution.default, torch.ops.aten.addmm.default]


def is_block(_name, module):
    return isinstance(module, BLOCKS)


def recipe(optimizer=torch.optim.AdamW, **fields):
    return fc.Training(optimizer, **fields)


SELECTIVE = functools.partial(create_selective_checkpoint_contexts, SAVED)
RECIPES = {
    "tf32": (recipe(precision="tf32"), steps.Loop()),
    "bf16-mixed": (recipe(precision="bf16-mixed"), steps.Loop(autocast=BF16)),
    "bf16-true": (recipe(precision="bf16-true"), steps.Loop(weights=BF16)),
    "fp16-mixed": (recipe(precision="fp16-mixed"), steps.Loop(autocast=FP16, scaled=True)),
    "accumulation": (recipe(accumulation=4), steps.Loop(accumulation=4)),
    "gradients kept": (recipe(set_to_none=False), steps.Loop(set_to_none=False)),
    "clipped by norm": (recipe(clip_norm=1.0), steps.Loop(norm=1.0)),
    "clipped by value": (recipe(clip_value=0.5), steps.Loop(value=0.5)),
    "moving average": (recipe(ema=0.99), steps.Loop(ema=0.99)),
    "checkpointed": (recipe(checkpoint=BLOCKS), steps.Loop(checkpointed=is_block)),
    "checkpointed in bf16": (
        recipe(checkpoint=is_block, precision="bf16-mixed"),
        steps.Loop(checkpointed=is_block, autocast=BF16),
    ),
    "checkpointed selectively": (
        recipe(checkpoint=fc.Checkpointing(BLOCKS, save=SAVED)),
        steps.Loop(checkpointed=is_block, context_fn=SELECTIVE),
    ),
    "checkpointed reentrantly": (
        recipe(checkpoint=fc.Checkpointing(BLOCKS, reentrant=True)),
        steps.Loop(checkpointed=is_block, reentrant=True),
    ),
    "channels last": (recipe(channels_last=True), steps.Loop(channels_last=True)),
    "output kept": (recipe(keep_output=True), steps.Loop(keep_output=True)),
    "output kept, accumulation in bf16": (
        recipe(keep_output=True, accumulation=3, precision="bf16-mixed"),
        steps.Loop(keep_output=True, accumulation=3, autocast=BF16),
    ),
    "backward in autocast, plain SGD": (
        recipe(
            torch.optim.SGD,
            options={"lr": 0.1, "momentum": 0.9, "nesterov": True, "foreach": False},
            precision="bf16-mixed",
            set_to_none=False,
            backward_in_autocast=True,
        ),
        steps.Loop(
            torch.optim.SGD,
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "foreach": False},
            autocast=BF16,
            set_to_none=False,
            backward_inside=True,
        ),
    ),
    "all at once": (
        recipe(
            precision="fp16-mixed",
            accumulation=2,
            set_to_none=False,
            clip_norm=1.0,
            ema=0.9,
            checkpoint=BLOCKS,
            channels_last=True,
        ),
        steps.Loop(
            autocast=FP16,
            scaled=True,
            accumulation=2,
            set_to_none=False,
            norm=1.0,
            ema=0.9,
            checkpointed=is_block,
            channels_last=True,
        ),
    ),
}


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("use", RECIPES)
def test_peak_memory_of_a_recipe_equals_a_real_loop_to_the_byte(name, use):
    factory, (training, loop) = FACTORIES[name], RECIPES[use]
    cost, draw = fc.cost(factory, training=training), random.Random(use)
    for config in (factory.space.sample(draw) for _ in range(2)):
        assert cost.peak_memory(**config) == loop.peak(factory, config)


def test_peak_memory_of_resnet18_equals_a_real_loop_to_the_byte():
    blocks = torchvision.models.resnet.BasicBlock
    options = {"lr": 0.1, "foreach": True}
    training = recipe(
        torch.optim.SGD, options=options, precision="bf16-mixed", accumulation=2, checkpoint=blocks, ema=0.9
    )
    loop = steps.Loop(
        torch.optim.SGD,
        options,
        autocast=BF16,
        accumulation=2,
        ema=0.9,
        checkpointed=lambda _name, module: isinstance(module, blocks),
    )
    cost = fc.cost(resnet18, training=training)
    for config in ({"classes": 10, "batch": 8}, {"classes": 50, "batch": 3}):
        assert cost.peak_memory(**config) == loop.peak(resnet18, config)


OPTIMIZERS = {
    "Adafactor": (torch.optim.Adafactor, {"foreach": True}),
    "Adafactor of single tensors": (torch.optim.Adafactor, {"foreach": False}),
    "RMSprop": (torch.optim.RMSprop, {"foreach": True, "momentum": 0.9, "centered": True}),
    "Adagrad": (torch.optim.Adagrad, {"foreach": True}),
    "fused AdamW": (torch.optim.AdamW, {"fused": True}),
    "fused SGD": (torch.optim.SGD, {"fused": True, "lr": 0.1, "momentum": 0.9}),
    "AMSGrad": (torch.optim.Adam, {"foreach": True, "amsgrad": True}),
    "single tensors": (torch.optim.AdamW, {"foreach": False}),
    "8 bit": (fc.EightBit, {}),
    "8 bit, one state, large blocks": (fc.EightBit, {"states": 1, "block": 2048, "least": 1}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_peak_memory_of_an_optimizer_equals_a_real_loop_to_the_byte(name):
    optimizer, options = OPTIMIZERS[name]
    cost = fc.cost(gpt, training=fc.Training(optimizer, options=options))
    config = {"width": 48, "batch": 3, "seq": 16}
    assert cost.peak_memory(**config) == steps.Loop(optimizer, options).peak(gpt, config)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_an_output_that_is_kept_shows_where_it_is_larger_than_what_the_loss_needs(accumulation):
    def loss(output):
        return nn.functional.cross_entropy(output.flatten(0, 1).half().float(), torch.zeros(16 * 8).long())

    words = fc.model(
        batch=fc.Int(2, 8), example=lambda batch: torch.zeros(batch, 16, dtype=torch.long), loss=loss
    )(lambda: nn.Sequential(nn.Embedding(64, 8), nn.Linear(8, 3001)))
    dropped, kept = (
        fc.cost(words, training=recipe(keep_output=each, accumulation=accumulation)).peak_memory(batch=8)
        for each in (False, True)
    )
    loop = steps.Loop(keep_output=True, accumulation=accumulation)
    assert kept == loop.peak(words, {"batch": 8}) > dropped


@pytest.mark.parametrize(("width", "state"), [(63, 4 * 63 * 63), (65, 65 * 65 + 4 * 17 + 4 * 256)])
def test_small_parameters_have_states_in_fp32_and_larger_ones_8_bits_and_scales(width, state):
    """63 * 63 numbers are less than 4096; 65 * 65 are in 17 blocks of 256."""
    square = fc.model(
        width=fc.Int(8, 128), batch=fc.Int(2, 8), example=lambda batch, width: torch.zeros(batch, width)
    )(lambda width: nn.Linear(width, width, bias=False))
    with_states = fc.cost(square, training=fc.Training(fc.EightBit, options={"states": 1}))
    without = fc.cost(square, training=fc.Training(torch.optim.SGD, options={"foreach": False, "lr": 0.1}))
    config = {"width": width, "batch": 2}
    assert with_states.peak_memory(**config) - without.peak_memory(**config) == state


@pytest.mark.parametrize("wrong", [{"states": 3}, {"states": 0}, {"block": 0}])
def test_states_of_eight_bits_are_one_or_two_in_blocks(wrong):
    with pytest.raises(DeclarationError, match="write states=1 or states=2, and a block of 1"):
        fc.EightBit([torch.nn.Parameter(torch.zeros(2))], **wrong)


def test_an_offloaded_optimizer_takes_no_more_than_one_without_states_and_temporaries():
    cost = fc.cost(resnet, training=recipe(offload=True, accumulation=2))
    config = {"classes": 10, "batch": 5, "resolution": 64}
    loop = steps.Loop(torch.optim.SGD, {"lr": 0.1, "foreach": True}, accumulation=2)
    assert cost.peak_memory(**config) == loop.peak(resnet, config)


@fc.model(width=fc.Int(8, 64, step=8), batch=fc.Int(2, 16), example=lambda batch: torch.zeros(batch, 8))
def adapted(width):
    """A frozen layer with a trained low-rank one beside it, and a layer that is never used."""
    model = LowRank(width)
    model.frozen.requires_grad_(requires_grad=False)
    return model


class LowRank(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.frozen, self.head = nn.Linear(8, width), nn.Linear(width, 2)
        self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, width, bias=False)
        self.unused = nn.Linear(8, width)

    def forward(self, rows):
        return self.head(self.frozen(rows) + self.up(self.down(rows)))


@pytest.mark.parametrize("kept", [False, True])
def test_frozen_and_unused_parameters_have_neither_gradients_nor_states(kept):
    training = recipe(set_to_none=not kept, ema=0.9, clip_norm=1.0)
    cost = fc.cost(adapted, training=training)
    for config in ({"width": 8, "batch": 2}, {"width": 40, "batch": 13}):
        loop = steps.Loop(set_to_none=not kept, ema=0.9, norm=1.0)
        assert cost.peak_memory(**config) == loop.peak(adapted, config)


def test_flops_of_all_micro_batches_are_counted():
    one, five = (fc.cost(gpt, training=recipe(accumulation=count)) for count in (1, 5))
    config = {"width": 48, "batch": 3, "seq": 16}
    assert five.flops(**config) == 5 * one.flops(**config)


def test_peak_memory_does_not_depend_on_the_number_of_micro_batches_after_the_second():
    two, many = (fc.cost(gpt, training=recipe(accumulation=count)) for count in (2, 1000))
    config = {"width": 48, "batch": 3, "seq": 16}
    assert two.peak_memory(**config) == many.peak_memory(**config)


def test_a_switch_keeps_gradients_of_the_chosen_alternative_only():
    @fc.model(
        act=fc.Choice("wide", "narrow"),
        width=fc.Int(8, 64),
        batch=fc.Int(2, 16),
        example=lambda batch: torch.zeros(batch, 8),
    )
    def net(act, width):
        layers = {"wide": lambda: Mlp(8, 4 * width), "narrow": lambda: Mlp(8, width)}
        return nn.Sequential(fc.Switch(act, layers), nn.Linear(8, 3))

    cost = fc.cost(net, training=recipe(set_to_none=False, accumulation=2))
    for config in ({"act": "wide", "width": 11, "batch": 3}, {"act": "narrow", "width": 40, "batch": 5}):
        assert cost.peak_memory(**config) == steps.Loop(set_to_none=False, accumulation=2).peak(net, config)


def test_what_is_checkpointed_is_told_by_pattern_class_or_callable():
    model = Gpt(16)
    by_pattern, by_class, by_callable = (
        [name for name, _ in fc.Checkpointing(modules).chosen(model)]
        for modules in ("blocks.*", Decoder, lambda name, module: isinstance(module, Decoder))
    )
    assert by_pattern == by_class == by_callable == ["blocks.0", "blocks.1"]


def test_recomputed_operators_belong_to_their_modules():
    cost = fc.cost(gpt, training=recipe(checkpoint="blocks.*"))
    config = {"width": 48, "batch": 3, "seq": 16}
    plain = fc.cost(gpt, training=recipe()).flops.by("module", **config)
    by_module = cost.flops.by("module", **config)
    assert by_module["head"] == plain["head"]
    assert by_module["blocks.0.mlp.0"] * 3 == plain["blocks.0.mlp.0"] * 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"precision": "fp17"}, "write one of"),
        ({"accumulation": 0}, "at least one"),
        ({"accumulation": 2.5}, "as an int"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "not both"),
        ({"ema": 2.0}, "between 0 and 1"),
        ({"backward_in_autocast": True}, "no autocast"),
        ({"checkpoint": 3}, "write a pattern"),
        ({"offload": True, "precision": "fp16-mixed"}, "write scaler=False"),
        ({"attention": "fast"}, "write one of"),
    ],
)
def test_a_wrong_recipe_says_what_to_write(fields, message):
    with pytest.raises(DeclarationError, match=message):
        recipe(**fields)


def test_a_policy_that_chooses_nothing_is_refused():
    with pytest.raises(FactoryError, match="chooses no module of Gpt"):
        fc.cost(gpt, training=recipe(checkpoint="layers.*"))


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("name", FACTORIES)
def test_peak_memory_of_an_inference_equals_a_real_run_to_the_byte(name, precision):
    factory, draw = FACTORIES[name], random.Random(precision)
    cost = fc.cost(factory, inference=fc.Inference(precision=precision, channels_last=True))
    types = {"autocast" if precision.endswith("mixed") else "weights": BF16}
    config = factory.space.sample(draw)
    real = steps.inference_peak(factory, config, channels_last=True, **types)
    assert cost.peak_memory(**config) == real
