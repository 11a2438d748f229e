"""The table of formulas: operator → FLOP and bytes.

A formula is a pure function whose parameters are named after the operator's own schema arguments
(plus `result`), registered by a decorator. What has no formula of its own may be classified by a
*rule*, which reads the operator's schema and tags. What neither covers is an error, never 0.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import torch

from fxcost.errors import DeclarationError, UnknownOperatorError
from fxcost.ops.call import Call, Flops, Traffic, nbytes
from fxcost.ops.schema import Target, arguments, fresh_results, overloads, packet_name, target_name

Formula: TypeAlias = Callable[..., Any]
FlopsFormula: TypeAlias = Callable[..., Flops]
TrafficFormula: TypeAlias = Callable[..., Traffic]
Rule: TypeAlias = Callable[[torch._ops.OpOverload], "Formula | None"]
AnyFormula = TypeVar("AnyFormula", bound=Formula)
AnyRule = TypeVar("AnyRule", bound=Rule)


class Table:
    """Formulas by operator name, and the rules asked where there is none."""

    def __init__(self) -> None:
        self._formulas: dict[str, Formula] = {}
        self._rules: list[Rule] = []
        self._found: dict[torch._ops.OpOverload, Formula | None] = {}

    def register(self, targets: Sequence[Target]) -> Callable[[AnyFormula], AnyFormula]:
        """Return a decorator that stores a function as the formula of operators."""

        def store(function: AnyFormula) -> AnyFormula:
            for target in targets:
                check_parameters(function, target)
                self._formulas[target_name(target)] = function
            self._found.clear()
            return function

        return store

    def register_rule(self, rule: AnyRule) -> AnyRule:
        """Store a rule: operator → its formula, or None where the rule does not apply."""
        self._rules.append(rule)
        self._found.clear()
        return rule

    def find(self, target: torch._ops.OpOverload, *other_names: str) -> Formula | None:
        """Return the formula under an overload's, its packet's or another name, else the first rule's."""
        if target not in self._found:
            names = (target_name(target), packet_name(target), *other_names)
            named = (self._formulas.get(name) for name in names)
            ruled = (rule(target) for rule in self._rules)
            self._found[target] = next((formula for formula in (*named, *ruled) if formula), None)
        return self._found[target]


class Registry:
    """What every operator costs: a table of FLOP formulas and a table of traffic formulas."""

    def __init__(self) -> None:
        self._flops, self._traffic = Table(), Table()

    def formula(self, *targets: Target) -> Callable[[AnyFormula], AnyFormula]:
        """Register a function as the FLOP formula of operators.

        Its parameters are named after the arguments it needs of the operator's schema, or `result`; it gets
        `TensorMeta`s (or sequences of them) for tensors and plain values for the rest. A packet such as
        `torch.ops.aten.mm` covers all its overloads and its in-place form; an overload goes first.

        >>> registry = Registry()
        >>> @registry.formula(torch.ops.aten.mm)
        ... def mm(self, mat2):
        ...     return Flops(contraction=2 * self.shape[0] * self.shape[1] * mat2.shape[1])
        """
        return self._flops.register(targets)

    def traffic_formula(self, *targets: Target) -> Callable[[AnyFormula], AnyFormula]:
        """Register a function as the memory traffic of operators, instead of what `schema_traffic` says.

        >>> registry = Registry()
        >>> @registry.traffic_formula(torch.ops.aten.zero_)
        ... def zero_(self):
        ...     return Traffic(written=nbytes(self))
        """
        return self._traffic.register(targets)

    def rule(self, rule: AnyRule) -> AnyRule:
        """Register a classification: operator → its FLOP formula, or None where it does not apply."""
        return self._flops.register_rule(rule)

    def traffic_rule(self, rule: AnyRule) -> AnyRule:
        """Register a classification: operator → its traffic formula, or None where it does not apply."""
        return self._traffic.register_rule(rule)

    def knows(self, target: torch._ops.OpOverload) -> bool:
        """Say whether an operator has a formula or is classified by a rule.

        >>> from fxcost import ops
        >>> ops.knows(torch.ops.aten.mm.default), ops.knows(torch.ops.aten._fft_r2c.default)
        (True, False)
        """
        return self._find(target) is not None

    def flops(self, call: Call) -> Flops:
        """Return an operator's arithmetic.

        Raises:
            UnknownOperatorError: It has no formula and no rule classifies it.

        >>> from fxcost import ops
        >>> from fxcost.program import TensorMeta
        >>> x = TensorMeta((4, 4), torch.float32, 0)
        >>> ops.flops(Call(torch.ops.aten.mm.default, (x, x), {}, x))
        Flops(contraction=128, pointwise=0)
        """
        formula = self._find(call.target)
        if formula is None:
            raise UnknownOperatorError(describe_unknown(call.target))
        answer: Flops = apply_formula(formula, call)
        return answer

    def traffic(self, call: Call) -> Traffic:
        """Return an operator's memory traffic, in bytes.

        Raises:
            UnknownOperatorError: It has no FLOP formula and no rule classifies it.

        >>> from fxcost import ops
        >>> from fxcost.program import TensorMeta
        >>> x = TensorMeta((4, 4), torch.float32, 0)
        >>> ops.traffic(Call(torch.ops.aten.mm.default, (x, x), {}, x))
        Traffic(read=128, written=64)
        """
        if not self.knows(call.target):
            raise UnknownOperatorError(describe_unknown(call.target))
        formula = self._traffic.find(call.target)
        answer: Traffic = schema_traffic(call) if formula is None else apply_formula(formula, call)
        return answer

    def _find(self, target: torch._ops.OpOverload) -> Formula | None:
        # An in-place operator computes what its functional form computes.
        return self._flops.find(target, packet_name(target).removesuffix("_"))


registry = Registry()


def check_parameters(function: Callable[..., Any], target: Target) -> None:
    """Refuse a formula with parameters that no overload of its operator has.

    >>> def mm(self, matrix2): ...
    >>> check_parameters(mm, torch.ops.aten.mm)
    Traceback (most recent call last):
    fxcost.errors.DeclarationError: formula mm(self, matrix2) asks for 'matrix2', which aten::mm does not \
have; its arguments are: self, mat2, out_dtype, out (and 'result')
    """
    packet = target.overloadpacket if isinstance(target, torch._ops.OpOverload) else target
    name = target_name(target)
    names = dict.fromkeys(argument.name for overload in overloads(packet) for argument in arguments(overload))
    for parameter, declaration in inspect.signature(function).parameters.items():
        required = declaration.default is inspect.Parameter.empty
        if required and parameter not in (*names, "result"):
            raise DeclarationError(
                f"formula {function.__name__}{inspect.signature(function)} asks for {parameter!r}, which "
                f"{name} does not have; its arguments are: {', '.join(names)} (and 'result')"
            )


def apply_formula(function: Callable[..., Any], call: Call) -> Any:
    """Return what a formula answers for a call: its parameters are filled in by name.

    A parameter with a default may be absent from the operator's schema.
    """
    available = call.arguments()
    available["result"] = call.result
    return function(**{name: available[name] for name in parameter_names(function) if name in available})


@functools.cache
def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's parameters.

    >>> parameter_names(lambda self, mat2: None)
    ('self', 'mat2')
    """
    return tuple(inspect.signature(function).parameters)


def schema_traffic(call: Call) -> Traffic:
    """Return the traffic that an operator's schema implies.

    Every tensor argument is read once, `out=` arguments excepted; every tensor returned and every
    argument that the schema marks as mutated is written once. A tensor passed twice is read twice.

    >>> from fxcost.program import TensorMeta
    >>> x = TensorMeta((2, 3), torch.float32, 0)
    >>> schema_traffic(Call(torch.ops.aten.add_.Tensor, (x, x), {}, x))
    Traffic(read=48, written=24)
    """
    values = call.arguments()
    declared = arguments(call.target)
    fresh = fresh_results(call.target)
    results = [call.result] if len(fresh) == 1 else list(call.result or ())
    return Traffic(
        read=nbytes([values[argument.name] for argument in declared if argument.read]),
        written=nbytes([values[argument.name] for argument in declared if argument.written])
        + nbytes([result for result, is_fresh in zip(results, fresh, strict=False) if is_fresh]),
    )


def describe_unknown(target: torch._ops.OpOverload) -> str:
    """Say which operator has no formula, and what to write.

    >>> print(describe_unknown(torch.ops.aten._fft_r2c.default))
    aten::_fft_r2c has no formula, and an operator without one is never counted as 0. Write one:
    <BLANKLINE>
        @fxcost.ops.formula(torch.ops.aten._fft_r2c)
        def _fft_r2c(self, dim, normalization, onesided, result):
            return fxcost.ops.Flops(contraction=..., pointwise=...)
    """
    namespace, _, name = packet_name(target).partition("::")
    parameters = [argument.name for argument in arguments(target)]
    return (
        f"{target_name(target)} has no formula, and an operator without one is never counted as 0. "
        f"Write one:\n\n"
        f"    @fxcost.ops.formula(torch.ops.{namespace}.{name})\n"
        f"    def {name}({', '.join([*parameters, 'result'])}):\n"
        f"        return fxcost.ops.Flops(contraction=..., pointwise=...)"
    )
