"""How a quantity changes with a hyperparameter, next to a setting and far from it."""

from __future__ import annotations

import json
import math

import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.utils._sympy.functions import FloorDiv

from fxcost.errors import ConfigError, InvalidConfigError
from fxcost.expr import Atom, Polynomial
from fxcost.solve.growth import growth
from fxcost.solve.sensitivities import sensitivity
from fxcost.space import Bool, Choice, Config, Float, Int, Space
from tests.solve.random_factories import factories
from tests.solve.standins import Path, costs

SPACE = Space(width=Int(8, 64, step=8), batch=Int(1, 32), act=Choice("relu", "gelu", "glu"), bias=Bool())
HERE = Config(width=16, batch=4, act="gelu", bias=True)


def rows(width, batch, act, bias):
    memory = [width**2 * batch + 40 * width, 300 * batch * (1 + act)]
    return [Path(costs={"memory": memory, "size": [width**3 - 5 * FloorDiv(batch, 3) + bias]})]


def test_changes_to_the_next_values_are_exact():
    memory, _ = costs(SPACE, rows)
    found = sensitivity(memory, HERE)
    assert found.value == memory(**HERE) == 300 * 4 * 2
    near = {each.name: {n.setting: (n.value, n.change) for n in each.neighbours} for each in found.responses}
    assert near == {
        "width": {8: (2400, 0), 24: (24**2 * 4 + 960, 24**2 * 4 + 960 - 2400)},
        "batch": {3: (1800, -600), 5: (3000, 600)},
        "act": {"relu": (16**2 * 4 + 640, 16**2 * 4 + 640 - 2400), "glu": (3600, 1200)},
        "bias": {False: (2400, 0)},
    }


def test_the_elasticity_is_the_slope_between_the_neighbours_on_logarithmic_scales():
    memory, size = costs(SPACE, rows)
    assert sensitivity(memory, HERE)["batch"].elasticity == pytest.approx(1)
    assert sensitivity(size, Config({**HERE, "batch": 1}))["width"].elasticity == pytest.approx(3, abs=0.01)
    at_the_end = sensitivity(memory, Config({**HERE, "batch": 32}))["batch"]
    assert [each.setting for each in at_the_end.neighbours] == [31]
    assert at_the_end.elasticity == pytest.approx(1)
    assert sensitivity(memory, HERE)["act"].elasticity is None


def test_the_growth_is_that_of_the_row_that_is_largest_in_the_end():
    memory, size = costs(SPACE, rows)
    found = sensitivity(memory, HERE)
    assert [found[name].exponent for name in ("width", "batch")] == [2, 1]
    assert found["width"].growth == "grows as width**2"
    assert sensitivity(size, HERE)["width"].exponent == 3


def test_growth_is_unknown_where_it_is_no_power():
    memory, size = costs(SPACE, rows)
    assert sensitivity(size, HERE)["batch"].growth == "growth unknown: batch//3 is no power of batch"
    assert sensitivity(memory, HERE)["act"].growth == "growth unknown: its options are no numbers"


def test_growth_is_unknown_where_the_closed_form_is_that_of_one_value():
    def each_alone(width, batch, act, bias):
        return [
            Path((sympy.Eq(width, value),), {"memory": [value * batch], "size": [batch]})
            for value in range(8, 72, 8)
        ]

    memory, _ = costs(SPACE, each_alone)
    found = sensitivity(memory, HERE)
    assert found["width"].growth == "growth unknown: the closed form holds at this value alone"
    assert [each.change for each in found["width"].neighbours] == [-32, 32]
    assert found["batch"].exponent == 1


def test_a_hyperparameter_without_other_values_has_no_neighbours():
    space = Space(width=Int(8, 8), rate=Float(0.0, 1.0))
    memory, _ = costs(space, lambda width, rate: [Path(costs={"memory": [width**2]})])
    found = sensitivity(memory, {"width": 8, "rate": 0.5})
    assert [each.neighbours for each in found.responses] == [(), ()]
    assert found["width"].growth == "growth unknown: there is no other value"
    assert "rate=0.5: no other value" in str(found)


def test_values_that_are_excluded_or_refused_are_stepped_over():
    def paths(width, batch, act, bias):
        odd = sympy.Eq(batch % 2, 1)
        return [
            Path((sympy.Not(odd),), {"memory": [width * batch], "size": [width]}),
            Path((odd,), refusal="net.py:7: ValueError: odd"),
        ]

    memory, _ = costs(SPACE.where("width % 16 == 0"), paths)
    memory_call = type(memory).__call__

    class Refusing(type(memory)):
        def __call__(self, **config):
            if config["batch"] % 2:
                raise InvalidConfigError("odd")
            return memory_call(self, **config)

    found = sensitivity(Refusing(memory.name, memory.unit, memory.regions), HERE)
    assert [each.setting for each in found["width"].neighbours] == [32]
    assert [each.setting for each in found["batch"].neighbours] == [2, 6]


def test_it_reads_as_lines_and_as_json():
    memory, _ = costs(SPACE, rows)
    found = sensitivity(memory, HERE)
    first, _, batch, act, _ = str(found).splitlines()
    assert first == "memory is 2.34 KiB at width=16, batch=4, act='gelu', bias=True"
    assert batch == "  batch=4: 3: -600 B, 5: +600 B; elasticity 1.00, measured; grows as batch"
    assert act == "  act='gelu': 'relu': -736 B, 'glu': +1.17 KiB; growth unknown: its options are no numbers"
    written = json.loads(json.dumps(found.as_dict()))
    assert written["by"]["batch"] == {
        "setting": 4,
        "neighbours": [
            {"setting": 3, "value": 1800, "change": -600},
            {"setting": 5, "value": 3000, "change": 600},
        ],
        "elasticity": pytest.approx(1),
        "exponent": 1,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "width: missing"),
        ({**HERE, "width": float("nan")}, "width: nan is not in"),
        ({**HERE, "width": 17}, "width: 17 is not in"),
        ({**HERE, "depth": 3}, "depth: unknown"),
    ],
)
def test_a_setting_outside_the_space_is_refused(config, message):
    memory, _ = costs(SPACE, rows)
    with pytest.raises(ConfigError, match=message):
        sensitivity(memory, config)


@given(factories(), st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_neighbours_are_those_of_enumeration(factory, data):
    every = {config: pair for config, pair in factory.settings(factory.space).items() if all(factory.rows)}
    assume(every)
    memory, size = factory.costs()
    here = data.draw(st.sampled_from(list(every)))
    for which, quantity in enumerate((memory, size)):
        found = sensitivity(quantity, here)
        assert found.value == every[here][which]
        for each in found.responses:
            others = [
                config[each.name]
                for config in every
                if config != here and all(config[n] == here[n] for n in here if n != each.name)
            ]
            if each.name != "act":
                below, above = (
                    [x for x in others if x < each.setting],
                    [x for x in others if x > each.setting],
                )
                others = [*sorted(below)[-1:], *sorted(above)[:1]]
            assert sorted(repr(n.setting) for n in each.neighbours) == sorted(map(repr, others))
            for n in each.neighbours:
                assert (
                    n.value == every[Config({**here, each.name: n.setting})][which] == found.value + n.change
                )


terms = st.tuples(st.integers(-50, 50), st.integers(0, 4), st.integers(0, 3))


@given(st.lists(st.lists(terms, min_size=1, max_size=4), min_size=1, max_size=4), st.integers(1, 9))
def test_the_exponent_is_the_slope_far_out(written, batch):
    x, y = (Polynomial.of_atom(Atom.variable(sympy.Symbol(name))) for name in ("width", "batch"))
    polynomials = [sum((c * x**i * y**j for c, i, j in row), Polynomial()) for row in written]

    def at(width):
        return max(sum(c * width**i * batch**j for c, i, j in row) for row in written)

    low, high = abs(at(10**40)), abs(at(10**60))
    slope = (math.log(high) - math.log(low)) / (20 * math.log(10)) if low and high else 0
    assert growth(polynomials, "width", {"width": 1, "batch": batch}) == round(slope)
    assert slope == pytest.approx(round(slope), abs=1e-9)
