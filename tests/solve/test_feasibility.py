"""Feasible settings counted, drawn, listed and the nearest found, against enumeration in plain Python."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxcost import solve
from fxcost.errors import ConfigError, DeclarationError, EmptySpaceError, UnknownVerdictError
from fxcost.space import Choice, Config, Float, Int, Space
from tests.solve.random_factories import factories
from tests.solve.standins import Path, costs
from tests.solve.test_brute_force import question

EXAMPLES = 60

SPACE = Space(width=Int(8, 64, step=8), act=Choice("relu", "gelu", "glu"), batch=Int(1, 9))
LAYERED = SPACE.where("batch != 4", "width % 16 == 0 or batch < 7")


def layered(width, act, batch):
    """A path that is refused, and one for all other settings."""
    refused = sympy.And(width <= 32, sympy.Eq(act, 2), batch > 6)
    accepted = Path((sympy.Not(refused),), {"memory": [width * batch], "size": [width]})
    return [Path(tuple(refused.args), refusal="ValueError: no"), accepted]


def memory_of(config: Config) -> int | None:
    """Return what `layered` costs, None where it is refused."""
    if config["width"] <= 32 and config["act"] == "glu" and config["batch"] > 6:
        return None
    return int(config["width"] * config["batch"])


def known(space: Space, holds: Callable[[int], bool]) -> set[Config]:
    memories = {config: memory_of(config) for config in space}
    return {config for config, memory in memories.items() if memory is not None and holds(memory)}


@given(factories(), st.data())
@settings(max_examples=EXAMPLES)
def test_the_settings_counted_and_listed_are_those_of_which_the_limit_is_true(factory, data):
    _, limit, truth, restriction, expected = question(data, factory)
    true = {config for config, pair in expected.items() if truth(*pair)}
    feasible = solve.feasible(limit, **restriction)
    listed = list(feasible)
    assert len(listed) == len(set(listed))
    assert set(listed) == true
    count = feasible.count()
    assert (count.lower, count.upper, int(count)) == (len(true),) * 3
    assert count.settings == factory.space.restrict(**restriction).size
    assert bool(count) is bool(true)
    assert Counter(feasible) == Counter(listed)


@given(factories(), st.data())
@settings(max_examples=EXAMPLES)
def test_ranges_are_the_ends_of_what_is_feasible(factory, data):
    _, limit, truth, restriction, expected = question(data, factory)
    true = [config for config, pair in expected.items() if truth(*pair)]
    feasible = solve.feasible(limit, **restriction)
    if not true:
        with pytest.raises(EmptySpaceError, match="no setting satisfies"):
            feasible.ranges()
        with pytest.raises(EmptySpaceError, match="no setting satisfies"):
            feasible.sample(1)
        return
    order = {name: ordered(factory.space, name) for name in factory.space.names}
    for name, ends in feasible.ranges().items():
        places = [order[name].index(config[name]) for config in true]
        assert ends == (order[name][min(places)], order[name][max(places)])
    assert set(feasible.sample(20)) <= set(true)


@given(factories(), st.data())
@settings(max_examples=EXAMPLES)
def test_the_nearest_changes_fewest_hyperparameters_and_these_by_fewest_steps(factory, data):
    _, limit, truth, restriction, expected = question(data, factory)
    everywhere = list(factory.space)
    assume(everywhere)
    start = data.draw(st.sampled_from(everywhere))
    answer = solve.feasible(limit, **restriction).nearest(**start)
    true = {config for config, pair in expected.items() if truth(*pair)}
    if not true:
        assert isinstance(answer, solve.Infeasible)
        return
    assert isinstance(answer, solve.Found)
    assert answer.config in true
    assert limit.holds(**answer.config)
    distances = {config: distance(factory.space, start, config) for config in true}
    assert distances[answer.config] == min(distances.values())


def distance(space: Space, start: Config, other: Config) -> tuple[int, int]:
    """Return how many hyperparameters differ, and by how many steps together."""
    steps = [
        abs(ordered(space, name).index(start[name]) - ordered(space, name).index(other[name]))
        for name in space.names
    ]
    return sum(step > 0 for step in steps), sum(steps)


def ordered(space: Space, name: str) -> list[Any]:
    """Return numbers ascending, other options as they were declared."""
    values = list(space[name].values)
    numbers = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values


def test_refused_settings_and_those_that_break_a_condition_are_not_counted():
    memory, _ = costs(LAYERED, layered)
    expected = known(LAYERED, lambda memory: memory <= 200)
    feasible = solve.feasible(memory <= 200)
    assert int(feasible.count()) == len(expected) > 0
    assert set(feasible) == expected
    assert feasible.count().settings == 8 * 3 * 9
    assert memory.regions.traced == 2


def test_settings_on_several_paths_are_counted_once():
    def paths(width, act, batch):
        formula = {"memory": [width * batch], "size": [width]}
        conditions = [
            (width <= 40,),
            (width >= 24, batch <= 6),
            (sympy.Eq(act, 1),),
            (width >= 32, batch > 3),
        ]
        return [Path(condition, formula) for condition in conditions]

    memory, _ = costs(SPACE, paths, known=4)
    expected = {config for config in SPACE if config["width"] * config["batch"] <= 250}
    listed = list(solve.feasible(memory <= 250))
    assert len(listed) == len(expected)
    assert set(listed) == expected
    assert int(solve.feasible(memory <= 250).count()) == len(expected)


def test_a_restriction_is_kept():
    memory, _ = costs(LAYERED, layered)
    question = {"width": (16, 40), "act": "glu"}
    expected = known(LAYERED.restrict(**question), lambda memory: memory <= 200)
    feasible = solve.feasible(memory <= 200, **question)
    assert set(feasible) == expected
    assert feasible.count().settings == 4 * 9
    near = feasible.nearest(width=64, act="relu", batch=9)
    assert near.config in expected
    with pytest.raises(EmptySpaceError, match="width"):
        solve.feasible(memory <= 200, width=(70, 80))


def test_limits_joined_by_or_and_not_count_each_setting_once():
    memory, size = costs(LAYERED, layered)
    either = (memory <= 100) | (memory <= 300) & ~(size <= 24)
    expected = {
        config
        for config in known(LAYERED, lambda memory: memory <= 300)
        if memory_of(config) <= 100 or config["width"] > 24
    }
    assert set(solve.feasible(either)) == expected
    assert int(solve.feasible(either).count()) == len(expected)
    assert int(solve.feasible(memory <= 100, size <= 24).count()) == len(
        {config for config in known(LAYERED, lambda memory: memory <= 100) if config["width"] <= 24}
    )


def test_two_quantities_are_compared_by_their_difference():
    def paths(width, act, batch):
        return [Path(costs={"memory": [width * (act + 1), 90], "size": [batch * width - 5 * act]})]

    memory, size = costs(SPACE, paths)
    size = replace(size, unit=memory.unit)
    code = {"relu": 0, "gelu": 1, "glu": 2}
    expected = {
        config
        for config in SPACE
        if max(config["width"] * (code[config["act"]] + 1), 90)
        > config["batch"] * config["width"] - 5 * code[config["act"]]
    }
    assert set(solve.feasible(memory > size)) == expected
    assert int(solve.feasible(memory > size).count()) == len(expected)


def test_a_sample_draws_every_feasible_setting_as_often():
    memory, _ = costs(LAYERED, layered)
    expected = known(LAYERED, lambda memory: memory <= 200)
    draws = 200 * len(expected)
    drawn = Counter(solve.feasible(memory <= 200).sample(draws, seed=7))
    assert set(drawn) == expected
    squares = sum((drawn[config] - 200) ** 2 / 200 for config in expected)
    freedom = len(expected) - 1
    assert abs(squares - freedom) < 4 * (2 * freedom) ** 0.5


def test_neighbours_in_a_sample_are_independent():
    memory, _ = costs(
        Space(width=Int(1, 4)), lambda width: [Path(costs={"memory": [width], "size": [width]})]
    )
    drawn = [config["width"] for config in solve.feasible(memory <= 3).sample(9_000, seed=3)]
    pairs = Counter(itertools.pairwise(drawn))
    assert set(pairs) == set(itertools.product((1, 2, 3), repeat=2))
    assert all(abs(count - 1000) < 150 for count in pairs.values())


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    memory, _ = costs(LAYERED, layered)
    feasible = solve.feasible(memory <= 200)
    again, _ = costs(LAYERED, layered)
    assert list(feasible.sample(30, seed=5)) == list(solve.feasible(again <= 200).sample(30, seed=5))
    assert list(feasible.sample(30, seed=5)) != list(feasible.sample(30, seed=6))


def test_a_sample_is_a_sequence_and_arrays_for_bulk_evaluation():
    memory, _ = costs(LAYERED, layered)
    drawn = solve.feasible(memory <= 200).sample(12)
    assert len(drawn) == 12
    assert drawn[-12] == drawn[0] == next(iter(drawn))
    assert list(drawn[3:5]) == list(drawn)[3:5]
    for name, values in drawn.arrays.items():
        assert values.tolist() == [config[name] for config in drawn]


def test_none_are_drawn_where_none_are_asked_for():
    memory, _ = costs(LAYERED, layered)
    nothing = solve.feasible(memory <= 200).sample(0)
    assert (len(nothing), list(nothing)) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), r"sample\(-1\): write how many settings to draw, 0 or more"),
        ((2.5,), r"sample\(2.5\): write how many settings"),
        ((True,), r"sample\(True\): write how many settings"),
        ((1, -3), "seed=-3: write an integer, 0 or more"),
    ],
)
def test_a_wrong_number_to_draw_says_what_to_write(arguments, message):
    memory, _ = costs(LAYERED, layered)
    with pytest.raises(DeclarationError, match=message):
        solve.feasible(memory <= 200).sample(*arguments)


def test_where_nothing_is_feasible_that_is_said():
    memory, _ = costs(LAYERED, layered)
    feasible = solve.feasible(memory <= 7)
    assert int(feasible.count()) == 0
    assert not feasible.count()
    assert list(feasible) == []
    for ask in (lambda: feasible.sample(1), lambda: feasible.sample(0), feasible.ranges):
        with pytest.raises(EmptySpaceError, match="no setting satisfies memory <= 7 B"):
            ask()
    nearest = feasible.nearest(width=8, act="relu", batch=1)
    assert isinstance(nearest, solve.Infeasible)
    assert nearest.explain().demands


def test_the_nearest_to_a_feasible_setting_is_itself():
    memory, _ = costs(LAYERED, layered)
    start = {"width": 16, "act": "gelu", "batch": 3}
    assert solve.feasible(memory <= 200).nearest(**start).config == Config(**start)


def test_the_nearest_is_asked_for_by_a_whole_setting():
    memory, _ = costs(LAYERED, layered)
    feasible = solve.feasible(memory <= 200)
    with pytest.raises(ConfigError, match="act"):
        feasible.nearest(width=16, batch=3)
    with pytest.raises(ConfigError, match="13 is not in Int"):
        feasible.nearest(width=13, act="relu", batch=3)


def test_at_least_one_limit_is_asked_for():
    with pytest.raises(DeclarationError, match="takes at least one limit"):
        solve.feasible()


def real(width, rate):
    low = rate < 0.5
    return [
        Path((low,), {"memory": [width], "size": [width]}),
        Path((sympy.Not(low),), {"memory": [3 * width], "size": [width]}),
    ]


def test_a_float_is_to_be_fixed_and_then_it_is_counted():
    memory, _ = costs(Space(width=Int(1, 100), rate=Float(0.0, 1.0)), real)
    with pytest.raises(DeclarationError, match=r"rate has infinitely many values: .* fix it \(rate=\.\.\.\)"):
        solve.feasible(memory <= 60)
    feasible = solve.feasible(memory <= 60, rate=0.75)
    assert int(feasible.count()) == 20
    assert list(feasible) == [Config(width=width, rate=0.75) for width in range(1, 21)]
    assert {config["rate"] for config in feasible.sample(5)} == {0.75}
    assert feasible.ranges() == {"width": (1, 20), "rate": (0.75, 0.75)}
    assert feasible.nearest(width=90, rate=0.1).config == Config(width=20, rate=0.75)


def test_more_settings_than_64_bits_count_are_counted_and_drawn():
    def paths(a, b, c):
        return [Path(costs={"memory": [a + 0 * b], "size": [b * c]})]

    space = Space(a=Int(1, 10**9), b=Int(1, 10**9), c=Int(1, 10**9))
    memory, _ = costs(space, paths)
    feasible = solve.feasible(memory <= 10**6)
    assert int(feasible.count()) == 10**24
    drawn = feasible.sample(2000, seed=1)
    assert max(config["a"] for config in drawn) <= 10**6
    assert abs(sum(config["b"] for config in drawn) / 2000 / 10**9 - 0.5) < 0.05
    assert feasible.ranges() == {"a": (1, 10**6), "b": (1, 10**9), "c": (1, 10**9)}


def large(a, b, c):
    return [Path(costs={"memory": [a * b * c - (a % 7) * (b // 3)], "size": [a * b]})]


def test_what_time_does_not_allow_lies_between_two_numbers():
    memory, _ = costs(Space(a=Int(1, 60), b=Int(1, 60), c=Int(1, 60)), large)
    bound = 9_000
    true = sum(
        a * b * c - (a % 7) * (b // 3) <= bound for a, b, c in itertools.product(range(1, 61), repeat=3)
    )
    for seconds in (1e-9, 1e-3, 1e-2):
        count = solve.feasible(memory <= bound, time_limit=seconds).count()
        assert 0 <= count.lower <= true <= count.upper <= 60**3
        assert count.exact or "time limit" in str(count)
    assert int(solve.feasible(memory <= bound, time_limit=60).count()) == true


def test_what_is_not_known_is_no_number_and_no_answer():
    memory, _ = costs(Space(a=Int(1, 60), b=Int(1, 60), c=Int(1, 60)), large)
    feasible = solve.feasible(memory <= 9_000, time_limit=1e-9)
    count = feasible.count()
    assert not count.exact
    asked = (
        lambda: int(count),
        lambda: bool(count),
        lambda: count.fraction,
        lambda: feasible.sample(1),
        feasible.ranges,
        lambda: list(feasible),
        lambda: bool(feasible.nearest(a=60, b=60, c=60)),
    )
    for ask in asked:
        with pytest.raises(UnknownVerdictError, match=r"limit of 1e-09 s is over.*give it a longer"):
            ask()


def test_paths_that_may_not_be_traced_leave_the_number_open():
    def one_each(width):
        return [
            Path((sympy.Eq(width, value),), {"memory": [width], "size": [width]}) for value in range(1, 65)
        ]

    memory, _ = costs(Space(width=Int(1, 64)), one_each)
    count = solve.feasible(memory <= 40).count()
    assert count.lower <= 40 <= count.upper
    assert "regions were traced" in str(count)


def test_what_is_done_with_a_setting_takes_none_of_the_time(monkeypatch):
    memory, _ = costs(LAYERED, layered)
    listed: list[Config] = []
    clock = time.perf_counter
    monkeypatch.setattr("fxcost.solve.budget.time.perf_counter", lambda: clock() + 100.0 * len(listed))
    listed.extend(solve.feasible(memory <= 200, time_limit=60))
    assert set(listed) == known(LAYERED, lambda memory: memory <= 200)


def test_progress_is_told():
    memory, _ = costs(LAYERED, layered)
    told: list[str] = []
    solve.feasible(memory <= 200, progress=told.append).count()
    assert any("memory <= 200 B" in line and "settings so far" in line for line in told)
