"""Functions of torch whose C++ body reads sizes as ints, written so that the sizes stay symbolic.

Each takes the function that it stands in for, as the rows of `construction.PATCHES` do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from fxcost.trace.kernels import GROUPS
from fxcost.trace.known import ATTRIBUTE, BY_VALUE
from fxcost.trace.recorder import restate
from fxcost.trace.symbols import SYMBOLIC
from fxcost.trace.twins import int_twin

Function = Callable[..., Any]
EMBEDDING, HEADS = 3, 4
NUMBER_OF_GROUPS = 6


def native_multi_head_attention(original: Function) -> Function:
    """Let attention's fast path, whose schema has ints, see its width and its number of heads as symbols."""

    def attention(*args: Any) -> Any:
        need_weights, average = args[10], args[11]
        if need_weights and not average:
            return original(*args)  # the weights of every head: their number is a size of the result
        return _with_ints_at_hint(original, args, (EMBEDDING, HEADS))

    return attention


def transformer_encoder_layer_fwd(original: Function) -> Function:
    """Let the encoder layer's fast path, whose schema has ints, see its width and heads as symbols."""

    def layer(*args: Any) -> Any:
        return _with_ints_at_hint(original, args, (EMBEDDING - 2, HEADS - 2))

    return layer


def _with_ints_at_hint(original: Function, args: tuple[Any, ...], positions: tuple[int, ...]) -> Any:
    """Call with hints for some arguments that decide no size, and write their symbols into the node."""
    symbols = {position: args[position] for position in positions if isinstance(args[position], torch.SymInt)}
    hints = {position: number.node.hint for position, number in symbols.items()}
    result = original(*(hints.get(position, argument) for position, argument in enumerate(args)))
    restate(result if isinstance(result, torch.Tensor) else result[0], symbols)
    return result


def norm_except_dim(_original: Function) -> Function:
    """Take norms over all dimensions but one as `native/WeightNorm.cpp` does."""

    def norm(tensor: torch.Tensor, power: int, dim: int) -> torch.Tensor:
        if dim == -1:
            return cast("torch.Tensor", tensor.norm(power))
        if dim not in (0, tensor.ndim - 1):
            return norm(tensor.swapaxes(0, dim), power, 0).swapaxes(0, dim)
        shape = [1] * tensor.ndim
        shape[dim] = tensor.shape[dim]
        rows = (tensor.shape[0], -1) if dim == 0 else (-1, tensor.shape[dim])
        norms: torch.Tensor = tensor.contiguous().view(rows).norm(power, 0 if dim else 1)
        return norms.view(shape)

    return norm


def group_norm(original: Function) -> Function:
    """Normalise groups as `native/group_norm.cpp` does, whose operator takes their number as an int."""

    def normalise(
        tensor: torch.Tensor, groups: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *rest: Any
    ) -> torch.Tensor:
        if not isinstance(groups, torch.SymInt):
            return cast("torch.Tensor", original(tensor, groups, weight, bias, eps, *rest))
        if tensor.shape[1] % groups != 0:
            raise RuntimeError("Expected number of channels in input to be divisible by num_groups")
        tensor = tensor.contiguous(memory_format=torch._prims_common.suggest_memory_format(tensor))
        sizes = (*tensor.shape[:2], math.prod(tensor.shape[2:]))
        tensor.__dict__[GROUPS] = groups
        parameters = [given if given is None else given.contiguous() for given in (weight, bias)]
        output = torch.ops.aten.native_group_norm(tensor, *parameters, *sizes, groups.node.hint, eps)[0]
        if tensor.__dict__.pop(GROUPS, None) is not None:
            int(groups)  # the kernel saw another tensor: pinned
        restate(output, {NUMBER_OF_GROUPS: groups})
        return cast("torch.Tensor", output)

    return normalise


def tensor_of(original: Function) -> Function:
    """Make a tensor of symbolic numbers at their hints, whose values are known to depend on them."""

    def make(*args: Any, **kwargs: Any) -> torch.Tensor:
        numbers: list[Any] = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, SYMBOLIC)]
        args, kwargs = tree_map_only(SYMBOLIC, lambda number: number.node.hint, (args, kwargs))
        made: torch.Tensor = original(*args, **kwargs)
        if numbers and ATTRIBUTE in made.__dict__:
            symbols = {symbol for number in numbers for symbol in number.node._expr.free_symbols}
            made.__dict__.update(
                {ATTRIBUTE: (made.__dict__[ATTRIBUTE][0], frozenset(symbols)), BY_VALUE: True}
            )
        return made

    return make


def inference_mode(_original: Function) -> Function:
    """Run inference mode without gradients: the same kernels, and operators reach the recorder decomposed."""

    def enter(self: Any) -> None:
        self._inference_mode_context = torch.set_grad_enabled(not self.mode)

    return enter


def upsampling(original: Function) -> Function:
    """Compute the output's size in Python, as `native/UpSample.cpp` does, and call the operator with it."""
    operator = getattr(torch.ops.aten, original.__name__).default

    def upsample(tensor: torch.Tensor, output_size: list[int] | None, *options: Any) -> torch.Tensor:
        *align_corners, factors = options
        if output_size is None:
            sizes = zip(tensor.shape[2:], factors, strict=True)
            output_size = [int_twin(size * factor) for size, factor in sizes]
        scales = factors or [None] * (tensor.ndim - 2)
        result: torch.Tensor = operator(tensor, output_size, *align_corners, *scales)
        return result

    return upsample


def convolution_backend(original: Callable[..., Any]) -> Callable[..., Any]:
    """Choose MKL-DNN where the choice decides no layout: for tensors whose channels do not come last."""

    def select(input: torch.Tensor, weight: torch.Tensor, **kwargs: Any) -> Any:  # noqa: A002 - as the function's
        if input.is_contiguous() and weight.is_contiguous():
            return torch._C._ConvBackend.Mkldnn  # type: ignore[attr-defined]
        return original(input, weight, **kwargs)

    return select
