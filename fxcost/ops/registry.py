"""The table of formulas: operator → FLOP and bytes.

A formula is a pure function whose parameters are named after the operator's own schema arguments
(plus `result`), registered by a decorator. What has no formula of its own may be classified by a
*rule*, which reads the operator's schema and tags. What neither covers is an error, never 0.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import torch

from fxcost.errors import DeclarationError, UnknownOperatorError
from fxcost.ops.call import Call, Flops, Traffic, nbytes

Target: TypeAlias = "torch._ops.OpOverload | torch._ops.OpOverloadPacket"
FlopsFormula: TypeAlias = Callable[..., Flops]
TrafficFormula: TypeAlias = Callable[..., Traffic]
FlopsRule: TypeAlias = Callable[[torch._ops.OpOverload], "FlopsFormula | None"]
TrafficRule: TypeAlias = Callable[[torch._ops.OpOverload], "TrafficFormula | None"]
AnyFormula = TypeVar("AnyFormula", bound=Callable[..., Any])


class Registry:
    """Formulas by operator name, and the rules asked when there is none."""

    def __init__(self) -> None:
        self._flops: dict[str, FlopsFormula] = {}
        self._traffic: dict[str, TrafficFormula] = {}
        self._flops_rules: list[FlopsRule] = []
        self._traffic_rules: list[TrafficRule] = []

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
        return self._registrar(self._flops, targets)

    def traffic_formula(self, *targets: Target) -> Callable[[AnyFormula], AnyFormula]:
        """Register a function as the memory traffic of operators, instead of what `schema_traffic` says.

        >>> registry = Registry()
        >>> @registry.traffic_formula(torch.ops.aten.zero_)
        ... def zero_(self):
        ...     return Traffic(written=nbytes(self))
        """
        return self._registrar(self._traffic, targets)

    def rule(self, rule: FlopsRule) -> FlopsRule:
        """Register a classification: operator → its FLOP formula, or None where it does not apply."""
        self._flops_rules.append(rule)
        return rule

    def traffic_rule(self, rule: TrafficRule) -> TrafficRule:
        """Register a classification: operator → its traffic formula, or None where it does not apply."""
        self._traffic_rules.append(rule)
        return rule

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
        names = (target_name(call.target), packet_name(call.target))
        formula = first_formula(self._traffic, names, self._traffic_rules, call.target)
        answer: Traffic = schema_traffic(call) if formula is None else apply_formula(formula, call)
        return answer

    def _find(self, target: torch._ops.OpOverload) -> FlopsFormula | None:
        packet = packet_name(target)
        # An in-place operator computes what its functional form computes.
        names = (target_name(target), packet, packet.removesuffix("_"))
        return first_formula(self._flops, names, self._flops_rules, target)

    @staticmethod
    def _registrar(
        table: dict[str, Callable[..., Any]], targets: Sequence[Target]
    ) -> Callable[[AnyFormula], AnyFormula]:
        def register(function: AnyFormula) -> AnyFormula:
            for target in targets:
                check_parameters(function, target)
                table[target_name(target)] = function
            return function

        return register


registry = Registry()


def first_formula(
    table: Mapping[str, Callable[..., Any]],
    names: Sequence[str],
    rules: Sequence[Callable[[torch._ops.OpOverload], Callable[..., Any] | None]],
    target: torch._ops.OpOverload,
) -> Callable[..., Any] | None:
    """Return the first formula under one of the names, else the first rule's, else None."""
    for name in names:
        if name in table:
            return table[name]
    return next(filter(None, (rule(target) for rule in rules)), None)


def target_name(target: Target) -> str:
    """Return the name a formula is stored under.

    >>> target_name(torch.ops.aten.mm), target_name(torch.ops.aten.mm.out)
    ('aten::mm', 'aten::mm.out')
    """
    if isinstance(target, torch._ops.OpOverload):
        schema = target._schema
        return f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
    if isinstance(target, torch._ops.OpOverloadPacket):
        return str(target._qualified_op_name)
    raise DeclarationError(
        f"a formula is registered for an operator such as torch.ops.aten.mm, not for {target!r}"
    )


def overloads(packet: torch._ops.OpOverloadPacket) -> list[torch._ops.OpOverload]:
    """Return an operator's overloads.

    >>> torch.ops.aten.mm.out in overloads(torch.ops.aten.mm)
    True
    """
    found = []
    for name in sorted(packet._overload_names):
        # TorchScript lists overloads (`__and__.bool`) that PyTorch then refuses to look up.
        with contextlib.suppress(RuntimeError):
            found.append(getattr(packet, name or "default"))
    return found


def packet_name(target: torch._ops.OpOverload) -> str:
    """Return an overload's name without the overload.

    >>> packet_name(torch.ops.aten.add_.Tensor)
    'aten::add_'
    """
    return target._schema.name


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
    arguments = [argument.name for overload in overloads(packet) for argument in overload._schema.arguments]
    for parameter, declaration in inspect.signature(function).parameters.items():
        required = declaration.default is inspect.Parameter.empty
        if required and parameter not in (*arguments, "result"):
            raise DeclarationError(
                f"formula {function.__name__}{inspect.signature(function)} asks for {parameter!r}, which "
                f"{name} does not have; its arguments are: {', '.join(dict.fromkeys(arguments))} (and "
                f"'result')"
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
    traffic = Traffic()
    arguments = call.arguments()
    for argument in call.target._schema.arguments:
        size = nbytes(arguments[argument.name])
        mutated = argument.alias_info is not None and argument.alias_info.is_write
        traffic += Traffic(read=0 if argument.is_out else size, written=size if mutated else 0)
    returns = call.target._schema.returns
    results = [call.result] if len(returns) == 1 else list(call.result or ())
    for declared, result in zip(returns, results, strict=False):
        if declared.alias_info is None:
            traffic += Traffic(written=nbytes(result))
    return traffic


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
    parameters = [argument.name for argument in target._schema.arguments]
    return (
        f"{target_name(target)} has no formula, and an operator without one is never counted as 0. "
        f"Write one:\n\n"
        f"    @fxcost.ops.formula(torch.ops.{namespace}.{name})\n"
        f"    def {name}({', '.join([*parameters, 'result'])}):\n"
        f"        return fxcost.ops.Flops(contraction=..., pointwise=...)"
    )
