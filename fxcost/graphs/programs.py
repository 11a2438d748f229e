"""Exported programs: dynamic sizes become hyperparameters, placeholders an example batch."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any, cast

import sympy
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils._pytree import tree_unflatten
from torch.utils._sympy.interp import sympy_interp
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.reference import PythonReferenceAnalysis

from fxcost.errors import DeclarationError
from fxcost.space import AnyDomain, Choice, Int, Space

GUARDS = "<guards of the exported program>"
SymbolicInt = torch.SymInt | int


@dataclass(frozen=True)
class Dimension:
    """A dynamic size of a program.

    Attributes:
        symbol: The program's symbol for it.
        name: The name given with `torch.export.Dim`, else that of an input that is a number, else the
            symbol's.
        place: Where it is first seen, in words.
        low: Its least value.
        high: Its largest value, None where the program gives no bound.
    """

    symbol: sympy.Symbol
    name: str
    place: str
    low: int
    high: int | None

    @property
    def least(self) -> int:
        """Its least value where none is declared: no tensor is empty."""
        return max(1, self.low)

    def domain(self, declared: AnyDomain | None) -> AnyDomain | None:
        """Return the declared domain, or that of the program's bounds, None where neither is there.

        Raises:
            DeclarationError: The declared domain has values that the program does not allow.
        """
        if declared is None:
            return None if self.high is None else Int(self.least, self.high)
        if not isinstance(declared, Int | Choice) or not all(map(self._allows, _ends(declared))):
            allowed = f"{self.low}..{'' if self.high is None else self.high}"
            advice = f"fc.Int({self.least}, {self.high or 64 * self.least})"
            raise DeclarationError(
                f"space={{{self.name!r}: {declared}}}: {self.place} is {self.name}, an integer in {allowed} "
                f"as it was exported; write {self.name!r}: {advice}"
            )
        return declared

    def _allows(self, value: object) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return min(self.low, 1) <= value and (self.high is None or value <= self.high)


class Exported:
    """An exported program with its dynamic sizes and its inputs.

    Attributes:
        source: The program.
        module: It as a module; parameters and buffers are the program's own.
    """

    def __init__(self, source: ExportedProgram) -> None:
        self.source = source
        module = cast("Any", source.module())
        module.validate_inputs = False  # `batch` passes by name what the program may want by position
        _name_guards(module)
        self.module: torch.nn.Module = module

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The traced values of the user's inputs by name: fake tensors, symbolic numbers and constants."""
        placeholders = self.source.graph.find_nodes(op="placeholder")
        pairs = zip(placeholders, self.source.graph_signature.input_specs, strict=True)
        return {node.name: node.meta["val"] for node, spec in pairs if spec.kind is InputKind.USER_INPUT}

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dynamic sizes, in the order in which the inputs show them."""
        found: dict[sympy.Symbol, Dimension] = {}
        for place, size in self._sizes():
            names = _names(size)
            for symbol in sorted(size.node.expr.free_symbols, key=str):
                if symbol not in found:
                    bounds = self.source.range_constraints[symbol]
                    high = None if bounds.upper in (int_oo, sympy.oo) else int(bounds.upper)
                    name = names.get(symbol, place if place.isidentifier() else str(symbol))
                    found[symbol] = Dimension(symbol, name, place, int(bounds.lower), high)
        return tuple(found.values())

    def space(self, declared: Space) -> Space:
        """Return the space of the dynamic sizes.

        Raises:
            DeclarationError: Something else is declared, or neither gives a size's upper bound.
        """
        names = [dimension.name for dimension in self.dimensions]
        unknown = [name for name in declared.names if name not in names]
        if unknown:
            has = f"its dynamic sizes are {', '.join(names)}" if names else "it has no dynamic sizes"
            raise DeclarationError(f"space= declares {', '.join(unknown)}, which the program has not; {has}")
        domains = {each.name: each.domain(declared.domains.get(each.name)) for each in self.dimensions}
        unbounded = [dimension for dimension in self.dimensions if domains[dimension.name] is None]
        if unbounded:
            places = ", ".join(f"{dimension.name} ({dimension.place})" for dimension in unbounded)
            written = ", ".join(
                f'"{each.name}": fc.Int({each.least}, {64 * each.least})' for each in unbounded
            )
            raise DeclarationError(
                f"the program gives no upper bound of {places}; write fc.cost(program, "
                f"space={{{written}}}), or export it with torch.export.Dim(name, max=...)"
            )
        whole = Space(cast("Mapping[str, AnyDomain]", domains))
        return whole.where(*declared.conditions) if declared.conditions else whole

    def batch(self, **sizes: SymbolicInt) -> Any:
        """Return inputs of these sizes, without values: a tuple, or a dict where some go by keyword."""
        environment = {dimension.symbol: sizes[dimension.name] for dimension in self.dimensions}
        leaves = [_leaf(value, environment) for value in self.inputs.values()]
        spec = self.source.call_spec.in_spec
        args, kwargs = tree_unflatten(leaves, spec)
        if not kwargs:
            return args
        names = inspect.signature(self.module.forward).parameters
        return dict(zip(names, args, strict=False)) | kwargs

    def _sizes(self) -> Iterator[tuple[str, torch.SymInt]]:
        """Yield the symbolic sizes of the inputs, each with its place."""
        for name, value in self.inputs.items():
            if isinstance(value, torch.SymInt):
                yield name, value
            elif isinstance(value, torch.Tensor):
                shape: tuple[Any, ...] = value.shape
                for axis, size in enumerate(shape):
                    if isinstance(size, torch.SymInt):
                        yield f"size {axis} of {name}", size


def _name_guards(module: Any) -> None:
    """Give the code that checks a program's guards, compiled from text, a name that reports can show."""
    guards = getattr(module, "_guards_fn", None)
    if guards is None:
        return
    forward = inspect.getclosurevars(guards.forward).nonlocals.get("func")
    if isinstance(forward, FunctionType):
        code = forward.__code__.replace(co_filename=GUARDS)
        guards.forward = FunctionType(code, forward.__globals__, "guards")


def _ends(domain: AnyDomain) -> tuple[object, ...]:
    return domain.options if isinstance(domain, Choice) else (domain.low, domain.high)


def _names(size: torch.SymInt) -> dict[sympy.Symbol, str]:
    """Return the names that were given to symbols with `torch.export.Dim`; a loaded program has lost them."""
    environment: Any = size.node.shape_env
    given = environment.source_name_to_debug_name
    names = {}
    for symbol, sources in environment.var_to_sources.items():
        for name in (given.get(source.name, source.name) for source in sources):
            if name.isidentifier() and not keyword.iskeyword(name):
                names[symbol] = name
    return names


def _leaf(value: Any, environment: dict[sympy.Symbol, SymbolicInt]) -> Any:
    """Return an input of sizes of this trace in place of the traced one."""
    if isinstance(value, torch.SymInt):
        return _evaluated(value, environment)
    if not isinstance(value, torch.Tensor):
        return value
    return torch.empty_strided(
        [_evaluated(size, environment) for size in value.shape],
        [_evaluated(stride, environment) for stride in value.stride()],
        dtype=value.dtype,
        requires_grad=value.requires_grad,
    )


def _evaluated(size: SymbolicInt, environment: dict[sympy.Symbol, SymbolicInt]) -> Any:
    if isinstance(size, int):
        return size
    return sympy_interp(PythonReferenceAnalysis, environment, size.node.expr)
