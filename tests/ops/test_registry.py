"""How operators find their formulas, and what happens to those that have none."""

from __future__ import annotations

import pytest
import torch
from torch.library import custom_op

from fxcost import ops
from fxcost.errors import DeclarationError, UnknownOperatorError
from fxcost.ops.registry import Registry
from fxcost.program import TensorMeta
from tests.ops.calls import call

aten = torch.ops.aten
X = TensorMeta((3, 4), torch.float32, 0)


@custom_op("fxcost_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


TWICE = ops.Call(torch.ops.fxcost_tests.twice.default, (X,), {}, X)


@pytest.mark.parametrize("answer", [ops.flops, ops.traffic])
def test_an_operator_without_a_formula_is_an_error_that_names_it(answer):
    with pytest.raises(UnknownOperatorError, match="fxcost_tests::twice has no formula") as failure:
        answer(TWICE)
    assert "@fxcost.ops.formula(torch.ops.fxcost_tests.twice)" in str(failure.value)
    assert "def twice(x, result):" in str(failure.value)


def test_registering_a_formula_makes_an_operator_count():
    registry = Registry()

    @registry.formula(torch.ops.fxcost_tests.twice)
    def twice(x: TensorMeta) -> ops.Flops:
        return ops.Flops(pointwise=ops.elements(x))

    assert registry.knows(TWICE.target)
    assert registry.flops(TWICE) == ops.Flops(pointwise=12)
    assert registry.traffic(TWICE) == ops.Traffic(read=48, written=48)


def test_registering_traffic_replaces_what_the_schema_says():
    registry = Registry()
    registry.formula(torch.ops.fxcost_tests.twice)(ops.Flops)
    registry.traffic_formula(torch.ops.fxcost_tests.twice)(lambda result: ops.Traffic(written=7))
    assert registry.traffic(TWICE) == ops.Traffic(written=7)


def test_a_formula_asking_for_an_argument_that_is_not_there_is_refused():
    def formula(self, matrix): ...

    with pytest.raises(DeclarationError, match="asks for 'matrix', which aten::mm does not have"):
        Registry().formula(aten.mm)(formula)


def test_a_formula_is_registered_for_an_operator_only():
    with pytest.raises(DeclarationError, match=r"torch\.ops\.aten\.mm, not for"):
        Registry().formula(torch.mm)(lambda result: ops.Flops())


def test_an_overload_goes_before_its_packet_and_an_in_place_form_counts_like_the_functional_one():
    registry = Registry()
    registry.formula(aten.mul)(lambda: ops.Flops(pointwise=1))
    registry.formula(aten.mul.Scalar)(lambda: ops.Flops(pointwise=2))
    answers = [
        registry.flops(ops.Call(target, (X, 3), {}, X)).pointwise
        for target in (aten.mul.Tensor, aten.mul.Scalar, aten.mul_.Tensor)
    ]
    assert answers == [1, 2, 1]


@pytest.mark.parametrize(
    "name", ["_fft_r2c", "_linalg_svd", "_linalg_eigh", "linalg_lu_factor_ex", "_sparse_sparse_matmul"]
)
def test_operators_without_an_honest_integer_formula_stay_unknown(name):
    overload = getattr(aten, name).default
    assert not ops.knows(overload)


def tagged(tag: torch.Tag) -> list[torch._ops.OpOverload]:
    """Return every overload of ATen with a tag."""
    names = {name for name in torch._C._dispatch_get_all_op_names() if name.startswith("aten::")}
    split = (name.removeprefix("aten::").partition(".") for name in names)
    overloads = [getattr(getattr(aten, packet), overload or "default") for packet, _, overload in split]
    return [overload for overload in overloads if tag in overload.tags]


@pytest.mark.parametrize("tag", [torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.view_copy])
def test_every_operator_with_a_tag_is_classified_by_it(tag):
    overloads = tagged(tag)
    assert len(overloads) > 30
    assert [str(overload) for overload in overloads if not ops.knows(overload)] == []


class Letter:
    """A size that only knows + - and *, and remembers what was done to it."""

    def __init__(self, text):
        self.text = text

    def __add__(self, other):
        return Letter(f"({self.text} + {getattr(other, 'text', other)})")

    def __mul__(self, other):
        return Letter(f"{self.text}*{getattr(other, 'text', other)}")

    def __rmul__(self, other):
        return self if other == 1 else Letter(f"{other}*{self.text}")

    def __radd__(self, other):
        return self if other == 0 else Letter(f"({other} + {self.text})")


def test_sizes_may_be_anything_with_arithmetic():
    m, k, n = map(Letter, "mkn")
    left, right = TensorMeta((m, k), torch.float32, 0), TensorMeta((k, n), torch.float32, 1)
    result = TensorMeta((m, n), torch.float32, 2)
    product = ops.Call(aten.mm.default, (left, right), {}, result)
    assert ops.flops(product).contraction.text == "2*m*k*n"
    assert ops.traffic(product).written.text == "m*n*4"


def test_arguments_are_named_by_the_schema_with_defaults():
    arguments = call(aten.add.Tensor, torch.ones(2), torch.ones(2)).arguments()
    assert list(arguments) == ["self", "other", "alpha"]
    assert arguments["alpha"] == 1
