"""What torchtune's published runs are.

DIR/llm_tables/torchtune.csv holds tables of github.com/pytorch/torchtune's README: one by model and GPU, all
compiled; one of techniques on top of each other: Llama 3.2 3B, 2 samples of at most 4096 tokens, bf16, one
A100.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

import fxcost as fc
from bench.litgpt import NotModelled
from fxcost.factory import ModelFactory

TOKENS = 4096


@dataclass(frozen=True)
class Run:
    """Llama 3.2 3B, all of whose weights are trained, with full samples."""

    batch: int = 2

    def recipe(self) -> fc.Training:
        """Return the recipe of full_finetune_single_device."""
        return fc.Training(torch.optim.AdamW, precision="bf16-true", loss=predicted)

    def factory(self) -> ModelFactory:
        """Return the model with its batch."""
        return fc.model(batch=fc.Int(1, 8), example=texts)(llama)


def texts(batch: int) -> dict[str, object]:
    return {"input_ids": torch.zeros(batch, TOKENS, dtype=torch.long), "use_cache": False}


def llama() -> torch.nn.Module:
    setting = LlamaConfig(
        hidden_size=3072, intermediate_size=8192, num_hidden_layers=28, num_attention_heads=24,
        num_key_value_heads=8, head_dim=128, vocab_size=128256, tie_word_embeddings=True,
        max_position_embeddings=131072,
    )  # fmt: skip
    return LlamaForCausalLM(setting)


def predicted(output: object) -> torch.Tensor:
    """Return the loss of fp32 logits."""
    logits = output.logits.float()  # type: ignore[attr-defined]
    flat = logits.reshape(-1, logits.shape[-1])
    return functional.cross_entropy(flat, torch.zeros(flat.shape[0], dtype=torch.long))


def run(row: dict[str, str]) -> Run:
    """Return what a row of the table ran.

    Raises:
        NotModelled: The recipe does not express it, or the table does not tell what it was.
    """
    if row["Technique"] == "+ Packed Dataset":
        return Run()
    if row["Technique"] == "Baseline":
        raise NotModelled("samples whose lengths are not told")
    raise NotModelled("compiled")
