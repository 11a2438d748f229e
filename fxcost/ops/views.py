"""Views and questions about metadata: neither arithmetic nor traffic.

Rule: an operator is a view when its schema says that everything it returns aliases an argument that it does
not write to, or when it carries the tag `torch.Tag.inplace_view`. The operators below are views, or look at
nothing but shapes, without saying so.
"""

from __future__ import annotations

import torch

from fxcost.ops.call import Flops, Traffic
from fxcost.ops.registry import FlopsFormula, TrafficFormula, registry

aten = torch.ops.aten

METADATA = (
    torch.ops.prim.device,
    torch.ops.profiler._record_function_enter_new,
    torch.ops.profiler._record_function_exit,
    aten._unsafe_view,
    aten.unsafe_split,
    aten.unsafe_split_with_sizes,
    aten.lift,
    aten.set,
    aten.set_data,
    aten.sym_size,
    aten.sym_stride,
    aten.sym_numel,
    aten.sym_storage_offset,
    aten.is_same_size,
    aten.is_pinned,
    aten.is_set_to,
    aten._has_same_storage_numel,
    aten.record_stream,
    aten._version,
    aten._fused_sdp_choice,
    aten._assert_tensor_metadata,
    aten._assert_scalar,
    aten.sym_constrain_range,
    aten.sym_constrain_range_for_size,
)


def is_view(target: torch._ops.OpOverload) -> bool:
    """Say whether an operator only makes another view of its argument's memory.

    >>> is_view(torch.ops.aten.transpose.int), is_view(torch.ops.aten.add_.Tensor)
    (True, False)
    """
    if torch.Tag.inplace_view in target.tags:
        return True
    aliases = [declared.alias_info for declared in target._schema.returns]
    return bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)


@registry.rule
def view(target: torch._ops.OpOverload) -> FlopsFormula | None:
    """Classify views: nothing is computed."""
    return nothing if is_view(target) else None


@registry.traffic_rule
def view_traffic(target: torch._ops.OpOverload) -> TrafficFormula | None:
    """Classify views: nothing is moved."""
    return nothing_moved if is_view(target) else None


@registry.formula(*METADATA)
def nothing() -> Flops:
    """Count no arithmetic."""
    return Flops()


@registry.traffic_formula(*METADATA)
def nothing_moved() -> Traffic:
    """Count no bytes."""
    return Traffic()
