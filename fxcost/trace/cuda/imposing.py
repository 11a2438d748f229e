"""Lets what runs on a CPU take the operators that it would take on a GPU."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import torch
from torch.amp import autocast_mode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules import rnn

from fxcost.errors import DeclarationError
from fxcost.trace.cuda import composites
from fxcost.trace.cuda.autocast import Autocast
from fxcost.trace.cuda.gpu import Gpu
from fxcost.trace.cuda.overriding import overridden
from fxcost.trace.cuda.recurrent import Layers, Operator

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
ON_A_CPU = {"flash": SDPBackend.FLASH_ATTENTION, "math": SDPBackend.MATH}
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamax", "asgd", "nadam", "radam", "rmsprop", "rprop", "sgd")


def imposed(gpu: Gpu | None, attention: str | None) -> AbstractContextManager[None]:
    """Return the context in which a GPU's choices are made; without a GPU, those of the CPU.

    Args:
        gpu: The GPU, None for the CPU.
        attention: The only backend of attention that may run, None for all.

    Raises:
        DeclarationError: A CPU has no such backend.
    """
    if gpu is not None:
        return as_on_a_gpu(gpu, attention)
    if attention is None:
        return contextlib.nullcontext()
    if attention not in ON_A_CPU:
        raise DeclarationError(
            f'attention="{attention}": a CPU has {" and ".join(ON_A_CPU)}; name a GPU: device="a100"'
        )
    return sdpa_kernel(ON_A_CPU[attention])


@contextlib.contextmanager
def as_on_a_gpu(gpu: Gpu, attention: str | None = None) -> Iterator[None]:
    """Impose a GPU's choices while the context is open.

    Args:
        gpu: The GPU.
        attention: The only backend of attention that may run, None for all.

    Example:
        >>> with as_on_a_gpu(Gpu((8, 9))), torch.autocast("cuda", torch.bfloat16):
        ...     print(torch.nn.functional.layer_norm(torch.ones(1, 2, dtype=torch.bfloat16), (2,)).dtype)
        torch.float32
    """
    autocast = Autocast(gpu.release)
    clear = torch.clear_autocast_cache

    def clear_all() -> None:
        autocast.clear()
        clear()

    with contextlib.ExitStack() as stack:
        stack.enter_context(overridden([*autocast.overrides(), *composites.overrides(gpu, attention)]))
        stack.enter_context(patch.object(torch, "clear_autocast_cache", clear_all))
        stack.enter_context(patch.object(rnn, "_VF", Layers(vars(rnn)["_VF"])))
        for name in RECURRENT:
            operator = Operator(name, getattr(torch.ops.aten, name))
            stack.enter_context(patch.object(torch.ops.aten, name, operator))
        begin = _on_the_cpu(autocast_mode.autocast.__init__)
        stack.enter_context(patch.object(autocast_mode.autocast, "__init__", begin))
        for name in OPTIMIZERS:
            module = importlib.import_module(f"torch.optim.{name}")
            if hasattr(module, "_get_capturable_supported_devices"):
                stack.enter_context(patch.object(module, "_get_capturable_supported_devices", _devices))
        yield


def _on_the_cpu(original: Callable[..., None]) -> Callable[..., None]:
    """Let autocast for a GPU be the CPU's, whose lists are replaced."""

    def begin(
        self: Any, device_type: str, dtype: torch.dtype | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if device_type == "cuda":
            device_type, dtype = "cpu", dtype or torch.float16
        original(self, device_type, dtype, *args, **kwargs)

    return begin


def _devices(*_: Any, **__: Any) -> list[str]:
    return ["cpu", "cuda"]
