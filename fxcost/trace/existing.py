"""Modules that exist before a trace: a replica with fake tensors is traced, the module is left as it is."""

from __future__ import annotations

import copy
from types import MethodType
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

from fxcost.trace.known import ATTRIBUTE, LARGEST

Held = TypeVar("Held")
MODE_SWITCHES = ("train", "eval")


def replica(held: Held) -> Held:
    """Return a module, or a batch of tensors, with each tensor replaced by a fake one while a trace runs.

    Tensors that are shared or share storage still do. A tensor that a module keeps as a plain attribute, such
    as a constant that `torch.export` lifted, becomes a buffer. A program's refusal of `train()` and `eval()`
    is left out: it has no modes to switch. Outside a trace `held` itself is returned.

    Example:
        >>> from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
        >>> real = nn.Linear(2, 3)
        >>> with FakeTensorMode():
        ...     made = replica(real)
        >>> isinstance(made.weight, FakeTensor), isinstance(real.weight, FakeTensor), replica(real) is real
        (True, False, True)
    """
    fake_mode = detect_fake_mode()
    if fake_mode is None:
        return held
    with _disable_current_modes():
        return cast("Held", _Replicas(fake_mode).value(held))


class _Replicas:
    """The replicas made in one trace, one for each module."""

    def __init__(self, fake_mode: FakeTensorMode) -> None:
        self.fake_mode = fake_mode
        self.modules: dict[int, nn.Module] = {}

    def value(self, value: Any) -> Any:
        """Return a value with the tensors and modules in it replaced."""
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, nn.Module):
            return self._module(value)
        if isinstance(value, MethodType) and isinstance(value.__self__, nn.Module):
            return MethodType(value.__func__, self._module(value.__self__))
        if isinstance(value, dict):
            replaced = copy.copy(value)
            replaced.update({key: self.value(item) for key, item in value.items()})
            return replaced
        if type(value) in (list, tuple):
            return type(value)(self.value(item) for item in value)
        return value

    def _module(self, module: nn.Module) -> nn.Module:
        if id(module) in self.modules:
            return self.modules[id(module)]
        made = self.modules[id(module)] = object.__new__(type(module))
        attributes = vars(made)
        for name, value in vars(module).items():
            if name not in MODE_SWITCHES:
                attributes[name] = self.value(value)
        for name in [name for name, value in attributes.items() if isinstance(value, torch.Tensor)]:
            made._buffers[name] = attributes.pop(name)
        return made

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        fake = self.fake_mode.from_tensor(tensor, static_shapes=True)
        if fake.is_leaf:
            fake.grad = None
        if tensor.numel() <= LARGEST:
            fake.__dict__[ATTRIBUTE] = (tensor.detach().clone(), frozenset())
        return fake
