"""Gradients that stay allocated from step to step, as `zero_grad(set_to_none=False)` leaves them."""

from __future__ import annotations

import sympy
import torch
from torch import nn

from fxcost.trace.recorder import Recorder


class KeptGradients:
    """Made-up gradients of a first step, which was not run; the measured step tells which of them there are.

    Args:
        model: Whose parameters have them.
        recorder: What records the step.
    """

    def __init__(self, model: nn.Module, recorder: Recorder) -> None:
        self._recorder = recorder
        self._presence: dict[int, sympy.Basic] = {}
        self._parameters = [p for p in model.parameters() if p.grad is not None]
        self._unused: list[torch.Tensor] = []
        for parameter in self._parameters:
            self._watch(parameter)

    def _watch(self, parameter: nn.Parameter) -> None:
        def note(incoming: torch.Tensor) -> None:
            before = self._presence.get(id(parameter), sympy.false)
            now = self._recorder.presence(incoming)
            self._presence[id(parameter)] = self._recorder.gating.gates.either(before, now)

        parameter.register_hook(note)  # type: ignore[no-untyped-call]

    def settle(self) -> set[int]:
        """Take away the gradients of parameters that got none, and return their storages."""
        unused: set[int] = set()
        for parameter in self._parameters:
            gradient, presence = parameter.grad, self._presence.get(id(parameter))
            if gradient is None:
                continue
            if presence is None:
                self._unused.append(gradient)  # kept alive: that it goes is no event of the step
                unused.add(self._recorder.storage_of(gradient))
                parameter.grad = None
            else:
                self._recorder.restrict(gradient, presence)
        return unused
