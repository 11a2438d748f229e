"""The key of what compiling finds out: a digest of all that it follows from."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import sys
import types
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import sympy
import torch

from fxcost.cache.file import SEAL
from fxcost.cache.fingerprint import Describer, UndescribableError
from fxcost.cache.sources import digests, distributions, model_sources, own_digest
from fxcost.space import Space
from fxcost.trace import Subject

OF_IMPORT = frozenset({"__builtins__", "__spec__", "__loader__"})
"""Names in every module that say how it was imported."""

CODE = (type, types.FunctionType, types.MethodType, functools.partial, functools._lru_cache_wrapper)


def key_of(subject: Subject, space: Space, device: str) -> str | None:
    """Return the key of a subject, None where something that it follows from cannot be seen.

    Args:
        subject: The factory, its example and its use.
        space: Its hyperparameters.
        device: Whose operator choices are traced.
    """
    modules = model_sources()
    declared = Describer(modules)
    try:
        described = [
            SEAL.version,
            own_digest(),
            [sys.version, platform.platform(), torch.__version__, sympy.__version__, distributions()],
            _state(),
            device,
            digests(modules),
            declared.of([subject, space]),
            _globals(modules, declared.names),
        ]
    except (UndescribableError, RecursionError, OSError):
        return None
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _globals(modules: Mapping[str, types.ModuleType], names: AbstractSet[str]) -> list[Any]:
    """Return what modules hold now, which may be other than their source says.

    Functions and classes are described, and the values whose names some code reads.

    Args:
        modules: The modules of model code.
        names: What is read by code that is described elsewhere.
    """
    everything = [
        (f"{at}.{name}", name, value)
        for at, module in modules.items()
        for name, value in vars(module).items()
        if name not in OF_IMPORT
    ]
    code = {at: value for at, _, value in everything if isinstance(value, CODE)}
    while True:
        describer = Describer(modules, strict=False)
        values = {at: value for at, name, value in everything if name in names and at not in code}
        described = [describer.of(code), describer.of(values)]
        if describer.names <= names:
            return described
        names = names | describer.names


def _state() -> list[str]:
    """Return what of torch's state decides which operators run, and on what."""
    cuda: Any = torch.backends.cuda
    return [
        str(torch.get_default_dtype()),
        str(torch.get_default_device()),
        str(torch.are_deterministic_algorithms_enabled()),
        str(torch.is_autocast_enabled("cpu")),
        str(torch.get_autocast_dtype("cpu")),
        str(torch.backends.mkldnn.enabled),
        str(cuda.flash_sdp_enabled()),
        str(cuda.mem_efficient_sdp_enabled()),
        str(cuda.math_sdp_enabled()),
        torch.backends.cpu.get_cpu_capability(),
    ]
