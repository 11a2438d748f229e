"""A program's sizes in normal form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import sympy
import torch

from fxcost import ops
from fxcost.expr import Normaliser, Polynomial
from fxcost.program import Phase, Program, TensorMeta


@dataclass(frozen=True)
class Sizes:
    """Normalises a program's shapes and storages, each distinct expression once."""

    program: Program
    normaliser: Normaliser

    def nbytes(self, storage: int) -> Polynomial:
        """Return a storage's size in bytes."""
        found = self.program.storages[storage]
        size = self.normaliser.polynomial(found.nbytes)
        return size if found.gate is sympy.true else size * self.indicator(found.gate)

    def indicator(self, gate: sympy.Basic) -> Polynomial:
        """Return 1 where a gate holds, else 0."""
        if gate is sympy.true:
            return Polynomial.constant(1)
        return self.normaliser.polynomial(sympy.Piecewise((1, gate), (0, True), evaluate=False))

    def stages(self) -> Iterator[Sizes]:
        """Yield those of each stage of a pipeline, of another program itself."""
        return (Sizes(program, self.normaliser) for program in self.program.stages())

    def operators(self) -> Iterator[torch.fx.Node]:
        """Yield the ATen calls of the measured run, in order."""
        return (node for node in self.program.operators() if node.meta["phase"] is not Phase.CONSTRUCT)

    def call(self, node: torch.fx.Node) -> ops.Call:
        """Return an ATen call with its shapes in normal form."""
        args, kwargs, result = self.program.call(node)
        operator = cast(torch._ops.OpOverload, node.target)
        return ops.Call(operator, self._normal(args), self._normal(kwargs), self._normal(result))

    def _normal(self, value: Any) -> Any:
        if isinstance(value, TensorMeta):
            shape = tuple(map(self.normaliser.polynomial, value.shape))
            return TensorMeta(shape, value.dtype, value.storage)
        if isinstance(value, (list, tuple)):
            return tuple(map(self._normal, value))
        if isinstance(value, dict):
            return {name: self._normal(entry) for name, entry in value.items()}
        if isinstance(value, sympy.Expr) and value.is_integer:
            return self.normaliser.polynomial(value)
        return value
