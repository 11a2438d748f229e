"""Which type an operator computes in under autocast on a GPU, where that of the CPU chooses otherwise.

The lists are those of `aten/src/ATen/autocast_mode.h`, each with the name of its macro; the policies are that
file's `CastPolicy`. Casts of weights are kept until autocast ends: `cached_cast` of `autocast_mode.cpp`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.torch_version import TorchVersion
from torch.utils._pytree import tree_leaves, tree_map_only

from fxcost.trace.cuda.overriding import Override

KEY = "AutocastCPU"
CAST_LOWER = (  # AT_FORALL_LOWER_PRECISION_FP
    "_convolution.deprecated", "_convolution", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d",
    "conv_transpose2d.input", "conv_transpose3d.input", "convolution", "prelu", "addmm", "addmv", "addr",
    "matmul", "einsum", "mm", "mv", "linalg_vecdot", "linear", "addbmm", "baddbmm", "bmm", "chain_matmul",
    "linalg_multi_dot", "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell", "lstm_cell", "gru_cell",
    "rnn_tanh_cell", "rnn_relu_cell", "_scaled_dot_product_flash_attention", "scaled_dot_product_attention",
)  # fmt: skip
CAST_FP32 = (  # AT_FORALL_FP32
    "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p", "reciprocal", "rsqrt",
    "sinh", "tan", "pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar", "softplus", "layer_norm",
    "native_layer_norm", "rms_norm", "group_norm", "frobenius_norm.dim", "nuclear_norm", "nuclear_norm.dim",
    "cosine_similarity", "poisson_nll_loss", "cosine_embedding_loss", "nll_loss", "nll_loss2d",
    "hinge_embedding_loss", "kl_div", "l1_loss", "smooth_l1_loss", "huber_loss", "mse_loss",
    "margin_ranking_loss", "multilabel_margin_loss", "soft_margin_loss", "triplet_margin_loss",
    "multi_margin_loss", "binary_cross_entropy_with_logits", "dist", "pdist", "cdist", "renorm", "logsumexp",
    "upsample_nearest1d", "_upsample_nearest_exact1d", "upsample_nearest2d", "_upsample_nearest_exact2d",
    "upsample_nearest3d", "_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d",
    "_upsample_bilinear2d_aa", "upsample_trilinear3d", "upsample_bicubic2d", "_upsample_bicubic2d_aa",
)  # fmt: skip
ONLY_SINCE = {"2.4": "upsample", "2.12": "rms_norm"}
"""By the first release that casts them to fp32, what such operators' names have: "rms_norm" by the headers of
2.11 to 2.14; "upsample" by github.com/pytorch/pytorch issues/121072, of March 2024, whose date says the
release, as the documentation of torch 1.12 to 2.3 lists none."""

SET_FP32_OUTPUT = (  # AT_FORALL_FP32_SET_OPT_DTYPE
    "prod", "prod.dim_int", "softmax.int", "log_softmax.int", "cumprod", "cumsum", "linalg_vector_norm",
    "linalg_matrix_norm", "linalg_matrix_norm.str_ord", "sum", "sum.dim_IntList",
)  # fmt: skip
APPEND_FP32 = {  # AT_FORALL_DIFFERENT_REDISPATCH_SIGNATURE
    "norm.Scalar": "norm.ScalarOpt_dtype",
    "norm.ScalarOpt_dim": "norm.ScalarOpt_dim_dtype",
}
CAST_WIDEST = (  # AT_FORALL_PROMOTE
    "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "vdot", "grid_sampler", "index_put",
    "tensordot", "scatter_add",
)  # fmt: skip
BANNED = ("binary_cross_entropy",)  # TORCH_LIBRARY_IMPL(aten, Autocast, m) of autocast_mode.cpp


def cast_to_fp32(release: str) -> tuple[str, ...]:
    """Return the operators that a release of torch casts to fp32.

    >>> "rms_norm" in cast_to_fp32("2.12.0"), "rms_norm" in cast_to_fp32("2.11.0")
    (True, False)
    """
    later = [word for first, word in ONLY_SINCE.items() if TorchVersion(release) < first]
    return tuple(name for name in CAST_FP32 if not any(word in name for word in later))


class Autocast:
    """The kernels of autocast on a GPU, under the key of the CPU's, and the casts that they keep.

    Args:
        release: Of torch.
    """

    def __init__(self, release: str = torch.__version__) -> None:
        self._fp32_names = cast_to_fp32(release)
        self._casts: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def clear(self) -> None:
        """Forget the casts of weights, as the end of the outermost autocast does."""
        self._casts.clear()

    def overrides(self) -> Iterator[Override]:
        """Yield the kernels; what only the CPU's autocast lists is not listed any more."""
        rows: dict[str, Callable[..., Any]] = {
            **{name: functools.partial(self._lower, _overload(name)) for name in CAST_LOWER},
            **{name: functools.partial(self._fp32, _overload(name)) for name in self._fp32_names},
            **{name: functools.partial(self._fp32_output, _overload(name)) for name in SET_FP32_OUTPUT},
            **{
                name: functools.partial(self._append_fp32, _overload(redispatched))
                for name, redispatched in APPEND_FP32.items()
            },
            **{name: functools.partial(self._widest, _overload(name)) for name in CAST_WIDEST},
            **dict.fromkeys(BANNED, _banned),
        }
        for registered in torch._C._dispatch_get_registrations_for_dispatch_key(KEY):
            name = registered.removeprefix("aten::")
            if name not in rows and "::" not in name:
                rows[name] = torch.library.fallthrough_kernel
        return (Override(name, KEY, kernel) for name, kernel in rows.items())

    def _lower(self, operator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._run(operator, torch.get_autocast_dtype("cpu"), args, kwargs)

    def _fp32(self, operator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._run(operator, torch.float32, args, kwargs)

    def _widest(self, operator: Any, *args: Any, **kwargs: Any) -> Any:
        types = {leaf.dtype for leaf in tree_leaves((args, kwargs)) if _is_eligible(leaf)}
        widest = torch.float32 if torch.float32 in types else torch.get_autocast_dtype("cpu")
        return self._run(operator, widest, args, kwargs)

    def _run(self, operator: Any, to: torch.dtype, args: Any, kwargs: Any) -> Any:
        """Run an operator on casts of its arguments, of which the compiled code makes the last one first."""
        cast = functools.partial(tree_map_only, torch.Tensor, lambda tensor: self._cast(tensor, to))
        with torch._C._DisableAutocast():
            named = {name: cast(value) for name, value in reversed(kwargs.items())}
            given = [cast(value) for value in reversed(args)]
            return operator(*reversed(given), **named)

    @staticmethod
    def _fp32_output(operator: Any, *args: Any, **kwargs: Any) -> Any:
        given = _by_name(operator, args, kwargs)
        if _is_eligible(args[0]) and given.get("dtype") is None:
            given["dtype"] = torch.float32
        return _called(operator, given)

    @staticmethod
    def _append_fp32(operator: Any, *args: Any, **kwargs: Any) -> Any:
        given = {"keepdim": False, **_by_name(operator, args, kwargs)}
        given["dtype"] = torch.float32 if _is_eligible(args[0]) else args[0].dtype
        return _called(operator, given)

    def _cast(self, tensor: torch.Tensor, to: torch.dtype) -> torch.Tensor:
        """Return a tensor in another type; a weight's cast is made once."""
        if not _is_eligible(tensor) or tensor.dtype == to:
            return tensor
        keeps = torch.is_autocast_cache_enabled() and to == torch.get_autocast_dtype("cpu")
        if not (keeps and _is_weight(tensor)):
            return tensor.to(to)
        if id(tensor) not in self._casts:
            self._casts[id(tensor)] = (tensor, tensor.to(to))
        return self._casts[id(tensor)][1]


def _is_weight(tensor: torch.Tensor) -> bool:
    wanted = tensor.dtype == torch.float32 and tensor.requires_grad
    return wanted and tensor.is_leaf and not tensor._is_view()


def _is_eligible(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.dtype != torch.float64


def _banned(*_: Any, **__: Any) -> Any:
    raise RuntimeError(
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast; "
        "use binary_cross_entropy_with_logits or BCEWithLogitsLoss"
    )


def _overload(name: str) -> torch._ops.OpOverload:
    packet, _, overload = name.partition(".")
    found: torch._ops.OpOverload = getattr(getattr(torch.ops.aten, packet), overload or "default")
    return found


def _by_name(operator: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = [argument.name for argument in operator._schema.arguments]
    return dict(zip(names, args, strict=False)) | dict(kwargs)


def _called(operator: Any, given: Mapping[str, Any]) -> Any:
    """Call an operator, without autocast, with those of the arguments that it has."""
    taken = {
        argument.name: given[argument.name]
        for argument in operator._schema.arguments
        if argument.name in given
    }
    first, *rest = taken
    with torch._C._DisableAutocast():
        return operator(taken[first], **{name: taken[name] for name in rest})
