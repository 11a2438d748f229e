"""What milabench's published runs are: which model, how it is trained.

DIR/milabench/scaling.csv holds config/scaling/*.yaml of github.com/mila-iqia/milabench: MiB that nvidia-smi
showed. Settings are those of its config/base.yaml, benchmarks/torchvision/main.py (SGD, autocast and a
GradScaler where the precision has fp16), benchmarks/huggingface (Adam, gradients never set to None),
benchmarks/lightning/main.py (Adam, autocast to bf16), benchmarks/torchvision_ddp/main.py (SGD, autocast to
bf16 around both passes, the output in a variable) and timm's train.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timm
import torch
import torchvision
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
    WhisperConfig,
    WhisperForAudioClassification,
)

import fxcost as fc
from bench.litgpt import NotModelled
from fxcost.factory import ModelFactory

IMAGES = {
    "resnet50": "resnet50",
    "convnext_large": "convnext_large",
    "regnet_y_128gf": "regnet_y_128gf",
    "lightning": "resnet152",
    "lightning-gpus": "resnet152",
    "resnet152-ddp-gpus": "resnet152",
}
"""By benchmark, torchvision's model."""

GPUS = 8
"""Of a machine; with DistributedDataParallel each of several takes as much."""

OTHERS = {
    "resnet50-noio": "a forward pass in fp32 comes before the training",
    "reformer": "what is hashed is data",
}


@dataclass(frozen=True)
class Run:
    """A run on one GPU.

    Attributes:
        model: milabench's name, without the precision.
        mixed: Whether autocast is on. Where it is off, fp32 and tf32 take as much.
        batch: Samples at once.
    """

    model: str
    mixed: bool
    batch: int

    @property
    def gpus(self) -> int:
        """How many GPUs train the model together."""
        return GPUS if self.model.endswith("-gpus") else 1

    def recipe(self) -> fc.Training:
        """Return how it trains."""
        precision = "fp16-mixed" if self.mixed else "fp32"
        if self.model in {"lightning", "lightning-gpus"}:
            parallel = None if self.model == "lightning" else fc.Parallel(dp=self.gpus)
            return fc.Training(torch.optim.Adam, precision="bf16-mixed", loss=classified, parallel=parallel)
        if self.model == "resnet152-ddp-gpus":
            return fc.Training(
                torch.optim.SGD,
                options={"lr": 1e-3},
                precision="bf16-mixed",
                backward_in_autocast=True,
                keep_output=True,
                loss=classified,
                parallel=fc.Parallel(dp=self.gpus),
            )
        if self.model == "focalnet":
            return fc.Training(
                torch.optim.SGD,
                options={"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 2e-5},
                precision="bf16-mixed",
                loss=classified,
            )
        if self.model in IMAGES:
            return fc.Training(torch.optim.SGD, options={"lr": 0.01}, precision=precision, loss=classified)
        return fc.Training(
            torch.optim.Adam, precision=precision, set_to_none=False, keep_output=True, loss=of_output
        )

    def factory(self) -> ModelFactory:
        """Return the model with its batch."""
        whole = fc.Int(8, max(8, self.batch))
        if self.model in TRANSFORMERS:
            build, inputs = TRANSFORMERS[self.model]
            return fc.model(batch=whole, example=inputs)(build)
        if self.model == "focalnet":
            return fc.model(batch=whole, example=images)(lambda: timm.create_model("focalnet_base_lrf"))
        name = IMAGES[self.model]
        inputs = halves if self.mixed and "152" not in name else images
        return fc.model(batch=whole, example=inputs)(lambda: torchvision.models.get_model(name))


def images(batch: int) -> torch.Tensor:
    return torch.zeros(batch, 3, 224, 224)


def halves(batch: int) -> torch.Tensor:
    """Return a batch that is converted before it gets to the model."""
    return torch.zeros(batch, 3, 224, 224, dtype=torch.half)


def tokens(batch: int, count: int) -> dict[str, torch.Tensor]:
    """Return a batch of text with what is to be predicted."""
    zeros = torch.zeros(batch, count, dtype=torch.long)
    return {"input_ids": zeros, "labels": zeros.clone()}


def sounds(batch: int) -> dict[str, torch.Tensor]:
    """Return 30 s of sound, which Whisper's extractor makes of any sound."""
    return {"input_features": torch.zeros(batch, 80, 3000), "labels": torch.zeros(batch, dtype=torch.long)}


def of_output(output: Any) -> torch.Tensor:
    """Return the loss that a model calculates."""
    loss: torch.Tensor = output.loss
    return loss


def classified(output: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(output, torch.zeros(output.shape[0], dtype=torch.long))


def bert() -> torch.nn.Module:
    return BertForMaskedLM(BertConfig())


def t5_small() -> torch.nn.Module:
    """Return T5 with the only attention that transformers had for it when it was measured, in May 2025."""
    return T5ForConditionalGeneration(
        T5Config(
            d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, vocab_size=32128, n_positions=512,
            decoder_start_token_id=0, attn_implementation="eager",
        )
    )  # fmt: skip


def whisper_tiny() -> torch.nn.Module:
    return WhisperForAudioClassification(
        WhisperConfig(
            d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536,
            decoder_layers=4, decoder_attention_heads=6, decoder_ffn_dim=1536,
        )
    )  # fmt: skip


TRANSFORMERS: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[int], dict[str, torch.Tensor]]]] = {
    "bert": (bert, lambda batch: tokens(batch, 512)),
    "t5": (t5_small, lambda batch: tokens(batch, 1024)),
    "whisper": (whisper_tiny, sounds),
}
"""By benchmark, a model of transformers and its batch."""


def run(row: dict[str, str]) -> Run:
    """Return what a row of the table ran.

    Raises:
        NotModelled: The recipe does not express it, or the table does not tell what it was.
    """
    if row["gpu"] != "H200":
        raise NotModelled("no CUDA card" if row["gpu"].startswith("MI") else "the card is not named")
    if row["bench"] in OTHERS:
        raise NotModelled(OTHERS[row["bench"]])
    if row["bench"] in IMAGES:
        return Run(row["bench"], True, int(row["batch_size"]))
    if row["bench"].endswith("-gpus"):
        raise NotModelled("several GPUs")
    model, *precision = row["bench"].split("-", 1)
    if model not in {*IMAGES, *TRANSFORMERS, "focalnet"} or precision == ["single"]:
        raise NotModelled("another model")
    return Run(model, precision not in (["fp32"], ["tf32"]), int(row["batch_size"]))
