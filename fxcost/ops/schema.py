"""What an operator's schema says, read once per operator: schemas live in C++ and are slow to ask."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from fxcost.errors import DeclarationError

Target: TypeAlias = "torch._ops.OpOverload | torch._ops.OpOverloadPacket"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an operator.

    Attributes:
        name: Its name.
        default: Its value where none is passed.
        read: Whether the operator reads what is in it: not so for `out=` arguments.
        written: Whether the operator writes into it.
    """

    name: str
    default: Any
    read: bool
    written: bool


@functools.cache
def arguments(target: torch._ops.OpOverload) -> tuple[Argument, ...]:
    """Return an operator's arguments, in order.

    >>> [argument.name for argument in arguments(torch.ops.aten.mul_.Tensor) if argument.written]
    ['self']
    """
    return tuple(
        Argument(
            name=argument.name,
            default=argument.default_value if argument.has_default_value() else None,
            read=not argument.is_out,
            written=argument.alias_info is not None and argument.alias_info.is_write,
        )
        for argument in target._schema.arguments
    )


def where_there(*names: str) -> tuple[torch._ops.OpOverloadPacket, ...]:
    """Return those of ATen's operators that this torch has, of names that not every supported release knows.

    >>> where_there("mm", "not_yet_there")
    (<OpOverloadPacket(op='aten.mm')>,)
    """
    return tuple(getattr(torch.ops.aten, name) for name in names if hasattr(torch.ops.aten, name))


@functools.cache
def fresh_results(target: torch._ops.OpOverload) -> tuple[bool, ...]:
    """Say of each result whether it is new, rather than an argument or a view of one.

    >>> fresh_results(torch.ops.aten.mul.Tensor), fresh_results(torch.ops.aten.mul_.Tensor)
    ((True,), (False,))
    """
    return tuple(result.alias_info is None for result in target._schema.returns)


@functools.cache
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


def packet_name(target: torch._ops.OpOverload) -> str:
    """Return an overload's name without the overload.

    >>> packet_name(torch.ops.aten.add_.Tensor)
    'aten::add_'
    """
    return target._schema.name


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
