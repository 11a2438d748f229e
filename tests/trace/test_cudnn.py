"""cuDNN's recurrent layers: what is calculated of their memory, against what an H100 was seen to allocate.

The measurements: torch 2.11.0+cu130 and cuDNN 9.19 on an NVIDIA H100 80GB HBM3.
"""

from __future__ import annotations

import functools
import warnings

import pytest
import torch
from torch import nn
from torch.export import export

import fxcost as fc
from fxcost.errors import UnknownOperatorError
from fxcost.trace.cudnn import Recurrence
from tests.trace.idioms import Wrapped
from tests.zoo_papers import seq2seq
from tests.zoo_plain import gru_classifier, lstm_language_model

MODES = ("RNN_RELU", "RNN_TANH", "LSTM", "GRU")
FITTED = [
    ("GRU", 3, 2, 64, 100, 35, 20, "float16", 0.0, 3584256, 53671648),
    ("RNN_TANH", 3, 2, 16, 256, 128, 32, "bfloat16", 0.0, 1310976, 64030208),
    ("RNN_RELU", 3, 2, 512, 256, 1, 1, "float32", 0.0, 20736, 66173216),
    ("RNN_RELU", 1, 1, 100, 32, 10, 20, "bfloat16", 0.3, 40256, 8621024),
    ("GRU", 2, 1, 64, 256, 10, 8, "bfloat16", 0.0, 133376, 17113408),
    ("RNN_TANH", 2, 1, 64, 100, 128, 64, "float32", 0.0, None, 32843520),
    ("RNN_TANH", 2, 1, 16, 100, 128, 1, "bfloat16", 0.3, None, 16816224),
    ("GRU", 3, 1, 256, 256, 1, 1, "float32", 0.0, None, 29905184),
]
HELD_OUT = [
    ("LSTM", 2, 2, 16, 32, 128, 1, "float16", 0.3, 91392, 33712032),
    ("LSTM", 3, 2, 64, 256, 10, 32, "bfloat16", 0.3, 1413376, 52683264),
    ("LSTM", 1, 2, 256, 32, 1, 1, "float16", 0.0, 5376, 17976672),
    ("LSTM", 2, 1, 100, 256, 35, 8, "bfloat16", 0.3, 619776, 17855616),
    ("LSTM", 2, 2, 256, 100, 128, 20, "float16", 0.0, None, 57512352),
    ("LSTM", 3, 2, 64, 100, 10, 32, "float32", 0.0, None, 54482432),
    ("GRU", 1, 1, 16, 256, 10, 20, "float32", 0.0, 77056, 9280928),
    ("GRU", 3, 2, 256, 256, 128, 8, "bfloat16", 0.3, 21233920, 64135488),
    ("GRU", 2, 2, 256, 100, 1, 20, "float16", 0.0, 266496, 37425376),
    ("GRU", 2, 2, 16, 256, 128, 1, "float16", 0.0, 106752, 34100384),
    ("GRU", 1, 2, 512, 100, 1, 32, "bfloat16", 0.3, None, 21396224),
    ("GRU", 3, 2, 16, 100, 35, 1, "float32", 0.3, None, 50483040),
    ("RNN_TANH", 1, 2, 256, 256, 10, 64, "float32", 0.0, 1310976, 32506624),
    ("RNN_TANH", 2, 2, 100, 100, 35, 20, "bfloat16", 0.0, 840256, 35826848),
    ("RNN_TANH", 3, 1, 100, 256, 35, 32, "float16", 0.3, 1148288, 30065056),
    ("RNN_TANH", 2, 2, 100, 256, 10, 8, "float32", 0.0, 192256, 35204672),
    ("RNN_TANH", 2, 1, 256, 32, 1, 1, "bfloat16", 0.3, None, 17191264),
    ("RNN_TANH", 1, 1, 256, 256, 10, 64, "float32", 0.0, None, 13763328),
    ("RNN_RELU", 1, 1, 256, 32, 1, 1, "float32", 0.3, 1280, 8703520),
    ("RNN_RELU", 1, 1, 256, 100, 128, 20, "float32", 0.3, 2621696, 45003168),
    ("RNN_RELU", 2, 1, 64, 32, 128, 32, "float16", 0.0, 1573120, 24719872),
    ("RNN_RELU", 1, 2, 512, 256, 1, 32, "float32", 0.3, 131328, 21561856),
    ("RNN_RELU", 3, 2, 16, 100, 10, 64, "bfloat16", 0.3, None, 50699264),
    ("RNN_RELU", 1, 1, 512, 32, 10, 64, "float32", 0.3, None, 12600064),
]
"""Mode, layers, directions, hidden size, inputs, steps, batch, type, dropout: the bytes of what is reserved,
None in evaluation, and of the workspace. The first ones are of the half that the forms were found on."""

MOST_TOO_MUCH = ("RNN_RELU", 2, 1, 512, 32, 128, 20, "bfloat16", 0.3, 8028416, 27271584)
MOST_TOO_LITTLE = ("LSTM", 1, 1, 256, 256, 1, 64, "float16", 0.0, 164096, 11436800)


def sizes(row):
    mode, layers, directions, hidden, inputs, steps, batch, dtype, dropout, reserve, _ = row
    dropped = dropout > 0 and layers > 1
    call = Recurrence(
        MODES.index(mode), layers, directions, inputs, hidden, steps, batch, getattr(torch, dtype), dropped
    )
    training = reserve is not None
    return call.reserve if training else None, call.workspace(training=training)


@pytest.mark.parametrize("row", FITTED + HELD_OUT, ids=str)
def test_what_cudnn_reserves_is_right_to_the_byte_and_its_workspace_within_256(row):
    reserve, workspace = sizes(row)
    assert reserve == row[-2]
    assert workspace == pytest.approx(row[-1], abs=256)


def test_the_errors_that_are_told_are_the_largest_that_were_found():
    assert sizes(MOST_TOO_MUCH)[1] / MOST_TOO_MUCH[-1] == pytest.approx(1.078, abs=0.001)
    assert sizes(MOST_TOO_LITTLE)[1] / MOST_TOO_LITTLE[-1] == pytest.approx(0.874, abs=0.001)


HANDLE, LT, STATE = 32 * 2**20, 2**20, 6488064
"""What cuBLAS has for each thread that multiplies, what cuBLASLt has, and cuDNN's random numbers for dropout,
which the process had kept of another model where a model drops nothing."""

LANGUAGE = {"vocabulary": 900, "width": 56, "hidden": 88, "depth": 3, "batch": 5, "seq": 36}
SIGNALS = {"features": 8, "hidden": 48, "depth": 4, "classes": 50, "batch": 6, "seq": 7}
PAIRS = {"vocabulary": 900, "hidden": 48, "encoder_depth": 1, "decoder_depth": 1, "batch": 2, "seq": 20}
RECIPES = {
    "adamw": fc.Training(torch.optim.AdamW),
    "bf16": fc.Training(torch.optim.SGD, options={"momentum": 0.9}, precision="bf16-mixed"),
    "inference": None,
}
PEAKS = [
    (lstm_language_model, LANGUAGE, "adamw", 107013736 - 2 * HANDLE - STATE, 0),
    (lstm_language_model, LANGUAGE, "bf16", 104019320 - 2 * HANDLE - STATE, 64),
    (lstm_language_model, LANGUAGE, "inference", 68715504 - HANDLE - STATE, 0),
    (gru_classifier, SIGNALS, "adamw", 145456552 - 2 * HANDLE - LT - STATE, 0),
    (gru_classifier, SIGNALS, "bf16", 144197888 - 2 * HANDLE - LT - STATE, 0),
    (seq2seq, PAIRS, "inference", 50423312 - HANDLE - LT - STATE, 0),
]


@functools.cache
def cost_of(factory, recipe):
    return fc.cost(factory, training=RECIPES[recipe], device="h100-sxm")


@pytest.mark.parametrize(("factory", "config", "recipe", "real", "apart"), PEAKS)
def test_a_model_with_recurrent_layers_peaks_as_it_did_on_an_h100(factory, config, recipe, real, apart):
    """What is said was requested over two steps; workspaces that libraries keep are taken off."""
    cost = cost_of(factory, recipe)
    assert cost.peak_memory(**config) == pytest.approx(real, abs=apart)


def test_the_state_of_dropout_between_layers_is_kept_and_told():
    dropping = cost_of(lstm_language_model, "adamw").gpu_memory(**LANGUAGE)
    assert {term.name: term.nbytes for term in dropping.terms}["cuDNN dropout state"] == STATE
    assert {term.name: term.basis for term in dropping.terms}["temporary"] in {"measured", "forecast"}
    using = cost_of(lstm_language_model, "inference").gpu_memory(**LANGUAGE)
    assert "cuDNN dropout state" not in {term.name for term in using.terms}


def sequences(module):
    """Return the factory of a recurrent layer of a width."""

    @fc.model(width=fc.Int(8, 1024, step=8), example=lambda width: torch.zeros(5, 3, width))
    def net(width):
        return Wrapped(lambda self, x: self.layer(x)[0], layer=module(width))

    return net


def test_weights_in_bfloat16_are_copied_into_one_buffer_at_each_call():
    """No dtype that `flatten_parameters` puts together; the buffer is there while the layer runs."""
    factory = sequences(lambda width: nn.LSTM(width, width))
    half, brain = (
        fc.cost(factory, inference=fc.Inference(precision=name), device="h100-sxm")
        for name in ("fp16-true", "bf16-true")
    )
    assert brain.peak_memory(width=512) - half.peak_memory(width=512) == half.weight_bytes(width=512)


def test_without_biases_there_is_room_for_them_all_the_same():
    with_biases, without = (
        fc.cost(sequences(lambda width, bias=bias: nn.GRU(width, width, bias=bias)), device="h100-sxm")
        for bias in (True, False)
    )
    assert with_biases.peak_memory(width=64) == without.peak_memory(width=64)
    assert with_biases.parameters(width=64) > without.parameters(width=64)


def test_arithmetic_is_the_same_on_a_gpu_as_on_a_cpu_and_weights_are_read_once():
    factory = sequences(lambda width: nn.LSTM(width, width, 2, bidirectional=True))
    recipe = fc.Training(torch.optim.SGD)
    on_cpu, on_gpu = (fc.cost(factory, training=recipe, device=device) for device in ("cpu", "h100-sxm"))
    assert on_cpu.flops(width=64) == on_gpu.flops(width=64)
    assert on_cpu.parameters(width=64) == on_gpu.parameters(width=64)
    weights = 4 * on_gpu.parameters(width=1024)
    forward = on_gpu.bytes_read.by("operator", width=1024)["aten._cudnn_rnn.default"]
    assert weights < forward < 1.1 * weights


def test_autocast_runs_recurrent_layers_in_float16_whatever_was_asked_for():
    factory = sequences(lambda width: nn.GRU(width, width))
    sixteen, brain = (
        fc.cost(factory, inference=fc.Inference(precision=name), device="h100-sxm")
        for name in ("fp16-mixed", "bf16-mixed")
    )
    assert sixteen.peak_memory(width=64) == brain.peak_memory(width=64)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_an_exported_recurrent_layer_takes_cudnn_too(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # export says that the layer lists its weights
        program = export(layer(8, 8), (torch.zeros(5, 3, 8),))
    found = fc.cost(program, device="h100-sxm").flops.by("operator")
    assert "aten._cudnn_rnn.default" in found


@pytest.mark.parametrize(
    ("cell", "gates", "results"), [(nn.LSTMCell, 4, 2 + 4), (nn.GRUCell, 3, 1 + 5)], ids=["LSTM", "GRU"]
)
def test_a_cell_is_two_products_and_one_kernel(cell, gates, results):
    """Alive at once: both products, one state of zeros, and the kernel's results with what it saves."""

    @fc.model(
        width=fc.Int(8, 64, step=8),
        batch=fc.Int(2, 64),
        example=lambda batch, width: torch.zeros(batch, width),
        loss=lambda output: (output if isinstance(output, torch.Tensor) else output[0]).sum(),
    )
    def net(width):
        return cell(width, width)

    setting = {"width": 32, "batch": 5}
    using, training = (
        fc.cost(net, training=recipe, device="h100-sxm") for recipe in (None, fc.Training(torch.optim.SGD))
    )
    states = 1 + 1 + 2 * gates + results  # the batch's and the zeros first
    assert using.peak_memory(**setting) == using.weight_bytes(**setting) + 4 * 5 * 32 * states
    assert training.flops(**setting) == fc.cost(net, training=fc.Training(torch.optim.SGD)).flops(**setting)


def test_what_is_not_known_of_recurrent_layers_on_a_gpu_is_refused(monkeypatch):
    with pytest.raises(UnknownOperatorError, match=r"write an nn\.Linear after it"):
        fc.cost(sequences(lambda width: nn.LSTM(width, width, proj_size=4)), device="h100-sxm")
    monkeypatch.setattr(torch.backends.cudnn, "enabled", False)
    with pytest.raises(UnknownOperatorError, match="with cuDNN only, which is switched off"):
        fc.cost(sequences(lambda width: nn.LSTM(width, width)), device="h100-sxm", cache=False)
