"""What milabench's published runs are: which model, how it is trained.

DIR/milabench/scaling.csv holds config/scaling/*.yaml of github.com/mila-iqia/milabench: MiB that nvidia-smi
showed. Settings are those of its config/base.yaml, benchmarks/torchvision/main.py (SGD, autocast and a
GradScaler where the precision has fp16) and benchmarks/huggingface (Adam, gradients never set to None).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torchvision
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, T5Config, T5ForConditionalGeneration

import fxcost as fc
from bench.litgpt import NotModelled
from fxcost.factory import ModelFactory

MODELS = {
    "resnet50": "resnet50",
    "convnext_large-fp32": "convnext_large",
    "convnext_large-tf32": "convnext_large",
    "convnext_large-fp16": "convnext_large",
    "convnext_large-tf32-fp16": "convnext_large",
    "regnet_y_128gf": "regnet_y_128gf",
}
"""By benchmark, torchvision's model."""

TEXTS = {"bert-fp32", "bert-tf32", "bert-fp16", "bert-tf32-fp16", "t5"}
"""Benchmarks of transformers' models: of BertConfig() with 512 tokens, and of t5-small with 1024."""

OTHERS = {
    "resnet50-noio": "a forward pass in fp32 comes before the training",
    "reformer": "what is hashed is data",
    "whisper": "the extractor's length of the audio is not told",
    "lightning": "a trainer whose own copies are not told",
    "focalnet": "a trainer whose own copies are not told",
}


@dataclass(frozen=True)
class Run:
    """A run on one GPU.

    Attributes:
        bench: milabench's name.
        batch: Samples at once.
    """

    bench: str
    batch: int

    @property
    def mixed(self) -> bool:
        """Whether autocast to fp16 is on: also where the name does not tell."""
        return self.bench.endswith("fp16") or not self.bench.endswith("32")

    def recipe(self) -> fc.Training:
        """Return how it trains."""
        precision = "fp16-mixed" if self.mixed else "fp32"
        if self.bench in MODELS:
            return fc.Training(torch.optim.SGD, options={"lr": 0.01}, precision=precision, loss=classified)
        return fc.Training(
            torch.optim.Adam, precision=precision, set_to_none=False, loss=lambda output: output.loss
        )

    def factory(self) -> ModelFactory:
        """Return the model with its batch."""
        whole = fc.Int(8, max(8, self.batch))
        if self.bench in MODELS:
            name = MODELS[self.bench]
            return fc.model(batch=whole, example=self.images)(lambda: torchvision.models.get_model(name))
        return fc.model(batch=whole, example=self.texts)(t5_small if self.bench == "t5" else bert)

    def images(self, batch: int) -> torch.Tensor:
        """Return a batch, which is converted before it gets to the model."""
        return torch.zeros(batch, 3, 224, 224, dtype=torch.half if self.mixed else torch.float)

    def texts(self, batch: int) -> dict[str, torch.Tensor]:
        """Return a batch with what is to be predicted."""
        tokens = torch.zeros(batch, 1024 if self.bench == "t5" else 512, dtype=torch.long)
        return {"input_ids": tokens, "labels": tokens.clone()}


def classified(output: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(output, torch.zeros(output.shape[0], dtype=torch.long))


def bert() -> torch.nn.Module:
    return BertForMaskedLM(BertConfig())


def t5_small() -> torch.nn.Module:
    return T5ForConditionalGeneration(
        T5Config(
            d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, vocab_size=32128, n_positions=512,
            decoder_start_token_id=0,
        )
    )  # fmt: skip


def run(row: dict[str, str]) -> Run:
    """Return what a row of the table ran.

    Raises:
        NotModelled: The recipe does not express it, or the table does not tell what it was.
    """
    if row["gpu"] != "H200":
        raise NotModelled("no CUDA card" if row["gpu"].startswith("MI") else "the card is not named")
    if row["bench"] in OTHERS:
        raise NotModelled(OTHERS[row["bench"]])
    if row["bench"].endswith("-gpus"):
        raise NotModelled("several GPUs")
    if row["bench"] not in MODELS and row["bench"] not in TEXTS:
        raise NotModelled("another model")
    return Run(row["bench"], int(row["batch_size"]))
