"""Kernels of ATen operators, replaced for a while."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Override:
    """A kernel of an operator.

    Attributes:
        operator: Its name, such as `softmax.int`.
        key: The dispatch key that the kernel is for.
        kernel: What runs.
    """

    operator: str
    key: str
    kernel: Callable[..., Any]


@contextlib.contextmanager
def overridden(overrides: Iterable[Override]) -> Iterator[None]:
    """Replace kernels while the context is open; the dispatcher then takes those from before again.

    Example:
        >>> with overridden([Override("relu", "AutogradCPU", torch.neg)]):
        ...     inside = torch.relu(torch.ones(1))
        >>> inside, torch.relu(torch.ones(1))
        (tensor([-1.]), tensor([1.]))
    """
    library: Any = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Warning only once for all operators")
            for override in overrides:
                library.impl(override.operator, override.kernel, override.key)
        yield
    finally:
        library._destroy()
