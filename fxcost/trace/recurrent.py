"""LSTM and GRU as the CPU runs them, for fake tensors, which would unroll them otherwise."""

from __future__ import annotations

from typing import Any


class Kernels:
    """Stands in for `torch._VF`; forwards what it does not define."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)
