"""What is patched while a factory runs, where and why; always taken out again.

Three groups: fixed places in libraries (`PATCHES`), initialisers (their values cost nothing), and the
globals of model modules, torch.nn's among them, which get symbolic twins of Python's number functions.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import numbers
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, cast
from unittest.mock import patch

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

from fxcost.trace import composites, divisible, lazy, recurrent, spelling, switch, twins
from fxcost.trace.positions import Positions

Replacement = Callable[[Any], Any]


@dataclass(frozen=True)
class Patch:
    """An attribute that is replaced while a factory or its model runs."""

    module: str
    attribute: str
    why: str
    replacement: Replacement

    def owner(self) -> Any:
        """Return the object that has the attribute, or None when its library is not loaded."""
        module_name, _, inner = self.module.partition(":")
        module = sys.modules.get(module_name)
        return getattr(module, inner) if module is not None and inner else module


def _accept_symbolic(validate: Callable[..., None]) -> Callable[..., None]:
    def validator(name: str, value: Any, expected_type: Any) -> None:
        if not twins.is_symbolic(value):
            validate(name, value, expected_type)

    return validator


def _deepcopy_of_fake(original: Callable[..., Any]) -> Callable[..., Any]:
    def deepcopy(self: torch.Tensor, memo: dict[int, Any]) -> torch.Tensor:
        if not isinstance(self, FakeTensor):
            return cast("torch.Tensor", original(self, memo))
        if id(self) in memo:
            return cast("torch.Tensor", memo[id(self)])
        copy: torch.Tensor = torch.empty_like(self.detach())
        if isinstance(self, nn.Parameter):
            copy = nn.Parameter(copy, requires_grad=self.requires_grad)
        memo[id(self)] = copy
        return copy

    return deepcopy


def _nonzero(_original: Any) -> Callable[[torch.SymFloat], bool]:
    return lambda number: bool(number != 0.0)


def _method(twin: Callable[..., Any]) -> Replacement:
    return lambda _original: twin


UPSAMPLING = tuple(name for name in dir(torch._C._nn) if name.removeprefix("_").startswith("upsample"))
PATCHES: tuple[Patch, ...] = (
    Patch(
        "torch:SymFloat",
        "__bool__",
        "asks for the value and pins it; `if not multiplier` only asks whether it is 0",
        _nonzero,
    ),
    Patch("torch:SymInt", "__hash__", "a key of a dict cannot be symbolic", spelling.hashing),
    *(
        Patch(f"torch:{number}", method, "text that names a symbol is not what a run has", replacement)
        for number in ("SymInt", "SymFloat")
        for method, replacement in (("__repr__", spelling.writing), ("__format__", spelling.formatting))
    ),
    *(
        Patch(f"torch:{number}", name, "NumPy calls it on a number that it does not know", _method(twin))
        for number in ("SymInt", "SymFloat")
        for name, twin in twins.NUMPY_METHODS.items()
    ),
    Patch(
        "torch.nn.parameter:UninitializedTensorMixin",
        "materialize",
        "a fake tensor cannot become the data of a real one",
        lazy.materialize,
    ),
    *(
        Patch(
            f"torch.nn.parameter:{name}",
            "__new__",
            "a fake tensor cannot be made a subclass of Tensor",
            lazy.uninitialized,
        )
        for name in ("UninitializedParameter", "UninitializedBuffer")
    ),
    Patch(
        "torch.autograd.grad_mode:inference_mode",
        "__enter__",
        "operators are not taken apart before they are recorded",
        composites.inference_mode,
    ),
    *(
        Patch(owner, name, "reads a symbolic number and forgets which it was", composites.tensor_of)
        for owner, name in (("torch", "tensor"), ("torch", "as_tensor"), ("torch:Tensor", "new_tensor"))
    ),
    Patch(
        "torch.nn.utils.weight_norm",
        "norm_except_dim",
        "C++ reads the weight's sizes as ints",
        composites.norm_except_dim,
    ),
    Patch(
        "torch.nn.utils.parametrizations",
        "_is_orthogonal",
        "asks for a weight's values, which decide no size",
        lambda _original: lambda _weight, _eps=None: False,
    ),
    Patch(
        "torch:Tensor",
        "__deepcopy__",
        "asks a fake tensor for its data pointer; nn.TransformerEncoder copies its layer",
        _deepcopy_of_fake,
    ),
    Patch(
        "torch.nn.modules.rnn",
        "_VF",
        "a fake tensor unrolls LSTM and GRU into other operators than the CPU runs",
        recurrent.Kernels,
    ),
    Patch(
        "torch.ops:aten",
        "lstm",
        "C++ asks for an int of elements; an exported program calls it without torch.nn",
        recurrent.Operator,
    ),
    Patch(
        "torch",
        "_native_multi_head_attention",
        "its schema takes the width and the heads as ints and pins them",
        composites.native_multi_head_attention,
    ),
    Patch(
        "torch",
        "_transformer_encoder_layer_fwd",
        "its schema takes the width and the heads as ints and pins them",
        composites.transformer_encoder_layer_fwd,
    ),
    Patch(
        "torch._C",
        "_select_conv_backend",
        "the batch decides between kernels whose results are alike",
        composites.convolution_backend,
    ),
    *(
        Patch(f"torch.nn.modules.container:{name}", "__getitem__", "asks for the position", switch.choosing)
        for name in ("ModuleList", "ModuleDict")
    ),
    Patch(
        "torch", "group_norm", "its schema takes the groups as an int and pins them", composites.group_norm
    ),
    Patch(
        "torch",
        "norm_except_dim",
        "C++ reads the weight's sizes as ints; weight_norm calls it",
        composites.norm_except_dim,
    ),
    *(
        Patch(
            "torch._C._nn",
            name,
            "C++ reads the input's sizes as ints; nn.functional.interpolate calls it",
            composites.upsampling,
        )
        for name in UPSAMPLING
    ),
    Patch(
        "huggingface_hub.dataclasses",
        "type_validator",
        "a configuration's fields refuse a SymInt",
        _accept_symbolic,
    ),
    Patch(
        "transformers.utils.import_utils",
        "is_fake_tensor",
        "a fake tensor counts as tracing, and attention masks are built that a real run skips",
        lambda _original: lambda _tensor: False,
    ),
)
INITIALISERS = frozenset(name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_"))
NOT_MODEL_CODE = frozenset(sys.stdlib_module_names) | {
    "torch", "numpy", "sympy", "mpmath", "z3", "fxcost", "functorch",
    "pytest", "_pytest", "pluggy", "xdist", "execnet",
    "hypothesis", "click", "rich", "numba", "scipy", "networkx", "pip", "setuptools", "pkg_resources",
    "huggingface_hub", "tokenizers", "triton", "typing_extensions",
}  # fmt: skip
TWIN_OF = {
    id(original): twin
    for original, twin in (
        *((getattr(math, name), twin) for name, twin in twins.MATH_TWINS.items()),
        (math, twins.MATH_TWIN),
        (numbers, twins.NUMBERS_TWIN),
        (numbers.Integral, twins.integral_twin),
        (numbers.Real, twins.real_twin),
        (numbers.Number, twins.number_twin),
    )
}


def keep(tensor: Any = None, *_args: Any, **kwargs: Any) -> Any:
    """Stand in for an initialiser: return its tensor untouched."""
    return kwargs.get("tensor", tensor)


def model_modules() -> list[ModuleType]:
    """Return the loaded modules that may hold model code: neither Python's own nor a known library's.

    A module counts by the name that it is loaded under and by its own: packages load `math` as theirs.
    """
    loaded: list[tuple[str, Any]] = list(sys.modules.items())  # some packages put other objects there
    return [
        module
        for name, module in loaded
        if isinstance(module, ModuleType)
        and not {name.partition(".")[0], module.__name__.partition(".")[0]} & NOT_MODEL_CODE
    ]


@contextlib.contextmanager
def symbolic_construction(positions: Positions) -> Iterator[None]:
    """Patch what breaks on symbolic hyperparameters, and undo it at the end, however that comes."""
    builtin_twins = twins.BUILTIN_TWINS | positions.twins()
    importlib.import_module("torch.nn.modules.rnn")
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.compiler.set_stance("force_eager"))  # what is compiled is seen through
        for entry in PATCHES:
            owner = entry.owner()
            if owner is not None:
                original = getattr(owner, entry.attribute, None)
                stack.enter_context(
                    patch.object(owner, entry.attribute, entry.replacement(original), create=original is None)
                )
        for name in INITIALISERS:
            stack.enter_context(patch.object(nn.init, name, keep))
        for module in (*model_modules(), *_torch_nn_modules()):
            stack.enter_context(patch.dict(module.__dict__, _replacements(module, builtin_twins)))
        yield


def _torch_nn_modules() -> list[ModuleType]:
    """Return torch's own model code: `nn.LSTM` refuses a SymInt, attention takes `math.sqrt` of one."""
    places = ("torch.nn.modules.", "torch.nn.functional")
    return [module for name, module in list(sys.modules.items()) if name.startswith(places)]


def _replacements(module: ModuleType, builtin_twins: Mapping[str, Any]) -> dict[str, Any]:
    """Return the globals of a model module that change: twins, and initialisers imported by name."""
    globals_ = vars(module)
    builtins = {name: twin for name, twin in builtin_twins.items() if name not in globals_}
    initialisers = {name: keep for name in INITIALISERS & globals_.keys() if callable(globals_[name])}
    twins_by_value = {name: TWIN_OF[id(value)] for name, value in globals_.items() if id(value) in TWIN_OF}
    roundings = {
        name: divisible.branchless(value) for name, value in globals_.items() if type(value) is FunctionType
    }
    found = {name: twin for name, twin in roundings.items() if twin is not None}
    return builtins | initialisers | twins_by_value | found
