"""Every patch is needed by some small model, and none is left behind."""

from __future__ import annotations

import builtins
import math
import numbers
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import init
from torch.nn.init import xavier_uniform_

import fxcost as fc
from fxcost.errors import FxcostError
from fxcost.program import QuestionKind
from fxcost.trace import construction
from tests.trace.idioms import PICTURE, SEQUENCE, Wrapped, pictures, states, two_layers, vectors
from tests.trace.replay import ADAMW, at, check_peaks_equal_real_runs, traced


def factory_of(function, example=vectors, **domains):
    """Return a decorated factory with a width and a batch."""
    return fc.model(example=example, **{"width": fc.Int(8, 64, step=8), "batch": fc.Int(2, 15)} | domains)(
        function
    )


def multiplied(width, multiplier):
    return two_layers(width, 2 * width if multiplier else width)


def encoder(width):
    layer = nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def layer(width):
    return nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True)


def attention(width):
    module = nn.MultiheadAttention(width, 4, batch_first=True)
    return Wrapped(lambda self, x: self.attention(x, x, x)[0], attention=module)


def recurrent(width):
    return Wrapped(lambda self, x: self.lstm(x)[0], lstm=nn.LSTM(width, width))


def recurrent_by_operator(width):
    lstm = nn.LSTM(width, width)

    def forward(self, x):
        state = x.new_zeros(1, x.shape[1], x.shape[2])
        weights = list(self.lstm.parameters())
        options = (True, 1, 0.0, False, False, False)  # biases, layers, dropout, train, bidirectional, …
        return torch.ops.aten.lstm.input(x, [state, state], weights, *options)[0]

    return Wrapped(forward, lstm=lstm)


def resized(mode):
    def factory(width):
        def forward(self, x):
            return nn.functional.interpolate(self.convolution(x), scale_factor=2.0, mode=mode)

        return Wrapped(forward, convolution=nn.Conv2d(3, width, 3))

    return factory_of(factory, pictures, **PICTURE)


def configured(width):
    from transformers import GPT2Config

    return nn.Linear(GPT2Config(n_embd=width, n_head=4).n_embd, 3)


def masked(width):
    from transformers import GPT2Config
    from transformers.masking_utils import create_causal_mask

    config = GPT2Config(n_embd=width, n_head=4)
    config._attn_implementation = "sdpa"

    def forward(self, x):
        mask = create_causal_mask(
            config=config,
            inputs_embeds=x,
            attention_mask=None,
            past_key_values=None,
            position_ids=torch.arange(x.shape[1])[None],
        )
        y = self.linear(x)
        return y if mask is None else y + mask.to(y.dtype).sum()

    return Wrapped(forward, linear=nn.Linear(width, width))


def with_key(width):
    table = {width: 3}
    return nn.Linear(width, table[width])


def of_length(text):
    return factory_of(lambda width: nn.Linear(width, len(text(width))))


def with_constant(made):
    return factory_of(lambda width: nn.Linear(width, int(made(width * 1.5).ceil().item())))


def with_numpy(function, divisor):
    def factory(width):
        number = width // 4 if divisor == 1 else width / divisor
        return nn.Linear(width, int(function(number)) + 9)

    return factory_of(factory, width=fc.Int(4, 36, step=4))


def lazy(width):
    layers = nn.Sequential(nn.LazyLinear(width), nn.LazyBatchNorm1d())
    layers(torch.zeros(2, width))
    return layers


def with_normalised_weight(width):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(nn.Linear(width, width))


def rectified(width):
    return nn.Sequential(nn.Linear(width, 3 * width), nn.ReLU(), nn.Linear(3 * width, width))


def from_list(width, place):
    modules = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, 2 * width), rectified(width)])
    return Wrapped(lambda self, x: self.modules_[place](x), modules_=modules)


def from_dict(width, name):
    modules = nn.ModuleDict({"linear": nn.Linear(width, width), "rectified": rectified(width)})
    return Wrapped(lambda self, x: self.modules_[name](x), modules_=modules)


def convolution(width):
    return nn.Conv2d(3, width, 3)


def in_inference_mode(width):
    def forward(self, x):
        with torch.inference_mode():
            return self.linear(x)

    return Wrapped(forward, linear=nn.Linear(width, width))


NEEDS = {
    "torch:SymInt.__hash__": (factory_of(with_key), "inference"),
    "torch:SymInt.__repr__": (of_length(str), "inference"),
    "torch:SymInt.__format__": (of_length(lambda width: f"{width:04d}"), "inference"),
    "torch:SymFloat.__repr__": (of_length(lambda width: str(width / 4)), "inference"),
    "torch:SymFloat.__format__": (of_length(lambda width: f"{width / 4:.3f}"), "inference"),
    **{
        f"torch:{number}.{name}": (with_numpy(getattr(np, name), divisor), "inference")
        for number, divisor in (("SymInt", 1), ("SymFloat", 64.0))
        for name in ("sqrt", "exp", "log", "log2", "log10", "rint")
    },
    "torch.nn.modules.container:ModuleList.__getitem__": (
        factory_of(from_list, place=fc.Int(0, 2)),
        "adamw",
    ),
    "torch.nn.modules.container:ModuleDict.__getitem__": (
        factory_of(from_dict, name=fc.Choice("linear", "rectified")),
        "adamw",
    ),
    "torch._C._select_conv_backend": (
        factory_of(
            convolution,
            pictures,
            width=fc.Choice(8),
            resolution=fc.Choice(12),
            batch=fc.Int(13, 18),
        ),
        "inference",
    ),
    "torch.tensor": (with_constant(lambda number: torch.tensor([number])), "inference"),
    "torch.as_tensor": (with_constant(lambda number: torch.as_tensor(number)), "inference"),
    "torch:Tensor.new_tensor": (with_constant(lambda number: torch.ones(1).new_tensor(number)), "inference"),
    "torch.nn.parameter:UninitializedTensorMixin.materialize": (factory_of(lazy), "inference"),
    "torch.nn.parameter:UninitializedParameter.__new__": (factory_of(lazy), "inference"),
    "torch.nn.parameter:UninitializedBuffer.__new__": (factory_of(lazy), "inference"),
    "torch.autograd.grad_mode:inference_mode.__enter__": (factory_of(in_inference_mode), "inference"),
    "torch.nn.utils.weight_norm.norm_except_dim": (factory_of(with_normalised_weight), "sgd"),
    "torch.nn.utils.parametrizations._is_orthogonal": (
        factory_of(lambda width: nn.utils.parametrizations.orthogonal(nn.Linear(width, width))),
        "inference",
    ),
    "torch.group_norm": (
        factory_of(
            lambda width: nn.Sequential(nn.Linear(width, width), nn.GroupNorm(width // 4, width)),
        ),
        "inference",
    ),
    "torch:SymFloat.__bool__": (factory_of(multiplied, multiplier=fc.Choice(0.0, 1.5)), "inference"),
    "torch:Tensor.__deepcopy__": (factory_of(encoder, states, **SEQUENCE), "inference"),
    "torch.nn.modules.rnn._VF": (factory_of(recurrent, states, **SEQUENCE), "sgd"),
    "torch.ops:aten.lstm": (factory_of(recurrent_by_operator, states, **SEQUENCE), "inference"),
    "torch._native_multi_head_attention": (factory_of(attention, states, **SEQUENCE), "inference"),
    "torch._transformer_encoder_layer_fwd": (factory_of(layer, states, **SEQUENCE), "inference"),
    "torch.norm_except_dim": (
        factory_of(lambda width: nn.utils.parametrizations.weight_norm(nn.Linear(width, width))),
        "inference",
    ),
    "torch._C._nn.upsample_nearest2d": (resized("nearest"), "sgd"),
    "torch._C._nn._upsample_nearest_exact2d": (resized("nearest-exact"), "sgd"),
    "huggingface_hub.dataclasses.type_validator": (factory_of(configured), "inference"),
    "transformers.utils.import_utils.is_fake_tensor": (factory_of(masked, states, **SEQUENCE), "inference"),
}


PINNING = [
    key for key in NEEDS if "__hash__" in key or "__repr__" in key or "__format__" in key or "tensor" in key
]


def key_of(patch):
    return f"{patch.module}.{patch.attribute}"


def check(key):
    factory, recipe = NEEDS[key]
    program = check_peaks_equal_real_runs(factory, recipe, count=4)
    pinned = [q.condition for q in program.questions if q.kind is QuestionKind.SPECIALISATION]
    if pinned and key not in PINNING:
        raise AssertionError(f"pinned: {pinned}")
    if any(n.target is torch.ops.aten.linear.default for n in program.operators()):
        raise AssertionError("a composite operator was recorded")


@pytest.mark.parametrize("key", NEEDS)
def test_a_model_that_needs_a_patch_is_exact_with_it(key):
    check(key)


@pytest.mark.parametrize("key", NEEDS)
def test_a_model_that_needs_a_patch_breaks_without_it(key, monkeypatch):
    rest = tuple(patch for patch in construction.PATCHES if key_of(patch) != key)
    assert len(rest) == len(construction.PATCHES) - 1
    monkeypatch.setattr(construction, "PATCHES", rest)
    with pytest.raises((AssertionError, FxcostError, LookupError)):
        check(key)


def test_every_patch_says_why_and_is_needed_by_a_model():
    others = {key_of(patch) for patch in construction.PATCHES} - set(NEEDS)
    assert all("upsample" in key for key in others)  # one rule for all; two of its names are tried
    assert all(patch.why for patch in construction.PATCHES)


@pytest.mark.parametrize("name", sorted(construction.INITIALISERS))
def test_no_initialiser_runs_an_operator_nor_asks_a_question(name):
    arguments = {"constant_": (0.5,), "sparse_": (0.1,)}.get(name, ())

    def build(width):
        layer = nn.Conv1d(width, width, 3) if name == "dirac_" else nn.Linear(width, width)
        getattr(init, name)(layer.weight, *arguments)
        return layer

    shape = (5,) if name == "dirac_" else ()
    program = traced(factory_of(build, lambda batch, width: torch.zeros(batch, width, *shape)))
    operators = {str(n.target) for n in program.operators() if n.meta["phase"] == "construct"}
    assert operators <= {"aten.empty.memory_format", "aten.detach.default", "aten.zeros.default"}


def test_an_initialiser_imported_by_name_does_nothing_either():
    def build(width):
        layer = nn.Linear(width, width)
        assert xavier_uniform_(tensor=layer.weight) is layer.weight
        return layer

    program = traced(factory_of(build))
    assert not [node for node in program.operators() if "uniform" in str(node.target)]


@pytest.fixture
def untouched():
    """Check that after the test everything patched is as it was, attribute by attribute."""
    before = snapshot()
    yield
    after = snapshot()
    assert after.keys() == before.keys()
    assert [key for key in before if after[key] is not before[key]] == []


def snapshot():
    """Return what could have been replaced: patched attributes, initialisers, globals of model modules."""
    seen = {
        (patch.module, patch.attribute): getattr(patch.owner(), patch.attribute, None)
        for patch in construction.PATCHES
    }
    seen |= {("init", name): getattr(init, name) for name in construction.INITIALISERS}
    seen["call"] = nn.Module.__call__
    for module in (sys.modules[__name__], sys.modules["torch.nn.modules.rnn"], nn.functional):
        names = {"int", "float", "max", "min", "round", "divmod", "isinstance", "math", "numbers"}
        seen |= {(module.__name__, name): vars(module).get(name) for name in names | vars(module).keys()}
    return seen


def test_all_patches_are_gone_after_a_trace(untouched):
    traced(factory_of(lambda width: nn.Linear(width, int(width * 1.5))))


def fails(*_):
    raise KeyError("on purpose")


@pytest.mark.parametrize(
    ("factory", "example"),
    [
        pytest.param(fails, vectors, id="the factory"),
        pytest.param(lambda width: nn.Linear(width, 3), lambda batch: fails(), id="the example"),
        pytest.param(lambda width: Wrapped(fails), vectors, id="the forward"),
    ],
)
def test_all_patches_are_gone_when_user_code_raises(untouched, factory, example):
    def build(width):
        return factory(width)

    with pytest.raises(FxcostError, match="KeyError: 'on purpose'"):
        traced(factory_of(build, example), width=8, batch=3)


def test_plain_numbers_behave_as_ever_while_patched():
    seen = []

    def build(width):
        seen.append(
            (int("12"), int("ff", 16), float("1.5"), round(2.675, 2), max([3, 1], key=abs), min(2, 1.5))
        )
        seen.append((int.from_bytes(b"\x01", "big"), isinstance(True, int), isinstance("a", int), math.pi))
        seen.append(
            (divmod(7, 2), max("ab"), isinstance(1, numbers.Integral), math.gcd(12, 18), math.prod([2, 3]))
        )
        return nn.Linear(width, 2)

    traced(factory_of(build))
    assert seen[0] == (12, 255, 1.5, 2.67, 3, 1.5)
    assert seen[1] == (1, True, False, math.pi)
    assert seen[2] == ((3, 1), "b", True, 6, 6)


def test_modules_imported_while_the_factory_runs_are_patched_too(monkeypatch):
    source = "def hidden(width):\n    return int(width * 1.5)\n"

    def build(width):
        if "imported_late" not in sys.modules:
            module = types.ModuleType("imported_late")
            exec(compile(source, "imported_late.py", "exec"), vars(module))
            monkeypatch.setitem(sys.modules, "imported_late", module)
        return two_layers(width, sys.modules["imported_late"].hidden(width))

    program = traced(factory_of(build))
    assert not [q for q in program.questions if q.kind is QuestionKind.SPECIALISATION]


def test_python_itself_is_never_patched():
    def build(width):
        assert builtins.int is (1).__class__
        assert math.sqrt is sys.modules["math"].sqrt or math is not sys.modules["math"]
        return nn.Linear(width, 2)

    original = sys.modules["math"].sqrt
    traced(factory_of(build))
    assert sys.modules["math"].sqrt is original


def test_python_s_modules_are_never_patched_under_a_package_s_name_for_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "package.mathematics", math)
    original = math.gcd
    check_peaks_equal_real_runs(factory_of(lambda width: nn.Linear(width, math.gcd(4, 6))), "inference")
    assert sys.modules["math"].gcd is original


def test_lazy_modules_without_a_dry_run_are_those_with_one():
    def unused(width):
        return nn.Sequential(nn.LazyLinear(width), nn.LazyBatchNorm1d())

    for training in (None, ADAMW):
        dry, wet = traced(factory_of(lazy), training), traced(factory_of(unused), training)
        for one, other in ((dry, wet), (wet, dry)):
            config = factory_of(lazy).space.config(width=24, batch=3)
            first, second = at(factory_of(lazy), one, config), at(factory_of(unused), other, config)
            assert list(first.live_bytes()) == list(second.live_bytes())
            assert first.parameters() == second.parameters() == 24 * 24 + 3 * 24
