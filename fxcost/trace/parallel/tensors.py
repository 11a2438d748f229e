"""`parallelize_module`, as far as memory goes: layers of which each GPU has a part.

Each style of a plan does here to this GPU's parts what torch/distributed/tensor/parallel/style.py does with
DTensors. What a style hands on as a DTensor may only be taken by another style: anything else that uses it is
refused, for what DTensor does there is not modelled.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
)
from torch.overrides import TorchFunctionMode

from fxcost.errors import FactoryError
from fxcost.trace.parallel.embeddings import divide_rows
from fxcost.trace.parallel.layouts import REPLICATED, SUMMED, TAG, moved, part
from fxcost.trace.parallel.numbers import MOVES, WHOLE, typical

HARMLESS = frozenset(
    {"shape", "dtype", "device", "requires_grad", "size", "dim", "ndim", "is_floating_point"}
)
"""What may be asked of a DTensor that every GPU has whole."""


class NoDTensors(TorchFunctionMode):
    """Refuses operators on tensors that are DTensors in PyTorch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator on tensors that are none."""
        name = func.__name__
        name = func.__self__.__name__ if name == "__get__" else name
        for leaf in args:
            layout = leaf.__dict__.get(TAG) if isinstance(leaf, torch.Tensor) else None
            if layout is not None and not (layout.is_replicate() and name in HARMLESS):
                raise FactoryError(
                    f"tensor parallelism: {name} is used on a DTensor, which is not modelled; "
                    "write use_local_output=True for the style that hands it on"
                )
        return func(*args, **(kwargs or {}))


def parallelize(model: nn.Module, gpus: Any, plan: Mapping[str, Any]) -> None:
    """Let each GPU have its part of the layers in a plan.

    Args:
        model: The model.
        gpus: How many there are.
        plan: By pattern of module names, the style, as in `parallelize_module`.

    Raises:
        FactoryError: A pattern chooses nothing, a style is not modelled, or a layer cannot be divided.
    """
    for pattern, style in plan.items():
        modules = list(_matching(model, pattern))
        if not modules:
            raise FactoryError(
                f"Parallel(plan=...): {pattern!r} chooses no module of {type(model).__name__}; "
                "its names are those of model.named_modules()"
            )
        for module in modules:
            _apply(module, gpus, style)


def _matching(model: nn.Module, pattern: str) -> Iterator[nn.Module]:
    wanted = pattern.split(".")
    for name, module in model.named_modules():
        names = name.split(".")
        if len(names) == len(wanted) and all(map(fnmatch.fnmatchcase, names, wanted)):
            yield module


def _apply(module: nn.Module, gpus: Any, style: Any) -> None:
    if isinstance(style, ColwiseParallel) and isinstance(module, (nn.Linear, nn.Embedding)):
        _colwise(module, gpus, style)
    elif isinstance(style, RowwiseParallel) and isinstance(module, nn.Linear):
        _rowwise(module, gpus, style)
    elif isinstance(style, RowwiseParallel) and isinstance(module, nn.Embedding):
        _check_local(style)
        _divide(module, "weight", gpus, 0)
        divide_rows(module, gpus, style)
    elif isinstance(style, SequenceParallel):
        _along_sequence(module, gpus, style)
    elif isinstance(style, PrepareModuleInput):
        _prepare_input(module, gpus, style)
    elif isinstance(style, PrepareModuleOutput):
        _prepare_output(module, gpus, style)
    else:
        raise FactoryError(
            f"tensor parallelism: {type(style).__name__} of {type(module).__name__} is not modelled"
        )


def _divide(module: nn.Module, name: str, gpus: Any, dim: int) -> None:
    """Let a module have this GPU's part of a weight."""
    weight: Any = module._parameters[name]
    if weight is None:
        return
    divided = (
        weight.detach()
        .narrow(dim, 0, part(weight.shape[dim], gpus))
        .clone(memory_format=torch.contiguous_format)
    )
    parameter = nn.Parameter(divided, requires_grad=weight.requires_grad)
    parameter.__dict__[WHOLE] = tuple(weight.shape)
    module._parameters[name] = parameter


def _layout(tensor: torch.Tensor, declared: Any) -> tuple[Any, bool]:
    """Return a tensor's layout, and whether it is a DTensor, whose layout nobody has to declare."""
    tagged = tensor.__dict__.get(TAG)
    return (declared, False) if tagged is None else (tagged, True)


def _check_local(style: Any) -> None:
    if not style.use_local_output:
        raise FactoryError(
            f"tensor parallelism: {type(style).__name__}(use_local_output=False) is not modelled; "
            "write use_local_output=True"
        )


def _colwise(module: nn.Module, gpus: Any, style: Any) -> None:
    _check_local(style)
    dim = 0 if isinstance(module, nn.Linear) else 1
    for name in list(module._parameters):
        _divide(module, name, gpus, dim)
    (declared,), (wanted,) = style.input_layouts, style.output_layouts

    def before(_module: nn.Module, args: Any) -> Any:
        layout, is_dtensor = _layout(args[0], declared)
        if is_dtensor and not layout.is_replicate() and layout != declared:
            raise FactoryError(
                f"tensor parallelism: ColwiseParallel of a DTensor in {layout} is not modelled"
            )
        if isinstance(module, nn.Embedding):
            return args
        made_whole = is_dtensor and layout.is_replicate()  # its gradients are added up where it was made
        gradient = REPLICATED if made_whole else SUMMED
        return (moved(args[0], gpus, layout, REPLICATED, gradient), *args[1:])

    module.register_forward_pre_hook(before)
    module.register_forward_hook(lambda _m, _a, out: moved(out, gpus, Shard(-1), wanted, wanted))


def _rowwise(module: nn.Module, gpus: Any, style: Any) -> None:
    _check_local(style)
    _divide(module, "weight", gpus, 1)
    (declared,), (wanted,) = style.input_layouts, style.output_layouts
    biases: list[Any] = []

    def before(_module: nn.Module, args: Any) -> Any:
        layout, is_dtensor = _layout(args[0], declared)
        if is_dtensor:
            raise FactoryError(
                f"tensor parallelism: RowwiseParallel of a DTensor in {layout} is not modelled"
            )
        bias: Any = module._parameters["bias"]
        biases.append(bias)
        if bias is not None:  # every GPU adds its share of it
            module._parameters["bias"] = _Share.apply(bias, gpus)
        return (moved(args[0], gpus, layout, Shard(-1), Shard(-1)), *args[1:])

    def after(_module: nn.Module, _args: Any, output: torch.Tensor) -> torch.Tensor:
        module._parameters["bias"] = biases.pop()
        return moved(output, gpus, SUMMED, wanted, wanted)

    module.register_forward_pre_hook(before)
    module.register_forward_hook(after)


class _Share(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, bias: torch.Tensor, gpus: Any) -> torch.Tensor:
        return bias / typical(gpus)

    @staticmethod
    def backward(_ctx: Any, gradient: torch.Tensor) -> Any:
        return gradient, None


def _along_sequence(module: nn.Module, gpus: Any, style: Any) -> None:
    (sharding,) = style.sequence_sharding
    for weight in module.parameters():
        weight.__dict__[MOVES] = True

    def before(_module: nn.Module, args: Any) -> Any:
        layout, _ = _layout(args[0], sharding)
        return (moved(args[0], gpus, layout, sharding, sharding), *args[1:])

    def after(_module: nn.Module, _args: Any, output: torch.Tensor) -> torch.Tensor:
        return output if style.use_local_output else _tagged(output, sharding)

    module.register_forward_pre_hook(before)
    module.register_forward_hook(after)


def _tagged(tensor: torch.Tensor, layout: Any) -> torch.Tensor:
    tensor.__dict__[TAG] = layout
    return tensor


def _prepared(tensor: Any, gpus: Any, style: Any, declared: Any, wanted: Any) -> Any:
    """Return an argument or a result in the layout that a style wants."""
    if declared is None:
        return tensor
    layout, _ = _layout(tensor, declared)
    if style.use_local_output:
        return moved(tensor, gpus, layout, wanted or layout, wanted or layout)
    target = wanted or layout
    return _tagged(
        moved(tensor, gpus, layout, target, SUMMED if isinstance(target, Replicate) else target), target
    )


def _prepare_input(module: nn.Module, gpus: Any, style: Any) -> None:
    if style.with_kwargs:
        raise FactoryError("tensor parallelism: PrepareModuleInput of keyword arguments is not modelled")
    if style.input_layouts is None:
        return

    def before(_module: nn.Module, args: Any) -> Any:
        layouts = zip(args, style.input_layouts, style.desired_input_layouts, strict=True)
        return tuple(_prepared(arg, gpus, style, declared, wanted) for arg, declared, wanted in layouts)

    module.register_forward_pre_hook(before)


def _prepare_output(module: nn.Module, gpus: Any, style: Any) -> None:
    _check_local(style)

    def after(_module: nn.Module, _args: Any, output: Any) -> Any:
        outputs = output if isinstance(output, tuple) else (output,)
        layouts = zip(outputs, style.output_layouts, style.desired_output_layouts, strict=True)
        made = tuple(_prepared(each, gpus, style, declared, wanted) for each, declared, wanted in layouts)
        return made[0] if len(made) == 1 else made

    module.register_forward_hook(after)
