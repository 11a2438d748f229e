"""Values of tensors that are computed from constants and shapes alone.

A fake tensor has no data, but model code asks for some that no weight and no input decides: stochastic
depth's rates (`linspace(0, p, depth)[i].item()`), masks of ones. These tensors are computed for real,
at the hint, beside the fake ones.
"""

from __future__ import annotations

import math
from typing import Any, cast

import sympy
import torch
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._pytree import tree_leaves, tree_map

LARGEST = 1 << 20
ATTRIBUTE = "_fxcost_known"
BY_VALUE = "_fxcost_by_value"
UNDECIDED = object()
WITHOUT_VALUES = ("empty", "new_empty", "resize")
EXAMPLE = sympy.Symbol("data of the example")
"""Stands among the hyperparameters that a value depends on for what the example batch happens to hold."""


class KnownValues:
    """Real values of some fake tensors; `symbols` are the hyperparameters a value depends on.

    Most depend on a hyperparameter only by their sizes: a mask of ones is true everywhere. A number that was
    written into a tensor or compared with it decides more (`by_value`).
    """

    def __init__(self) -> None:
        self.unknown_storages: set[int] = set()
        self.written: dict[int, frozenset[sympy.Symbol]] = {}

    def of(self, tensor: Any) -> tuple[torch.Tensor, frozenset[sympy.Symbol]] | None:
        """Return a tensor's real value at the hint and the hyperparameters it depends on, or None."""
        if not isinstance(tensor, FakeTensor):
            return (tensor, frozenset()) if isinstance(tensor, torch.Tensor) else None
        known: tuple[torch.Tensor, frozenset[sympy.Symbol]] | None = getattr(tensor, ATTRIBUTE, None)
        key = tensor.untyped_storage()._cdata
        if known is None or key in self.unknown_storages:
            return None
        return known[0], known[1] | self.written.get(key, frozenset())

    def by_value(self, tensor: torch.Tensor) -> bool:
        """Tell whether a hyperparameter's value, not only sizes, decides a known tensor."""
        return BY_VALUE in tensor.__dict__ or tensor.untyped_storage()._cdata in self.written

    def element(self, tensor: torch.Tensor) -> tuple[Any, frozenset[sympy.Symbol]] | None:
        """Return a one-element tensor's value as a Python number, and what it depends on, or None."""
        known = self.of(tensor)
        if known is None:
            return None
        with unset_fake_temporarily():
            return known[0].item(), known[1]

    def copy(self, tensor: torch.Tensor, stand_in: torch.Tensor) -> None:
        """Take a tensor's value for that of what stands for it, where it is known."""
        known = self.of(tensor) if isinstance(tensor, FakeTensor) else None
        if known is not None:
            stand_in.__dict__[ATTRIBUTE] = known

    def typical(self, tensor: torch.Tensor) -> None:
        """Note that a tensor's value is only what the example batch happens to hold."""
        known = self.of(tensor)
        if known is not None:
            tensor.__dict__[ATTRIBUTE] = (known[0], known[1] | {EXAMPLE})

    def forget(self, tensor: torch.Tensor) -> None:
        """Take the value of a tensor, and of all that share its storage, as undecided from now on."""
        self.unknown_storages.add(tensor.untyped_storage()._cdata)

    def released(self, storage_key: int) -> None:
        """Let a storage's key be used again."""
        self.unknown_storages.discard(storage_key)
        self.written.pop(storage_key, None)

    def result(
        self, func: torch._ops.OpOverload, args: Any, kwargs: Any
    ) -> tuple[Any, frozenset[sympy.Symbol]] | None:
        """Return an operator's real result and what it depends on, where all that it reads is known."""
        values, symbols = self._real_arguments(func, args, kwargs)
        real = UNDECIDED if values is None else self._compute(func, *values)
        return None if real is UNDECIDED else (real, symbols)

    def propagate(self, func: torch._ops.OpOverload, args: Any, kwargs: Any, result: Any) -> None:
        """Compute an operator's result for real where all that it reads is known."""
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, FakeTensor)]
        small = all(_numel(output) <= LARGEST for output in outputs)
        known = self.result(func, args, kwargs) if small else None
        if known is None:
            self._forget_written(func, args, kwargs)
            return
        real, symbols = known
        reals = [leaf for leaf in tree_leaves(real) if isinstance(leaf, torch.Tensor)]
        by_value = self._reads_values(func, args, kwargs)
        for output, value in zip(outputs, reals, strict=True):
            output.__dict__[ATTRIBUTE] = (value, symbols)
            if by_value:
                output.__dict__[BY_VALUE] = True
            if by_value and func._schema.is_mutable:
                key = output.untyped_storage()._cdata
                self.written[key] = self.written.get(key, frozenset()) | symbols

    def _reads_values(self, func: torch._ops.OpOverload, args: Any, kwargs: Any) -> bool:
        """Tell whether an operator computes with a symbolic number, or with a tensor that one decided.

        A range of integers counts as a size: masks are made of positions.
        """
        ranges = func._opname.startswith("arange")
        kinds = {argument.name: argument.type.kind() for argument in func._schema.arguments}
        for name, value in (*zip(kinds, args, strict=False), *kwargs.items()):
            computes = kinds[name] in ("NumberType", "TensorType") and not ranges
            if isinstance(value, torch.SymFloat) or (isinstance(value, torch.SymInt) and computes):
                return True
        leaves = tree_leaves((args, kwargs))
        return any(isinstance(leaf, FakeTensor) and self.by_value(leaf) for leaf in leaves)

    def _real_arguments(
        self, func: torch._ops.OpOverload, args: Any, kwargs: Any
    ) -> tuple[tuple[Any, Any] | None, frozenset[sympy.Symbol]]:
        if torch.Tag.nondeterministic_seeded in func.tags or func._opname.startswith(WITHOUT_VALUES):
            return None, frozenset()
        symbols: set[sympy.Symbol] = set()
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, torch.Tensor):
                known = self.of(leaf)
                if known is None:
                    return None, frozenset()
                symbols |= known[1]
            elif isinstance(leaf, (torch.SymInt, torch.SymFloat)):
                symbols |= cast("sympy.Basic", leaf.node._expr).free_symbols
        return (tree_map(self._real, args), tree_map(self._real, kwargs)), frozenset(symbols)

    def _real(self, leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            known = self.of(leaf)
            return known[0] if known is not None else leaf
        if isinstance(leaf, (torch.SymInt, torch.SymFloat)):
            return leaf.node.hint
        return leaf

    @staticmethod
    def _compute(func: torch._ops.OpOverload, args: Any, kwargs: Any) -> Any:
        kwargs = {name: value for name, value in kwargs.items() if name != "device"}
        try:
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        except (RuntimeError, TypeError, ValueError, IndexError):
            return UNDECIDED  # an error only if somebody asks for the value

    def _forget_written(self, func: torch._ops.OpOverload, args: Any, kwargs: Any) -> None:
        if not func._schema.is_mutable:
            return
        for argument, value in zip(func._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                self._forget_leaves(value)
        for name, value in kwargs.items():
            if any(argument.name == name and argument.is_out for argument in func._schema.arguments):
                self._forget_leaves(value)

    def _forget_leaves(self, value: Any) -> None:
        for leaf in tree_leaves(value):
            if isinstance(leaf, FakeTensor):
                self.forget(leaf)


def _numel(tensor: torch.Tensor) -> int:
    sizes: tuple[Any, ...] = tensor.shape
    return math.prod(cast("int", s.node.hint) if isinstance(s, torch.SymInt) else s for s in sizes)
