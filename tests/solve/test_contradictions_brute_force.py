"""Explanations of random infeasible questions against enumeration in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fxcost import solve, units
from fxcost.units import Unit
from tests.solve.random_factories import Factory, factories
from tests.solve.test_brute_force import RELATIONS

EXAMPLES = 40
STILL = "without it, the rest is in conflict all the same"

Values = Mapping[Any, tuple[int, int]]


@dataclass(frozen=True)
class Asked:
    """One demand: its text, its truth at a setting, and what each change of it allows."""

    text: str
    holds: Callable[[Any, tuple[int, int]], bool]
    smallest: Callable[[Values], list[object]]


def comparison(costs: tuple[Any, Any], which: int, sign: str, bound: int) -> tuple[Any, Asked]:
    limit = RELATIONS[sign](costs[which], bound)
    best, strict = {"<=": (min, 0), "<": (min, 1), ">=": (max, 0), ">": (max, -1)}[sign]
    return limit, Asked(
        str(limit),
        lambda config, pair: RELATIONS[sign](pair[which], bound),
        lambda left: [best(pair[which] for pair in left.values()) + strict] if left else [],
    )


def either(first: tuple[Any, Asked], second: tuple[Any, Asked]) -> tuple[Any, Asked]:
    limit = first[0] | second[0]
    return limit, Asked(
        str(limit),
        lambda config, pair: first[1].holds(config, pair) or second[1].holds(config, pair),
        lambda left: first[1].smallest(left) + second[1].smallest(left),
    )


def at_least(name: str, bound: int) -> Asked:
    return Asked(
        f"{name} >= {bound}",
        lambda config, pair: config[name] >= bound,
        lambda left: [max(below)] if (below := [c[name] for c in left if c[name] < bound]) else [],
    )


def at_most(name: str, bound: int) -> Asked:
    return Asked(
        f"{name} <= {bound}",
        lambda config, pair: config[name] <= bound,
        lambda left: [min(above)] if (above := [c[name] for c in left if c[name] > bound]) else [],
    )


def fixed(name: str, value: object) -> Asked:
    def smallest(left: Values) -> list[object]:
        found = {config[name] for config in left}
        if name == "act":
            return sorted(found, key=repr)
        below, above = [x for x in found if x < value], [x for x in found if x > value]
        return [max(x) if x is below else min(x) for x in (below, above) if x]

    shown = f"{name}={value!r}"
    return Asked(
        shown, lambda config, pair: type(config[name]) is type(value) and config[name] == value, smallest
    )


@st.composite
def restrictions(draw: st.DrawFn, factory: Factory) -> tuple[dict[str, object], list[Asked]]:
    chosen: dict[str, object] = {}
    asked: list[Asked] = []
    for name in draw(st.sets(st.sampled_from(factory.space.names), max_size=2)):
        values = list(factory.space[name].values)
        value = draw(st.sampled_from(values))
        if name == "act" or draw(st.booleans()):
            chosen[name] = value
            asked += [fixed(name, value)] if len(values) > 1 else []
            continue
        other = draw(st.sampled_from(values))
        low, high = min(value, other), max(value, other)
        chosen[name] = (low, high)
        asked += [at_least(name, low)] if low > min(values) else []
        asked += [at_most(name, high)] if high < max(values) else []
    return chosen, asked


@st.composite
def limits(draw: st.DrawFn, costs: tuple[Any, Any], values: list[tuple[int, int]]) -> tuple[Any, Asked]:
    def leaf() -> tuple[Any, Asked]:
        which = draw(st.integers(0, 1))
        near = draw(st.sampled_from([pair[which] for pair in values])) + draw(st.integers(-1, 1))
        return comparison(costs, which, draw(st.sampled_from(list(RELATIONS))), max(0, near))

    return either(leaf(), leaf()) if draw(st.integers(0, 3)) == 0 else leaf()


def satisfying(values: Values, demands: list[Asked]) -> Values:
    return {
        config: pair for config, pair in values.items() if all(each.holds(config, pair) for each in demands)
    }


@given(factories(), st.data(), st.booleans())
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_conflict_has_no_fewer_demands_and_no_change_is_smaller(factory, data, optimising):
    every = factory.settings(factory.space)
    assume(every)
    restriction, asked = data.draw(restrictions(factory))
    assume(satisfying(every, asked))
    costs = factory.costs()
    drawn = data.draw(st.lists(limits(costs, list(every.values())), min_size=2, max_size=4))
    asked = [each for _, each in drawn] + asked
    assume(not satisfying(every, asked))
    assume(len({each.text for each in asked}) == len(asked))
    question = [limit for limit, _ in drawn]
    verdict = (
        solve.maximize(costs[0], *question, **restriction)
        if optimising
        else solve.find(*question, **restriction)
    )
    assert isinstance(verdict, solve.Infeasible)
    answer = verdict.explain(time_limit=60)
    assert answer.minimal
    known = {each.text: each for each in asked}
    conflict = [known[demand.text] for demand in answer.demands if demand.kind != "condition"]
    assert conflict
    assert not satisfying(every, conflict)
    for demand in answer.demands:
        if demand.kind == "condition":
            assert not demand.relaxations
            continue
        this = known[demand.text]
        assert satisfying(every, [each for each in conflict if each is not this]), demand.text
        left = satisfying(every, [each for each in asked if each is not this])
        assert sorted(map(repr, this.smallest(left))) == sorted(
            repr(each.value) for each in demand.relaxations
        )
        assert (demand.reason == STILL) is not bool(left)
        for each in demand.relaxations:
            assert each.proved
            assert each.config in left


@given(st.integers(0, 10**30), st.sampled_from([Unit.BYTES, Unit.FLOP, Unit.COUNT]), st.booleans())
def test_a_rounded_bound_is_on_the_right_side_and_near(value, unit, up):
    read = units.parse(units.format_bound(value, unit, up=up), unit)
    assert read >= value if up else read <= value
    assert abs(read - value) <= value * 0.1
