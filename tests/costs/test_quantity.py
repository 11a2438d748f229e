"""Quantities of small factories: values, arrays, breakdowns, regions and refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import fxcost as fc
from fxcost.errors import (
    ConfigError,
    DataDependentError,
    DeclarationError,
    FactoryError,
    InvalidConfigError,
    UnknownDeviceError,
    UnknownOperatorError,
)
from tests.oracles.memory import ADAMW, real_peak

TRAINING = fc.Training(torch.optim.AdamW)


def rows(batch, width):
    return torch.zeros(batch, width)


@fc.model(
    width=fc.Int(4, 32, step=4),
    hidden=fc.Int(4, 64, step=4),
    batch=fc.Int(2, 16),
    example=rows,
)
def perceptron(width, hidden):
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.BatchNorm1d(hidden), nn.Linear(hidden, 10))


@fc.model(
    width=fc.Int(4, 32, step=4),
    batch=fc.Int(2, 8),
    example=rows,
)
def branching(width):
    if width > 24:
        raise ValueError("too wide")
    if width > 12:
        return nn.Sequential(nn.Linear(width, width), nn.Linear(width, 2))
    return nn.Linear(width, 2)


@pytest.fixture(scope="module")
def trained():
    return fc.cost(perceptron, training=TRAINING)


CONFIG = {"width": 8, "hidden": 12, "batch": 5}


def test_every_quantity_counts_what_it_says_on_a_perceptron():
    inference = fc.cost(perceptron)
    first, second = 8 * 12 + 12, 12 * 10 + 10
    assert inference.parameters(**CONFIG) == first + 2 * 12 + second
    assert inference.buffers(**CONFIG) == 2 * 12 + 1
    assert inference.weight_bytes(**CONFIG) == 4 * (first + 2 * 12 + second + 2 * 12) + 8
    assert inference.flops(**CONFIG) == 2 * 5 * (8 * 12 + 12 * 10)
    assert inference.activations(**CONFIG) == 0


def test_a_training_step_multiplies_twice_more_but_not_into_the_batch(trained):
    forward = 2 * 5 * (8 * 12 + 12 * 10)
    first_layer = 2 * 5 * 8 * 12
    assert trained.flops(**CONFIG) == 3 * forward - first_layer


def test_autograd_keeps_what_hooks_on_a_real_run_see(trained):
    model, batch = perceptron(8, 12), torch.zeros(5, 8)
    outside = {
        tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers(), batch)
    }
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in outside and storage.nbytes():
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(batch).sum()
    assert trained.activations(**CONFIG) == sum(kept.values())
    loss.backward()


@pytest.mark.parametrize("key", ["module", "operator", "phase", "source", "kind", "term"])
def test_every_breakdown_adds_up(trained, key):
    for quantity in trained.quantities.values():
        parts = quantity.by(key, **CONFIG)
        assert sum(parts.values()) == quantity(**CONFIG)


def test_weights_are_split_by_dtype(trained):
    assert trained.weight_bytes.by("kind", **CONFIG) == {"float32": 4 * (8 * 12 + 12 + 130 + 48), "int64": 8}


def test_the_largest_terms_come_first_and_name_their_module(trained):
    terms = trained.parameters.terms(2, **CONFIG)
    assert [(term.module, amount) for term, amount in terms] == [("3", 120), ("0", 96)]


def test_arrays_equal_single_values_in_every_region():
    cost = fc.cost(branching)
    widths, batches = zip(*itertools.product((4, 12, 16, 24), (2, 5, 8)), strict=True)
    for quantity in (cost.parameters, cost.peak_memory, cost.flops):
        values = quantity.many(width=np.array(widths), batch=np.array(batches))
        assert values.dtype == np.int64
        assert values.tolist() == [quantity(width=w, batch=b) for w, b in zip(widths, batches, strict=True)]
    assert len([region for region in cost.regions.known if region.refusal is None]) == 2


def test_arrays_broadcast():
    cost = fc.cost(branching)
    values = cost.parameters.many(width=np.array([[4], [8]]), batch=np.array([2, 3, 4]))
    assert values.tolist() == [[10] * 3, [18] * 3]


@fc.model(
    width=fc.Int(4, 32, step=4),
    norm=fc.Choice("none", "batch", "refused"),
    activation=fc.Choice(nn.ReLU, nn.GELU),
    bias=fc.Bool(),
    batch=fc.Int(2, 16),
    example=rows,
)
def choosing(width, norm, activation, bias):
    if norm == "refused":
        raise ValueError("no such norm")
    between = [nn.BatchNorm1d(width)] if norm == "batch" else []
    return nn.Sequential(nn.Linear(width, width, bias=bias), *between, activation())


def test_arrays_of_names_classes_and_bools_equal_single_values():
    cost = fc.cost(choosing)
    settings = itertools.product((4, 32), ("batch", "none"), (nn.ReLU, nn.GELU), (False, True))
    chosen = [dict(zip(("width", "norm", "activation", "bias"), each, strict=True)) for each in settings]
    arrays = {name: np.array([setting[name] for setting in chosen]) for name in chosen[0]}
    for quantity in (cost.parameters, cost.peak_memory):
        values = quantity.many(**arrays, batch=3)
        assert values.tolist() == [quantity(**setting, batch=3) for setting in chosen]


def test_arrays_of_options_that_are_none_or_refused_say_so():
    cost = fc.cost(choosing)
    rest = {"width": 4, "activation": nn.ReLU, "bias": True, "batch": 2}
    with pytest.raises(ConfigError, match="norm='layer' is none of 'none', 'batch', 'refused'"):
        cost.parameters.many(norm=np.array(["none", "layer"]), **rest)
    with pytest.raises(InvalidConfigError, match="no such norm"):
        cost.parameters.many(norm=np.array(["none", "refused"]), **rest)


def test_both_sides_of_a_branch_are_exact():
    cost = fc.cost(branching, training=TRAINING)
    for width, batch in ((4, 2), (12, 8), (16, 3), (24, 8)):
        config = {"width": width, "batch": batch}
        assert cost.peak_memory(**config) == real_peak(branching, config, ADAMW)
        assert cost.parameters(**config) == sum(p.numel() for p in branching(width).parameters())


def test_what_the_factory_refuses_is_an_error_that_names_its_line_and_is_asked_once():
    cost = fc.cost(branching)
    for _ in range(2):
        with pytest.raises(InvalidConfigError, match=r"test_quantity\.py:\d+: ValueError: too wide"):
            cost.parameters(width=28, batch=2)
    assert len([region for region in cost.regions.known if region.refusal is not None]) == 1


def test_a_hyperparameter_is_a_quantity_that_can_be_maximised(trained):
    fits = trained.peak_memory <= "30 KiB"
    best = fc.maximize(trained.hyperparameter("batch"), fits, hidden=64, width=8)
    assert best.proved
    assert best.value == best.config["batch"] < 16
    assert fits.holds(**best.config)
    assert not fits.holds(**{**best.config, "batch": best.value + 1})
    with pytest.raises(ConfigError, match="those are width, hidden, batch"):
        trained.hyperparameter("depth")


def test_values_outside_the_space_are_refused(trained):
    with pytest.raises(ConfigError, match="width"):
        trained.parameters(width=5, hidden=8, batch=2)
    with pytest.raises(ConfigError, match="batch"):
        trained.parameters(width=4, hidden=8)
    with pytest.raises(ConfigError, match="module, operator"):
        trained.parameters.by("colour", **CONFIG)


def test_formulas_print_as_text_sympy_and_latex(trained):
    assert str(trained.parameters) == "hidden*(width + 13) + 10"
    formula = trained.parameters.sympy()
    assert formula.subs({symbol: CONFIG[symbol.name] for symbol in formula.free_symbols}) == 262
    assert trained.parameters._repr_latex_().startswith("$")
    assert "peak_memory" in str(trained)


def test_a_factory_must_be_decorated():
    with pytest.raises(DeclarationError, match=r"@fc\.model"):
        fc.cost(lambda width: nn.Linear(width, 1))


def test_only_the_cpu_s_operators_are_traced():
    with pytest.raises(UnknownDeviceError, match="rtx-4090"):
        fc.cost(perceptron, device="rtx-4091")


def test_a_factory_that_always_raises_is_an_error_with_its_line():
    @fc.model(width=fc.Int(1, 8), example=lambda: torch.zeros(2, 3))
    def broken(width):
        return nn.Linear(width, nonsense)  # noqa: F821

    with pytest.raises(FactoryError, match=r"test_quantity\.py:\d+: NameError: name 'nonsense'"):
        fc.cost(broken)


def test_a_branch_on_data_is_an_error_with_its_line():
    class Gate(nn.Linear):
        def forward(self, inputs):
            return inputs if inputs.sum() > 0 else super().forward(inputs)

    @fc.model(width=fc.Int(1, 8), batch=fc.Int(2, 4), example=rows)
    def gated(width):
        return Gate(width, width)

    with pytest.raises(
        DataDependentError, match=r"test_quantity\.py:\d+: this line asks whether a tensor is true"
    ):
        fc.cost(gated)


def test_an_operator_without_a_formula_is_an_error_that_names_it_and_the_line():
    @torch.library.custom_op("fxcost_tests::doubled", mutates_args=())
    def doubled(values: torch.Tensor) -> torch.Tensor:
        return values * 2

    @doubled.register_fake
    def _(values: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(values)

    class Twice(nn.Linear):
        def forward(self, inputs):
            return doubled(super().forward(inputs))

    @fc.model(width=fc.Int(1, 8), batch=fc.Int(2, 4), example=rows)
    def custom(width):
        return Twice(width, width)

    cost = fc.cost(custom)
    assert cost.peak_memory(width=4, batch=2) == 4 * (4 * 4 + 4) + 3 * 4 * 2 * 4
    with pytest.raises(UnknownOperatorError, match=r"test_quantity\.py:\d+: .*fxcost_tests::doubled"):
        cost.flops(width=4, batch=2)


def test_a_quantity_says_what_its_value_rests_on():
    @fc.model(depth=fc.Int(1, 20), batch=fc.Int(2, 9), example=lambda batch: torch.zeros(batch, 4))
    def stack(depth):
        return torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(depth)])

    cost = fc.cost(stack)
    assert cost.parameters.basis(depth=20, batch=3) == "verified at depth=5; depth=1"
    assert cost.parameters(depth=20, batch=3) == 20 * 20


def test_an_operator_without_a_formula_leaves_depth_and_choices_their_closed_forms():
    @torch.library.custom_op("fxcost_tests::tripled", mutates_args=())
    def tripled(values: torch.Tensor) -> torch.Tensor:
        return values * 3

    @tripled.register_fake
    def _(values: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(values)

    class Thrice(nn.Linear):
        def forward(self, inputs):
            return tripled(super().forward(inputs))

    @fc.model(
        depth=fc.Int(1, 20),
        head=fc.Choice("wide", "slim"),
        batch=fc.Int(2, 9),
        example=lambda batch: rows(batch, 4),
    )
    def stack(depth, head):
        heads = {"wide": lambda: Thrice(4, 8), "slim": lambda: nn.Linear(4, 3)}
        return nn.Sequential(*[Thrice(4, 4) for _ in range(depth)], fc.Switch(head, heads))

    cost = fc.cost(stack)
    config = {"depth": 11, "head": "wide", "batch": 5}
    assert cost.peak_memory(**config) == real_peak(stack, config)
    assert cost.parameters.basis(**config) == "verified at depth=5; depth=1; head='wide'"
    with pytest.raises(UnknownOperatorError, match="fxcost_tests::tripled"):
        cost.flops(**config)
