"""Every answer of the solver against enumeration in plain Python, over random small factories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxcost import solve
from fxcost.errors import EmptySpaceError
from fxcost.space import Space
from tests.solve.random_factories import Factory, factories

EXAMPLES = 60

Truth = Callable[[int, int], bool]

RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": lambda x, y: x <= y,
    "<": lambda x, y: x < y,
    ">=": lambda x, y: x >= y,
    ">": lambda x, y: x > y,
}


@st.composite
def restricted(draw: st.DrawFn, space: Space) -> dict[str, object]:
    """Draw a restriction that leaves something."""
    chosen: dict[str, object] = {}
    for name in draw(st.sets(st.sampled_from(space.names), max_size=2)):
        values = space[name].values
        value = draw(st.sampled_from(list(values)))
        chosen[name] = (value, max(values)) if name in "ab" and draw(st.booleans()) else value
    return chosen


@st.composite
def limits(draw: st.DrawFn, costs: tuple[Any, Any], values: list[tuple[int, int]], depth: int = 2) -> Any:
    """Draw a limit and what Python makes of it."""
    kind = draw(st.sampled_from(["leaf", "leaf", "and", "or", "not", "both"] if depth else ["leaf"]))
    if kind == "leaf":
        which = draw(st.integers(0, 1))
        near = draw(st.sampled_from([pair[which] for pair in values] or [0])) + draw(st.integers(-1, 1))
        relation, bound = RELATIONS[draw(st.sampled_from(list(RELATIONS)))], max(0, near)
        return relation(costs[which], bound), lambda *pair: relation(pair[which], bound)
    if kind == "both":
        relation = RELATIONS[draw(st.sampled_from(list(RELATIONS)))]
        return relation(costs[0], costs[1]), relation
    left, left_truth = draw(limits(costs, values, depth - 1))
    if kind == "not":
        return ~left, lambda *pair: not left_truth(*pair)
    right, right_truth = draw(limits(costs, values, depth - 1))
    if kind == "and":
        return left & right, lambda *pair: left_truth(*pair) and right_truth(*pair)
    return left | right, lambda *pair: left_truth(*pair) or right_truth(*pair)


def question(
    data: st.DataObject, factory: Factory
) -> tuple[Any, Any, Truth, dict[str, object], dict[Any, Any]]:
    restriction = data.draw(restricted(factory.space))
    expected = factory.settings(factory.space.restrict(**restriction))
    costs = factory.costs()
    limit, truth = data.draw(limits(costs, list(expected.values())))
    return costs, limit, truth, restriction, expected


@given(factories(), st.data())
@settings(max_examples=EXAMPLES)
def test_a_limit_is_proved_where_it_holds_everywhere_and_refuted_where_it_does_not(factory, data):
    _, limit, truth, restriction, expected = question(data, factory)
    if not expected:
        with pytest.raises(EmptySpaceError):
            limit.prove(**restriction)
        return
    verdict = limit.prove(**restriction)
    if all(truth(*pair) for pair in expected.values()):
        assert isinstance(verdict, solve.Proved)
        return
    assert isinstance(verdict, solve.Refuted)
    pair = expected[verdict.counterexample]
    assert not truth(*pair)
    assert set(verdict.values.items()) <= {("memory", pair[0]), ("size", pair[1])}


@given(factories(), st.data())
@settings(max_examples=EXAMPLES)
def test_a_setting_is_found_exactly_where_there_is_one(factory, data):
    _, limit, truth, restriction, expected = question(data, factory)
    assume(expected)
    answer = limit.find(**restriction)
    if isinstance(answer, solve.Found):
        assert truth(*expected[answer.config])
        assert limit.holds(**answer.config)
    else:
        assert isinstance(answer, solve.Infeasible)
        assert not any(truth(*pair) for pair in expected.values())


@given(factories(), st.data(), st.sampled_from([solve.maximize, solve.minimize]), st.integers(0, 1))
@settings(max_examples=EXAMPLES)
def test_an_optimum_is_the_best_of_all_settings(factory, data, optimise, which):
    costs, limit, truth, restriction, expected = question(data, factory)
    assume(expected)
    answer = optimise(costs[which], limit, **restriction)
    allowed = [pair[which] for pair in expected.values() if truth(*pair)]
    if not allowed:
        assert isinstance(answer, solve.Infeasible)
        return
    assert answer.proved
    assert answer.value == (max if optimise is solve.maximize else min)(allowed)
    assert expected[answer.config][which] == answer.value
    assert truth(*expected[answer.config])
