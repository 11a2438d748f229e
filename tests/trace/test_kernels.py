"""Every rule that stands in for a fake kernel is needed by some small model."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import fxcost as fc
from fxcost.errors import FxcostError
from fxcost.program import QuestionKind
from fxcost.trace import kernels
from tests.trace.idioms import SEQUENCE, Wrapped, states, tokens, vectors
from tests.trace.replay import ADAMW, check_peaks_equal_real_runs, traced

aten = torch.ops.aten


def factory_of(function, example=vectors, loss=None, **domains):
    space = {"width": fc.Int(8, 64), "batch": fc.Int(2, 15)} | domains
    return fc.model(example=example, loss=loss, **space)(function)


def linear(width):
    return nn.Linear(width, width)


def padded(width):
    return Wrapped(lambda self, x: functional.pad(self.linear(x), (1, 2)), linear=nn.Linear(width, width))


def recurrent(width):
    module = nn.LSTM(width, width, num_layers=2, bidirectional=True)
    return Wrapped(lambda self, x: self.module(x)[0], module=module)


def bags(width):
    return nn.EmbeddingBag(100, width, mode="mean")


def loss_of(function):
    return factory_of(linear, loss=lambda output: function(output.sigmoid(), torch.ones_like(output)))


def picture(width, batch):
    return torch.randn(batch, 3, 4 * width, 4 * width)


def resized(width):
    return Wrapped(
        lambda self, x: functional.interpolate(self.module(x), scale_factor=2, mode="bilinear"),
        module=nn.Conv2d(3, 2, 3),
    )


def unfolded(width):
    return Wrapped(
        lambda self, x: functional.unfold(self.module(x), 4, padding=1, stride=2), module=nn.Conv2d(3, 2, 3)
    )


def refolded(width):
    return Wrapped(
        lambda self, x: functional.fold(
            functional.unfold(self.module(x), 4, stride=2), x.shape[2:], 4, stride=2
        ),
        module=nn.Conv2d(3, 2, 3, padding=1),
    )


class Products(nn.Bilinear):
    def forward(self, x):
        return super().forward(x, x)


def scaled(width):
    return Wrapped(
        lambda self, x: torch.addcmul(self.linear.bias, self.linear.weight[0], self.linear(x)),
        linear=nn.Linear(width, width),
    )


def batched(width):
    return Wrapped(
        lambda self, x: torch.baddbmm(self.linear.bias[:1], x[:, None, :], self.linear(x)[:, :, None]),
        linear=nn.Linear(width, width),
    )


class Experts(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, width, 8))

    def forward(self, x):
        offsets = torch.tensor([1, x.shape[0]], dtype=torch.int32)
        return functional.grouped_mm(x, self.weight, offs=offsets).square()


def half_precision(width):
    return Wrapped(lambda self, x: self.module(x.bfloat16()), module=nn.Linear(width, width).bfloat16())


@fc.model(groups=fc.Int(2, 12), example=lambda: torch.zeros(2, 60, 5))
def normalised_groups(groups):
    return nn.Sequential(nn.Conv1d(60, 4 * groups, 3), nn.GroupNorm(groups, 4 * groups))


NEEDS = {
    aten.addcmul.default: factory_of(scaled),
    aten.baddbmm.default: factory_of(batched),
    aten._grouped_mm.default: factory_of(Experts, width=fc.Int(8, 64, step=4), batch=fc.Int(4, 16, step=4)),
    aten.constant_pad_nd.default: factory_of(padded),
    aten.mkldnn_rnn_layer.default: factory_of(recurrent, states, **SEQUENCE),
    aten.mkldnn_rnn_layer_backward.default: factory_of(recurrent, states, **SEQUENCE),
    aten._embedding_bag.default: factory_of(bags, tokens, **SEQUENCE),
    aten.mse_loss.default: loss_of(functional.mse_loss),
    aten.smooth_l1_loss.default: loss_of(functional.smooth_l1_loss),
    aten.soft_margin_loss.default: loss_of(functional.soft_margin_loss),
    aten.binary_cross_entropy.default: loss_of(functional.binary_cross_entropy),
    aten.upsample_bilinear2d.default: factory_of(resized, picture),
    aten.upsample_bilinear2d_backward.default: factory_of(resized, picture),
    aten.im2col.default: factory_of(unfolded, picture),
    aten.col2im.default: factory_of(refolded, picture),
    aten.native_group_norm.default: normalised_groups,
    aten.native_group_norm_backward.default: normalised_groups,
    aten.geqrf.default: factory_of(lambda width: nn.utils.parametrizations.orthogonal(linear(width))),
    aten._foreach_sqrt.default: factory_of(half_precision),
    aten._trilinear.default: factory_of(lambda width: Products(width, width, 5)),
}
RECIPES = {aten._foreach_sqrt.default: "adamw"}


def check(operator):
    program = check_peaks_equal_real_runs(NEEDS[operator], RECIPES.get(operator, "sgd"))
    pinned = [q.condition for q in program.questions if q.kind is QuestionKind.SPECIALISATION]
    if pinned:
        raise AssertionError(f"pinned: {pinned}")


@pytest.mark.parametrize("operator", NEEDS, ids=str)
def test_a_model_that_needs_a_rule_is_exact_with_it(operator):
    check(operator)


@pytest.mark.parametrize("operator", NEEDS, ids=str)
def test_a_model_that_needs_a_rule_breaks_without_it(operator, monkeypatch):
    monkeypatch.delitem(kernels.RULES, operator)
    with pytest.raises((AssertionError, FxcostError, LookupError)):
        check(operator)


def test_operators_on_lists_that_return_nothing_are_recorded_and_not_run():
    program = traced(factory_of(linear), ADAMW)
    ran = [node.target for node in program.operators() if node.target._opname.startswith("_foreach_")]
    in_place = [target for target in ran if not target._schema.returns]
    assert in_place
    assert {kernels.kernel_of(target) for target in in_place} == {kernels.nothing}


def test_an_operator_without_a_rule_runs_its_own_fake_kernel():
    assert kernels.kernel_of(aten.add.Tensor) is None
    assert kernels.kernel_of(aten._foreach_add.Scalar) is None
