"""Models at sizes that people use, and recipes to train them by, for `bench/real_gpu.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import timm
import torch
import torchvision
import transformers
from torch.nn import functional

import fxcost as fc
from fxcost.factory import ModelFactory

SGD = {"optimizer": torch.optim.SGD, "options": {"lr": 0.01, "momentum": 0.9}}
ADAMW = {"optimizer": torch.optim.AdamW}
FUSED = {"optimizer": torch.optim.AdamW, "options": {"fused": True}}
BF16, FP16 = {"precision": "bf16-mixed"}, {"precision": "fp16-mixed"}
LAST = {"channels_last": True}

Use: TypeAlias = tuple[str, dict[str, Any] | None, int]
"""What it is called, the options of `fc.Training` or None, and the batch."""


def classified(output: Any) -> torch.Tensor:
    """Return the loss of a class for each image."""
    return functional.cross_entropy(output, output.new_zeros(output.shape[0], dtype=torch.long))


@dataclass(frozen=True)
class Case:
    """A model with a batch of one size, and how it is used.

    Attributes:
        name: Of the model and the recipe.
        build: Makes the model.
        example: Makes a batch.
        batch: Its samples.
        options: Of `fc.Training`; None for one use without gradients.
        precision: Of that use.
        loss: Of the model's output.
    """

    name: str
    build: Callable[[], torch.nn.Module]
    example: Callable[[int], Any]
    batch: int
    options: dict[str, Any] | None
    precision: str = "fp32"
    loss: Callable[[Any], torch.Tensor] = classified

    def factory(self) -> ModelFactory:
        """Return the model with its batch, whose size is a hyperparameter."""
        return fc.model(batch=fc.Int(2, 4 * self.batch), example=self.example)(self.build)

    def recipe(self) -> dict[str, Any]:
        """Return the recipe, as `fc.cost` takes it."""
        if self.options is None:
            return {"inference": fc.Inference(precision=self.precision)}
        return {"training": fc.Training(**self.options, loss=self.loss)}


def of_output(output: Any) -> torch.Tensor:
    """Return the loss that a model calculates."""
    loss: torch.Tensor = output.loss
    return loss


def images(batch: int) -> torch.Tensor:
    return torch.zeros(batch, 3, 224, 224)


def text(count: int) -> Callable[[int], dict[str, torch.Tensor]]:
    """Return what makes a batch of tokens, with what is to be predicted."""

    def example(batch: int) -> dict[str, torch.Tensor]:
        zeros = torch.zeros(batch, count, dtype=torch.long)
        return {"input_ids": zeros, "labels": zeros.clone()}

    return example


def gpt2() -> torch.nn.Module:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False))


def bert() -> torch.nn.Module:
    return transformers.BertForMaskedLM(transformers.BertConfig())


def t5() -> torch.nn.Module:
    sizes = {"d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8}
    return transformers.T5ForConditionalGeneration(
        transformers.T5Config(**sizes, vocab_size=32128, decoder_start_token_id=0, use_cache=False)
    )


def llama() -> torch.nn.Module:
    sizes = {
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "num_hidden_layers": 12,
    }
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**sizes, intermediate_size=2816, vocab_size=32000, use_cache=False)
    )


def _image_cases() -> list[Case]:
    recipes: dict[str, tuple[Use, ...]] = {
        "torchvision/resnet50": (
            ("fp32 SGD", SGD, 64),
            ("bf16 SGD", SGD | BF16, 64),
            ("fp16 SGD channels_last", SGD | FP16 | LAST, 64),
            ("fp32 use", None, 64),
        ),
        "torchvision/vgg16": (("fp32 SGD", SGD, 32), ("bf16 SGD channels_last", SGD | BF16 | LAST, 32)),
        "torchvision/densenet121": (("fp16 SGD", SGD | FP16, 32),),
        "torchvision/mobilenet_v3_large": (("fp32 AdamW", ADAMW, 64), ("bf16 fused", FUSED | BF16, 64)),
        "torchvision/efficientnet_b0": (("fp16 SGD channels_last", SGD | FP16 | LAST, 64),),
        "torchvision/regnet_y_8gf": (("bf16 SGD", SGD | BF16, 32),),
        "torchvision/convnext_tiny": (("bf16 AdamW", ADAMW | BF16, 32), ("fp32 AdamW", ADAMW, 32)),
        "torchvision/vit_b_16": (
            ("fp32 AdamW", ADAMW, 32),
            ("bf16 AdamW", ADAMW | BF16, 32),
            ("bf16 fused, clipped, accumulated", FUSED | BF16 | {"clip_norm": 1.0, "accumulation": 2}, 32),
        ),
        "torchvision/swin_t": (("bf16 AdamW", ADAMW | BF16, 32),),
        "timm/resnet50d": (("bf16 SGD, averaged", SGD | BF16 | {"ema": 0.999}, 32),),
        "timm/deit3_small_patch16_224": (("fp16 AdamW", ADAMW | FP16, 64),),
        "timm/mixer_b16_224": (("bf16 AdamW", ADAMW | BF16, 32),),
        "timm/seresnext50_32x4d": (("fp16 SGD", SGD | FP16, 32),),
        "timm/convmixer_768_32": (("fp16 SGD", SGD | FP16, 16),),
    }
    return [
        Case(f"{model} {name}", _maker(model), images, batch, options)
        for model, known in recipes.items()
        for name, options, batch in known
    ]


def _maker(name: str) -> Callable[[], torch.nn.Module]:
    library, _, model = name.partition("/")
    if library == "timm":
        return lambda: timm.create_model(model)
    return lambda: torchvision.models.get_model(model)


def _text_cases() -> list[Case]:
    recipes: dict[
        Callable[[], torch.nn.Module], tuple[int, tuple[tuple[str, dict[str, Any] | None, int], ...]]
    ]
    recipes = {
        gpt2: (
            1024,
            (
                ("fp32 AdamW", ADAMW, 4),
                ("bf16 AdamW", ADAMW | BF16, 4),
                ("bf16 fused", FUSED | BF16, 4),
                ("bf16 AdamW, checkpoints", ADAMW | BF16 | {"checkpoint": "transformer.h.*"}, 4),
                ("bf16-true AdamW", ADAMW | {"precision": "bf16-true"}, 4),
                ("fp32 AdamW, gradients kept", ADAMW | {"set_to_none": False}, 4),
                ("fp32 use", None, 4),
            ),
        ),
        bert: (512, (("fp32 AdamW", ADAMW, 8), ("fp16 AdamW", ADAMW | FP16, 8))),
        t5: (512, (("fp32 AdamW", ADAMW, 8), ("bf16 AdamW", ADAMW | BF16, 8))),
        llama: (
            1024,
            (
                ("fp32 AdamW", ADAMW, 2),
                ("bf16 AdamW", ADAMW | BF16, 4),
                ("bf16-true SGD", SGD | {"precision": "bf16-true"}, 4),
            ),
        ),
    }
    return [
        Case(f"transformers/{build.__name__} {name}", build, text(count), batch, options, loss=of_output)
        for build, (count, known) in recipes.items()
        for name, options, batch in known
    ]


CASES = {case.name: case for case in (*_image_cases(), *_text_cases())}
"""All of them, by name."""
