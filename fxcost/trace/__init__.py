"""Tracing: a factory and its space become a `Program`."""

from __future__ import annotations

from fxcost.trace.checkpointing import Checkpointing
from fxcost.trace.cuda import Gpu
from fxcost.trace.declared import chosen, with_recipe
from fxcost.trace.eight_bit import EightBit
from fxcost.trace.gates import Together
from fxcost.trace.hints import further_hints, generic_hint
from fxcost.trace.parallel import Parallel
from fxcost.trace.questions import PinnedError
from fxcost.trace.recipe import Inference, LossFunction, Training
from fxcost.trace.switch import Switch
from fxcost.trace.tracing import Subject, builds_all_options, trace

__all__ = [
    "Checkpointing",
    "EightBit",
    "Gpu",
    "Inference",
    "LossFunction",
    "Parallel",
    "PinnedError",
    "Subject",
    "Switch",
    "Together",
    "Training",
    "builds_all_options",
    "chosen",
    "further_hints",
    "generic_hint",
    "trace",
    "with_recipe",
]
