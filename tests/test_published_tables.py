"""The bench that compares memory with published tables: what it reads from a row, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import fxcost as fc
from bench import litgpt, milabench, tables
from bench.decoder import Decoder, Lora, Setting

SMALL = Setting(2, 32, 4, 2, 64, 96, rotary=0.5)

TUTORIAL = {
    "mode": "lora", "model": "Llama 2", "size": "7 B", "quant": "None", "micro_batch": "2",
    "gpus": "1 x A100-40GB", "status": "ok", "seq_len": "", "config": "",
}  # fmt: skip


def test_a_row_of_the_tutorial_is_the_run_that_the_page_describes() -> None:
    run = litgpt.run(TUTORIAL)
    assert (run.setting.depth, run.batch, run.tokens, run.lora) == (32, 2, 1304, Lora(8))


def test_a_file_for_one_gpu_is_one_run_on_any_machine() -> None:
    row = TUTORIAL | {"config": "tiny-llama/lora.yaml", "quant": "", "gpus": "4xA10G", "seq_len": "512"}
    run = litgpt.run(row)
    assert (run.tokens, run.lora) == (512, Lora(32, (True, True, True), others=True))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"quant": "bnb.nf4"}, "weights in 4 bit"),
        ({"gpus": "2 x A100"}, "several GPUs"),
        ({"status": "na"}, "no figure"),
        ({"mode": "adapter"}, "adapters with prompts"),
        ({"mode": "other"}, "the table does not tell the run"),
        ({"model": "Falcon", "size": "7 B"}, "another model"),
    ],
)
def test_what_the_recipe_does_not_express_is_refused_with_the_reason(
    row: dict[str, str], reason: str
) -> None:
    with pytest.raises(litgpt.NotModelled, match=reason):
        litgpt.run(TUTORIAL | row)


def test_a_card_that_is_not_named_or_has_no_cuda_is_refused() -> None:
    for gpu, reason in (("default", "not named"), ("MI325", "no CUDA card")):
        with pytest.raises(litgpt.NotModelled, match=reason):
            milabench.run({"gpu": gpu, "bench": "resnet50", "batch_size": "8"})


def test_only_low_rank_updates_are_trained_and_as_many_as_published() -> None:
    for setting, published in (
        (litgpt.PHI, 1_572_864),
        (litgpt.STABLELM, 2_097_152),
        (litgpt.LLAMA_2, 4_194_304),
    ):
        two, three = (trained(setting, depth) for depth in (1, 2))
        assert (three - two) * setting.depth == published


def trained(setting: Setting, depth: int) -> int:
    with torch.device("meta"):
        model = Decoder(setting, depth, 8, Lora(8))
    return sum(each.numel() for each in model.parameters() if each.requires_grad)


def test_a_run_s_memory_is_what_the_cost_of_its_model_says() -> None:
    run = litgpt.Run(SMALL, 2, 200, Lora(4))
    card = tables.card("a100-40gb", "2.1.0")
    cost = fc.cost(run.factory(), training=run.recipe(), device="a100-40gb", cache=False)
    memory = tables.memory(run, card)
    assert memory.live == cost.peak_memory(batch=2)
    assert memory.replay.peak_allocated == cost.gpu_memory(card, batch=2).replay.peak_allocated


def test_without_data_there_is_no_figure_but_the_reason(tmp_path: Path) -> None:
    assert tables.figures(None)["tables_litgpt_skipped"].startswith("--data is not given")
    found = tables.figures(tmp_path)
    assert found["tables_rows"] == 0
    assert "there is no" in found["tables_milabench_skipped"]


def test_errors_are_signed_and_counted_below() -> None:
    run = litgpt.Run(SMALL, 1, 8)
    rows = [tables.Compared(run, predicted, 100.0) for predicted in (90.0, 105.0, 120.0)]
    assert tables.judged(rows) == {
        "rows": 3,
        "median_error_percent": 10.0,
        "largest_error_percent": 20.0,
        "within_7_percent": 33.3,
        "under_percent": 33.3,
    }
