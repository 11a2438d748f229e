"""Partitions: every setting in its piece, what is refused, what is left, and equal costs merged."""

from __future__ import annotations

import math
from typing import Any, Self

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._sympy.functions import FloorDiv

import fxcost as fc
from fxcost import solve
from fxcost.errors import ConfigError, DeclarationError, EmptySpaceError, FactoryError
from fxcost.space import Choice, Float, Int, Space
from tests.oracles.memory import real_parameters, real_peak
from tests.solve.random_factories import Factory, factories
from tests.solve.standins import Path, costs
from tests.solve.test_brute_force import restricted

FUNCTIONS = {"trunc": lambda x: float(math.trunc(x)), "floor": math.floor, "ceil": math.ceil}


class Option(int):
    """An option in a formula: it counts as its position, and is equal to itself."""

    def __new__(cls, position: int, option: object) -> Self:
        made = super().__new__(cls, position)
        made.option = option
        return made

    def __eq__(self, other: object) -> bool:
        return self.option == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def holds(condition: str, config: Any, space: Space) -> bool:
    """Evaluate a condition as it is printed."""
    positions = {
        name: Option(domain.options.index(config[name]), config[name])
        for name, domain in space.domains.items()
        if isinstance(domain, Choice) and not all(type(option) is int for option in domain.options)
    }
    return bool(eval(condition, dict(FUNCTIONS), {**config, **positions}))


@given(factories(), st.data())
@settings(max_examples=60)
def test_every_setting_lies_in_one_piece_and_has_its_costs(factory: Factory, data: st.DataObject) -> None:
    memory, size = factory.costs()
    restriction = data.draw(restricted(factory.space))
    space = factory.space.restrict(**restriction)
    configs = list(space)
    if not configs:
        with pytest.raises(EmptySpaceError, match="no setting is left"):
            solve.partition([memory, size], **restriction)
        return
    partition = solve.partition([memory, size], **restriction)
    expected = factory.settings(space)
    assert partition.proved
    assert partition.settings == sum(piece.settings for piece in partition.pieces) == len(configs)
    branches = [list(partition.of(cost)) for cost in (memory, size)]
    for config in configs:
        inside = [piece for piece in partition.pieces if holds(piece.condition, config, factory.space)]
        assert inside == [partition.at(**config)]
        assert (inside[0].refusal is None) == (config in expected)
        values = memory.regions.domain.encode(config)
        for cost, wanted in zip(branches, expected.get(config, (None, None)), strict=True):
            (formula,) = (formula for condition, formula in cost if holds(condition, config, factory.space))
            assert (formula and formula.evaluate(values)) == wanted


@given(factories(), st.integers(0, 2))
@settings(max_examples=40)
def test_what_no_piece_covers_is_said_exactly(factory: Factory, regions: int) -> None:
    memory, size = factory.costs()
    configs = list(factory.space)
    if not configs:
        return
    partition = solve.partition([memory, size], regions=regions)
    left = [config for config in configs if partition.at(**config) is None]
    assert partition.proved == (not left)
    assert (partition.uncovered in left) if left else (partition.uncovered is None)
    if left:
        assert partition.reason is not None
        assert "traced for this question" in partition.reason
        assert partition.uncovered_where is not None
        text = partition.uncovered_where.text
        assert [config for config in configs if holds(text, config, factory.space)] == left


def sizes(width: sympy.Symbol, batch: sympy.Symbol, act: sympy.Symbol) -> list[Path]:
    """Three regions: batches of 1, wide ones, and the rest; the first costs what the rest does."""
    return [
        Path((sympy.Eq(batch, 1), width <= 8), {"memory": [3 * width, width], "size": [width]}),
        Path((sympy.Ne(batch, 1), width <= 8), {"memory": [3 * batch * width], "size": [width]}),
        Path((width > 8,), {"memory": [3 * batch * width], "size": [2 * width]}),
    ]


SPACE = Space(width=Int(1, 16), batch=Int(1, 4), act=Choice("relu", "gelu"))


def test_an_edge_is_merged_where_the_costs_agree_at_it() -> None:
    memory, size = costs(SPACE, sizes)
    partition = solve.partition([memory, size])
    assert {piece.condition for piece in partition.pieces} == {"width <= 8", "width > 8"}
    assert [(text, str(formula)) for text, formula in partition.of(memory)] == [("True", "3*batch*width")]
    assert str(partition.of(memory)) == "3*batch*width"


def test_maxima_are_compared_by_proof_and_not_by_their_rows() -> None:
    def paths(width: sympy.Symbol, batch: sympy.Symbol, act: sympy.Symbol) -> list[Path]:
        return [
            Path((sympy.Eq(batch, 1),), {"memory": [width**2, 17 * width], "size": [width]}),
            Path((sympy.Ne(batch, 1),), {"memory": [17 * width * batch, width**2 * batch], "size": [width]}),
        ]

    memory, size = costs(SPACE, paths)
    assert len(solve.partition([memory, size]).pieces) == 1


def test_costs_that_differ_at_one_setting_are_not_merged() -> None:
    def paths(width: sympy.Symbol, batch: sympy.Symbol, act: sympy.Symbol) -> list[Path]:
        return [
            Path((sympy.Eq(act, 0),), {"memory": [width**2, 200], "size": [width]}),
            Path((sympy.Eq(act, 1),), {"memory": [width**2, 226], "size": [width]}),
        ]

    memory, size = costs(SPACE, paths)
    pieces = solve.partition([memory, size]).pieces
    assert {piece.condition for piece in pieces} == {"act == 'relu'", "act == 'gelu'"}
    assert len(list(solve.partition([size, memory]).of(size))) == 1


def test_a_merged_closed_form_is_exact_in_arrays_beyond_the_region_it_comes_from() -> None:
    def paths(width: sympy.Symbol) -> list[Path]:
        costs = {"memory": [width * FloorDiv(width, 3)], "size": [width]}
        return [Path((width <= 8,), costs), Path((width > 8,), costs)]

    memory, size = costs(Space(width=Int(1, 100)), paths)
    ((_, formula),) = solve.partition([memory, size]).of(memory)
    assert formula is not None
    assert formula.evaluate_many({"width": [2, 8, 100]}).tolist() == [2 * 0, 8 * 2, 100 * 33]


def test_conditions_that_a_restriction_implies_are_not_repeated() -> None:
    def paths(width: sympy.Symbol, drop: sympy.Symbol) -> list[Path]:
        return [
            Path((drop <= 0.25, width <= 8), {"memory": [width], "size": [width]}),
            Path((drop <= 0.25, width > 8), {"memory": [2 * width], "size": [width]}),
            Path((drop > 0.25,), {"memory": [3 * width], "size": [width]}),
        ]

    memory, size = costs(Space(width=Int(1, 16), drop=Float(0.0, 0.5)), paths)
    partition = solve.partition([memory, size], drop=(0.0, 0.2))
    assert {piece.condition for piece in partition.pieces} == {"width <= 8", "width > 8"}
    assert partition.settings is None
    assert "proved to cover every setting" in str(partition)
    (piece,) = solve.partition([memory, size], drop=0.5).pieces
    assert (piece.condition, piece.settings) == ("True", 16)


def test_a_partition_is_of_one_factory() -> None:
    memory, size = costs(SPACE, sizes)
    other, _ = costs(SPACE, sizes)
    with pytest.raises(DeclarationError, match="of one factory"):
        solve.partition([memory, other])
    with pytest.raises(DeclarationError, match="memory belongs to another factory"):
        solve.partition([memory, size]).of(other)


@pytest.mark.parametrize("budget", [{"regions": -1}, {"regions": 2.5}, {"time_limit": 0}])
def test_a_budget_that_is_none_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="write"):
        solve.partition(costs(SPACE, sizes), **budget)


class Nested(nn.Module):
    """Three nested branches; the innermost raises."""

    def __init__(self, width: int, depth: int, act: str) -> None:
        super().__init__()
        inner = width
        if width > 24:
            inner = width // 2
            if act == "glu":
                inner = 2 * width
                if depth > 2:
                    raise ValueError("deep glu nets must be narrow")
        sizes = [width, *[inner] * depth]
        self.layers = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(depth))
        self.act = nn.GELU() if act == "gelu" else nn.ReLU()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            batch = self.act(layer(batch))
        return batch


RAISES = Nested.__init__.__code__.co_firstlineno + 8


@fc.model(
    width=fc.Int(8, 48, step=8),
    depth=fc.Int(1, 3),
    act=fc.Choice("relu", "gelu", "glu"),
    batch=fc.Int(1, 3),
    example=lambda batch, width: torch.zeros(batch, width),
)
def nested(width: int, depth: int, act: str) -> nn.Module:
    return Nested(width, depth, act)


@pytest.fixture(scope="module")
def cost() -> fc.Cost:
    return fc.cost(nested)


@pytest.fixture(scope="module")
def partition(cost: fc.Cost) -> solve.Partition:
    return cost.partition()


def test_the_regions_of_a_real_factory_are_proved_to_cover_its_space(partition: solve.Partition) -> None:
    assert partition.proved
    assert partition.uncovered is None
    assert partition.uncovered_where is None
    assert partition.settings == sum(piece.settings or 0 for piece in partition.pieces) == 6 * 3 * 3 * 3
    assert "proved to cover all 162 settings" in str(partition)


def test_what_the_factory_refuses_is_a_piece_with_its_exception_and_line(partition: solve.Partition) -> None:
    (piece,) = (piece for piece in partition.pieces if piece.refusal is not None)
    assert piece.refusal is not None
    assert piece.refusal.exception == "ValueError: deep glu nets must be narrow"
    assert piece.refusal.line() == f"{__file__}:{RAISES}"
    texts = {held.text: held for held in piece.where.sets[0]}
    assert texts.keys() == {"act == 'glu'", "width > 24", "depth > 2"}
    assert (texts["width > 24"].kind, texts["width > 24"].line()) == (
        "model condition",
        f"{__file__}:{RAISES - 5}",
    )
    assert piece.settings == 3 * 3
    with pytest.raises(fc.errors.InvalidConfigError, match="deep glu nets must be narrow"):
        fc.cost(nested).parameters(**piece.hint)


def test_every_setting_of_a_real_factory_lies_in_its_piece_with_the_costs_of_a_real_run(
    cost: fc.Cost, partition: solve.Partition
) -> None:
    parameters, peak = partition.of(cost.parameters), partition.of(cost.peak_memory)
    for config in cost.space:
        (inside,) = (piece for piece in partition.pieces if holds(piece.condition, config, cost.space))
        assert inside is partition.at(**config)
        invalid = config["width"] > 24 and config["act"] == "glu" and config["depth"] > 2
        assert (inside.refusal is not None) == invalid
        values = cost.regions.domain.encode(config)
        real = (None, None) if invalid else (real_parameters(nested, config), real_peak(nested, config))
        for piecewise, wanted in zip((parameters, peak), real, strict=True):
            (formula,) = (formula for condition, formula in piecewise if holds(condition, config, cost.space))
            assert (formula and formula.evaluate(values)) == wanted, config


class Mixed(nn.Module):
    """Copies what it transposes, which torch does not do where a size is 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * width)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.up(batch).transpose(1, 2).contiguous()


@fc.model(
    width=fc.Int(2, 4),
    batch=fc.Int(1, 3),
    seq=fc.Int(1, 3),
    example=lambda batch, seq, width: torch.zeros(batch, seq, width),
)
def mixed(width: int) -> nn.Module:
    return Mixed(width)


def test_edges_where_a_size_is_1_are_merged_where_the_costs_agree_and_only_there() -> None:
    cost = fc.cost(mixed)
    partition = cost.partition()
    assert partition.proved
    assert {piece.condition for piece in partition.pieces} == {"seq == 1", "seq != 1"}
    assert sum(piece.regions for piece in partition.pieces) > 2
    peak = dict(partition.of(cost.peak_memory))
    for config in cost.space:
        formula = peak["seq == 1" if config["seq"] == 1 else "seq != 1"]
        assert formula is not None
        assert formula.evaluate(cost.regions.domain.encode(config)) == real_peak(mixed, config), config
    assert str(partition.of(cost.parameters)) == "2*width**2 + 2*width"


def test_a_piecewise_cost_reads_as_python(cost: fc.Cost, partition: solve.Partition) -> None:
    first, *_, last = str(partition.of(cost.parameters)).splitlines()
    assert first.startswith("if ")
    assert last.startswith("else: ")
    assert f"raise  # ValueError: deep glu nets must be narrow ({__file__}:{RAISES})" in str(
        partition.of(cost.peak_memory)
    )


def test_json_has_every_piece(partition: solve.Partition) -> None:
    answer = partition.as_dict()
    assert answer["proved"] is True
    assert answer["reason"] is answer["uncovered"] is answer["uncovered_where"] is None
    assert sum(piece["settings"] for piece in answer["pieces"]) == answer["settings"] == 162
    (refused,) = (piece for piece in answer["pieces"] if piece["refusal"])
    assert refused["refusal"] == {
        "exception": "ValueError: deep glu nets must be narrow",
        "line": f"{__file__}:{RAISES}",
    }
    asked = {"condition": "act == 'glu'", "kind": "specialisation", "line": f"{__file__}:{RAISES - 3}"}
    assert asked in refused["where"][0]


def test_a_spent_budget_names_what_is_left() -> None:
    partition = fc.cost(nested).partition(regions=1)
    assert not partition.proved
    assert partition.uncovered is not None
    assert partition.at(**partition.uncovered) is None
    assert "not proved to cover all 162 settings: 1 region was traced" in str(partition)
    assert "not covered: settings such as" in str(partition)


def test_a_time_limit_that_is_over_proves_nothing() -> None:
    cost = fc.cost(nested)
    partition = cost.partition(time_limit=1e-9)
    assert not partition.proved
    assert partition.reason == "the time limit of 1e-09 s is over"
    assert partition.uncovered is not None
    assert str(partition.of(cost.parameters)).endswith("else: unknown  # not traced")


def test_a_restriction_leaves_the_pieces_of_a_part(cost: fc.Cost) -> None:
    wide = cost.partition(width=(32, 48), act="glu", batch=2)
    assert {piece.condition for piece in wide.pieces if piece.refusal} == {"depth > 2"}
    assert wide.settings == 9
    with pytest.raises(ConfigError, match="act"):
        wide.at(width=32, act="relu", depth=1, batch=2)
    refused = cost.partition(width=48, act="glu", depth=3)
    (piece,) = refused.pieces
    assert piece.refusal is not None
    assert (refused.proved, piece.condition, piece.settings) == (True, "True", 3)
    assert "every setting" in str(refused)


def test_a_factory_that_always_raises_has_no_cost_to_divide() -> None:
    @fc.model(width=fc.Int(8, 48), example=lambda: torch.zeros(2, 4))
    def broken(width: int) -> nn.Module:
        if width > 0:
            raise RuntimeError("no weights here")
        return nn.Linear(4, width)

    with pytest.raises(FactoryError, match=r"test_partition.py:\d+: RuntimeError: no weights here"):
        fc.cost(broken)


def test_a_model_without_branches_is_one_piece() -> None:
    @fc.model(width=fc.Int(8, 48), batch=fc.Int(1, 8), example=lambda batch: torch.zeros(batch, 4))
    def plain(width: int) -> nn.Module:
        return nn.Linear(4, width)

    cost = fc.cost(plain, training=fc.Training(torch.optim.AdamW))
    partition = cost.partition()
    (piece,) = partition.pieces
    assert (piece.condition, piece.settings) == ("True", 41 * 8)
    assert str(partition.of(cost.parameters)) == "5*width"
