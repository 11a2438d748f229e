"""Tracing: a factory and its space become a `Program`."""

from __future__ import annotations

from fxcost.trace.hints import generic_hint
from fxcost.trace.questions import PinnedError
from fxcost.trace.recipe import LossFunction, Training
from fxcost.trace.switch import Switch
from fxcost.trace.tracing import Subject, trace

__all__ = ["LossFunction", "PinnedError", "Subject", "Switch", "Training", "generic_hint", "trace"]
