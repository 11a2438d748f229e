"""What litgpt's published runs are: which model, what is trained, how much of it at once.

DIR/llm_tables/litgpt.csv holds tables of github.com/Lightning-AI/litgpt: tutorials/resource-tables.md (2023,
torch 2.1, one A100 of 40 GB) and config_hub/finetune/README.md (one A10G), in decimal GB of
`torch.cuda.max_memory_allocated`. Settings are those of its config.py and of config_hub/finetune/*/*.yaml;
how long the longest sample is, to which batches are padded, the first of these pages tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

import fxcost as fc
from bench.decoder import Decoder, Lora, Setting, loss
from fxcost.factory import ModelFactory

PHI = Setting(
    24, 2048, 32, 32, 8192, 51200, rotary=0.5, gated=None, rms=False, bias=True, head_bias=True,
    parallel=True, shared_norm=True,
)  # fmt: skip
LLAMA_2 = Setting(32, 4096, 32, 32, 11008, 32000)
LLAMA_3 = Setting(32, 4096, 32, 8, 14336, 128256)
GEMMA = Setting(18, 2048, 8, 1, 16384, 256000, head=256, gated="gelu", scaled=True)
STABLELM = Setting(
    16, 4096, 32, 32, 16384, 50688, rotary=0.25, gated=None, rms=False, bias=True, parallel=True
)
MISTRAL = replace(LLAMA_3, vocabulary=32000)

FALCON = Setting(32, 4544, 71, 1, 18176, 65024, gated=None, rms=False, parallel=True, shared_norm=True)

TUTORIAL = {
    ("phi-1.5", "1.3 B"): (PHI, 1044),
    ("StableLM Alpha", "3 B"): (STABLELM, 1034),
    ("Llama 2", "7 B"): (LLAMA_2, 1304),
    ("Llama 2", "13 B"): (Setting(40, 5120, 40, 40, 13824, 32000), 1304),
    ("Falcon", "40 B"): (
        replace(FALCON, depth=60, width=8192, heads=128, groups=8, inner=32768, head=64),
        1079,
    ),
}
"""By model and size, what it is and how many tokens the longest sample has."""

CONFIGS = {
    "falcon-7b": FALCON,
    "gemma-2b": GEMMA,
    "gemma-7b": replace(GEMMA, depth=28, width=3072, heads=16, groups=16, inner=24576),
    "gemma2-2b": Setting(26, 2304, 8, 4, 9216, 256000, head=256, gated="gelu", scaled=True, cap=True),
    "gemma2-9b": Setting(42, 3584, 16, 8, 14336, 256000, head=256, gated="gelu", scaled=True, cap=True),
    "llama-2-7b": LLAMA_2,
    "llama-3-8b": LLAMA_3,
    "llama-3.1-8b": LLAMA_3,
    "llama-3.2-1b": Setting(16, 2048, 32, 8, 8192, 128256),
    "llama-3.2-3b": Setting(28, 3072, 24, 8, 8192, 128256),
    "mistral-7b": MISTRAL,
    "mistral-7b-v0.2": MISTRAL,
    "phi-2": replace(PHI, depth=32, width=2560, inner=10240, rotary=0.4),
    "phi-3": Setting(32, 3072, 32, 32, 8192, 32064),
    "stablelm-base-alpha-3b": STABLELM,
    "tiny-llama": Setting(22, 2048, 32, 4, 5632, 32000),
}
"""By the folder of the configuration file."""

EVERYWHERE = ("gemma-2b", "gemma-7b", "gemma2-2b", "gemma2-9b", "phi-2", "phi-3", "tiny-llama")
"""Folders whose lora.yaml updates every projection; the others update queries and values."""

RANKS = {"gemma-2b": 8, "gemma-7b": 16, "gemma2-2b": 8, "gemma2-9b": 16, "phi-2": 8, "phi-3": 8}
"""The rank of lora.yaml where it is not 32."""

RETURNED = 55
"""Tokens of generate.py's default prompt and the 50 that follow it: here all at once, without a cache."""

OUT_OF_MEMORY = "OOM"
"""The status of a row that did not fit."""

MODES = ("lora", "full", "adapter", "inference", "qlora")


class NotModelled(Exception):  # noqa: N818
    """A row that the recipe does not express, and why."""


@dataclass(frozen=True)
class Run:
    """A run on one GPU.

    Attributes:
        setting: The model.
        batch: Samples at once.
        tokens: Of each.
        lora: What is trained; None is everything, or, without training, nothing.
        trains: Whether it trains.
    """

    setting: Setting
    batch: int
    tokens: int
    lora: Lora | None = None
    trains: bool = True

    def recipe(self) -> fc.Training | fc.Inference:
        """Return what it does: where everything is trained, gradients of micro-batches are added up."""
        if not self.trains:
            return fc.Inference(precision="bf16-true")
        return fc.Training(
            torch.optim.AdamW,
            precision="bf16-true",
            accumulation=1 if self.lora else 2,
            keep_output=True,
            loss=loss,
        )

    def factory(self) -> ModelFactory:
        """Return the model with its batch."""
        setting, tokens = self.setting, self.tokens

        @fc.model(
            batch=fc.Int(1, max(8, self.batch)),
            example=lambda batch: torch.zeros(batch, tokens, dtype=torch.long),
        )
        def decoder() -> torch.nn.Module:
            return Decoder(setting, setting.depth, tokens, self.lora)

        return decoder


def run(row: dict[str, str]) -> Run:
    """Return what a row of the table ran.

    Raises:
        NotModelled: The recipe does not express it, or the table does not tell what it was.
    """
    for reason, holds in refusals(row):
        if holds:
            raise NotModelled(reason)
    if row["config"]:
        return configured(row)
    setting, tokens = TUTORIAL[row["model"], row["size"]]
    if row["mode"] == "inference":
        return Run(setting, 1, RETURNED, trains=False)
    return Run(setting, int(row["micro_batch"]), tokens, Lora(8))


def configured(row: dict[str, str]) -> Run:
    """Return what a file of config_hub/finetune says."""
    name = row["config"].split("/")[0]
    lora = Lora(RANKS.get(name, 32))
    if name in EVERYWHERE:
        lora = replace(lora, enabled=(True, True, True), others=True)
    full = row["mode"] == "full"
    return Run(CONFIGS[name], int(row["micro_batch"]), int(row["seq_len"]), None if full else lora)


def refusals(row: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
    """Return the reasons for which rows are not modelled, and which of them hold for this one."""
    known = (row["model"], row["size"]) in TUTORIAL or row["config"].split("/")[0] in CONFIGS
    return (
        (
            "the table does not tell the run",
            row["mode"] not in MODES,
        ),
        ("weights in 4 bit", row["quant"].startswith("bnb") or row["mode"] == "qlora"),
        ("no figure", row["status"] not in ("ok", OUT_OF_MEMORY)),
        ("several GPUs", several(row)),
        ("adapters with prompts", row["mode"] == "adapter"),
        ("another model", not known),
    )


def several(row: dict[str, Any]) -> bool:
    """Return whether weights are on several GPUs: lora.yaml says `devices: 1`, on any machine."""
    return not row["gpus"].startswith("1") and not (row["config"] and row["mode"] == "lora")
