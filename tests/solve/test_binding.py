"""What binds at an optimum: the next value of each hyperparameter, and the limits it breaks."""

from __future__ import annotations

import json

import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fxcost import solve
from fxcost.errors import DeclarationError
from fxcost.solve import Effort, Optimum
from fxcost.space import Bool, Choice, Config, Float, Int, Space
from fxcost.units import Unit
from tests.solve.random_factories import factories
from tests.solve.standins import Path, costs
from tests.solve.test_contradictions_brute_force import limits, restrictions, satisfying

SPACE = Space(width=Int(8, 64, step=8), batch=Int(1, 32), act=Choice("relu", "gelu", "glu"), bias=Bool())


def rows(width, batch, act, bias):
    memory = [10 * width * batch * (1 + act), 100 * width]
    return [Path(costs={"memory": memory, "size": [width**2 + bias]})]


def lines(optimum):
    return dict(optimum.explain().lines())


def test_each_hyperparameter_says_what_stops_it():
    memory, size = costs(SPACE, rows)
    best = solve.maximize(memory, memory <= "5 kB", size <= "100", act="gelu")
    assert best.config == Config(width=8, batch=31, act="gelu", bias=best.config["bias"])
    bias = best.config["bias"]
    assert lines(best) == {
        "width=8": f"with 16, memory is 9.69 KiB, limit <= 4.88 KiB; size is {256 + bias}, limit <= 100",
        "batch=31": "with 32, memory is 5.00 KiB, limit <= 4.88 KiB",
        f"bias={bias}": "makes no difference",
    }
    assert best.explain().limits == ("memory <= 5 kB", "size <= 100")


def test_an_end_is_told_as_declared_or_as_asked():
    memory, size = costs(SPACE, rows)
    whole = solve.maximize(memory, size >= 0)
    assert lines(whole)["batch=32"] == "at the end of its range"
    assert lines(whole)["act='glu'"] == "no better on either side"
    part = solve.minimize(memory, size >= "50", batch=(20, 30), width=(16, 64))
    assert lines(part)["batch=20"] == "at its end, batch >= 20"


def test_values_that_a_condition_excludes_are_stepped_over():
    memory, _ = costs(SPACE.where("batch % 5 == 0", "width == 8 or batch < 16"), rows)
    best = solve.maximize(memory, memory <= "8200 B", act="gelu", bias=True)
    assert best.config["batch"] == 30 or best.config["width"] > 8
    held = {each.name: each for each in best.explain().hyperparameters}
    for name, each in held.items():
        for step in each.steps:
            moved = Config({**best.config, name: step.to})
            assert moved in memory.regions.space
            assert step.value == memory(**moved) > best.value


def test_where_every_other_value_is_excluded_the_reason_is_told():
    def paths(width, batch, act, bias):
        odd = sympy.Eq(batch % 2, 1)
        return [
            Path((odd,), {"memory": [width * batch], "size": [width]}),
            Path((sympy.Not(odd),), refusal="net.py:7: ValueError: odd"),
        ]

    memory, size = costs(SPACE.where("width == 24"), paths)
    best = solve.maximize(memory, size >= 1, batch=(4, 6))
    assert lines(best)["width=24"] == "its next value is excluded: width == 24"
    assert lines(best)["batch=5"] == "its next value is excluded: ValueError: odd (net.py:7)"


def test_a_real_number_has_no_next_value():
    memory, _ = costs(
        Space(width=Int(1, 8), rate=Float(0.0, 1.0)), lambda width, rate: [Path(costs={"memory": [width]})]
    )
    best = solve.maximize(memory, memory <= 5)
    assert lines(best)["rate=" + repr(best.config["rate"])] == "a real number: it has no next value"


def test_it_is_written_as_json():
    memory, size = costs(SPACE, rows)
    best = solve.maximize(size, (memory <= "5 kB") & (size <= "1 M"), batch=(10, 32), act="gelu")
    written = json.loads(json.dumps(best.explain().as_dict()))
    assert written["limits"] == ["memory <= 5 kB"]
    assert written["hyperparameters"]["width"] == {
        "value": 24,
        "steps": [
            {"to": 32, "value": 1025, "stops": [{"limit": "memory <= 5 kB", "values": {"memory": 6400}}]}
        ],
        "remark": "",
    }


def test_a_verdict_made_by_hand_cannot_be_explained():
    best = Optimum("largest size", "size", Unit.COUNT, Config(width=3), 3, 3, None, Effort(1, 0.1))
    with pytest.raises(DeclarationError, match="what `maximize` or `minimize` returned"):
        best.explain()


@given(factories(), st.data(), st.integers(0, 1), st.sampled_from([1, -1]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_binds_is_what_enumeration_finds_next_to_the_optimum(factory, data, which, sign):
    every = factory.settings(factory.space)
    assume(every)
    restriction, bounds = data.draw(restrictions(factory))
    quantities = factory.costs()
    drawn = data.draw(st.lists(limits(quantities, list(every.values())), min_size=1, max_size=3))
    inside = satisfying(every, bounds)
    asked = [each for _, each in drawn]
    assume(satisfying(inside, asked))
    solver = solve.maximize if sign > 0 else solve.minimize
    best = solver(quantities[which], *(limit for limit, _ in drawn), **restriction)
    assert best.proved
    for held in best.explain().hyperparameters:
        others = {
            config[held.name]: pair
            for config, pair in inside.items()
            if all(config[name] == best.config[name] for name in config if name != held.name)
            and config != best.config
        }
        if held.name == "act":
            near = others
        else:
            below, above = ([x for x in others if x < held.value], [x for x in others if x > held.value])
            near = {x: others[x] for x in (*sorted(below)[-1:], *sorted(above)[:1])}
        better = {x: pair for x, pair in near.items() if sign * (pair[which] - best.value) > 0}
        assert {repr(step.to): step.value for step in held.steps} == {
            repr(x): pair[which] for x, pair in better.items()
        }
        for step in held.steps:
            config = Config({**best.config, held.name: step.to})
            broken = {each.text for each in asked if not each.holds(config, every[config])}
            assert {stop.limit for stop in step.stops} == broken != set()
        assert bool(held.remark) is not bool(held.steps)
