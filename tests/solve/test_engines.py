"""Every engine against enumeration in plain Python; what an engine cannot answer; who answered."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxcost import solve
from fxcost.errors import DeclarationError, MissingPackageError
from fxcost.solve import routes
from fxcost.space import Config, Float, Int, Space
from tests.solve.random_factories import factories
from tests.solve.standins import Path, costs
from tests.solve.test_brute_force import question
from tests.solve.test_questions import GPT, gpt_paths

ENGINES = [
    "boxes",
    "z3+boxes",
    "z3",
    pytest.param("cpsat", marks=pytest.mark.skipif(not routes.installed("ortools"), reason="needs ortools")),
]
EXAMPLES = 30


def rectangle(width, batch):
    return [Path(costs={"memory": [width * batch, 40 * width], "size": [width]})]


def product(width, batch):
    return [Path(costs={"memory": [width * batch], "size": [width + batch]})]


@pytest.mark.parametrize("engine", ENGINES)
@given(factories(), st.data())
@settings(max_examples=EXAMPLES)
def test_every_engine_decides_as_enumeration_does(engine, factory, data):
    _, limit, truth, restriction, expected = question(data, factory)
    assume(expected)
    verdict = solve.prove(limit, engine=engine, time_limit=5, **restriction)
    found = solve.find(limit, engine=engine, time_limit=5, **restriction)
    assert type(verdict) is (
        solve.Proved if all(truth(*pair) for pair in expected.values()) else solve.Refuted
    )
    assert type(found) is (
        solve.Found if any(truth(*pair) for pair in expected.values()) else solve.Infeasible
    )
    assert {*verdict.effort.engines, *found.effort.engines} <= {"evaluation", engine}


@pytest.mark.parametrize("engine", ENGINES)
@given(factories(), st.data(), st.sampled_from([solve.maximize, solve.minimize]), st.booleans())
@settings(max_examples=EXAMPLES)
def test_every_engine_finds_the_best_and_among_the_best_the_best(engine, factory, data, optimise, large):
    (memory, size), limit, truth, restriction, expected = question(data, factory)
    assume(expected)
    then = (solve.largest if large else solve.smallest)(size)
    answer = optimise(memory, limit, then=then, engine=engine, time_limit=5, **restriction)
    kept = [pair for pair in expected.values() if truth(*pair)]
    if isinstance(answer, solve.Unknown):
        assert engine == "boxes"
        return
    if not kept:
        assert isinstance(answer, solve.Infeasible)
        return
    best = (max if optimise is solve.maximize else min)(first for first, _ in kept)
    second = (max if large else min)(second for first, second in kept if first == best)
    if not answer.proved:
        assert engine == "boxes"  # they have no bounds of some random functions
        assert "the bounds of costs tell nothing" in answer.doubt
        return
    assert (answer.value, answer.then[0].value) == (best, second) == expected[answer.config]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gpt_has_the_same_largest_size_whoever_answers(engine):
    memory, size = costs(GPT, gpt_paths)
    few = {"width": (2048, 8192), "batch": 2, "seq": (128, 256), "heads": 16}
    best = solve.maximize(size, memory <= "24 GiB", engine=engine, time_limit=60, **few)
    assert best.proved
    assert best.value == solve.maximize(size, memory <= "24 GiB", **few).value


def test_the_answer_names_its_engine():
    memory, size = costs(Space(width=Int(1, 64), batch=Int(1, 8)), rectangle)
    verdict = solve.prove(~((memory >= 100) & (size <= 2)), engine="z3")
    assert verdict.effort.engines == ("z3",)
    assert "by z3" in str(verdict)
    assert verdict.as_dict()["engines"] == ["z3"]
    assert "by" not in str(solve.maximize(size, memory <= 99))


def test_an_engine_of_another_name_is_an_error():
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), rectangle)
    with pytest.raises(DeclarationError, match=r"engine='cplex': write one of 'boxes', 'z3\+boxes', 'z3'"):
        solve.maximize(memory, engine="cplex")


def test_cpsat_without_ortools_says_what_to_install(monkeypatch):
    monkeypatch.setattr(routes, "installed", lambda _: False)
    memory, _ = costs(Space(width=Int(1, 64), batch=Int(1, 8)), rectangle)
    with pytest.raises(MissingPackageError, match=r"pip install 'fxcost\[cpsat\]'"):
        memory.__le__(3).prove(engine="cpsat")


def test_boxes_alone_do_not_decide_what_has_no_bounds():
    def paths(rate, width):
        return [Path(costs={"memory": [width * sympy.floor(100 * rate)], "size": [width]})]

    memory, _ = costs(Space(rate=Float(0.0, 1.0), width=Int(1, 9)), paths)
    answer = (memory <= 899).prove(engine="boxes", time_limit=5)
    assert isinstance(answer, solve.Refuted | solve.Unknown)


@pytest.mark.skipif(not routes.installed("ortools"), reason="needs ortools")
class TestCpSat:
    def test_a_float_is_told_by_name(self):
        def paths(rate, width):
            return [Path(costs={"memory": [width, 7 - width], "size": [width]})]

        memory, size = costs(Space(rate=Float(0.0, 1.0), width=Int(1, 9)), paths)
        answer = ((memory <= 9) & (size >= 1)).prove(engine="cpsat")
        assert isinstance(answer, solve.Unknown)
        assert "rate is a Float" in answer.reason

    @pytest.mark.parametrize("power", [26, 30, 31, 32, 40, 53])
    def test_what_exceeds_64_bits_is_refused_and_never_wrong(self, power):
        edge = 2**power
        space = Space(width=Int(edge - 5, edge + 5), batch=Int(edge - 5, edge + 5))
        memory, size = costs(space, product)
        for bound in (edge**2 - 1, edge**2 + 7):
            limit = (memory <= bound) & (memory >= bound)
            answer = solve.find(limit, engine="cpsat", time_limit=20)
            exists = any(
                bound % (edge + i) == 0 and abs(bound // (edge + i) - edge) <= 5 for i in range(-5, 6)
            )
            if 2 * power < 61:
                assert type(answer) is (solve.Found if exists else solve.Infeasible)
            else:
                assert isinstance(answer, solve.Unknown)
                assert "64 bits" in answer.reason
        assert size.regions.traced == 1

    def test_a_best_value_above_what_a_float_holds_is_exact(self):
        edge = 2**29
        space = Space(width=Int(edge - 9, edge + 3), batch=Int(edge - 9, edge + 4))
        memory, size = costs(space, product)
        limit = size <= 2 * edge + 2
        best = solve.maximize(memory, limit, engine="cpsat", time_limit=30)
        assert best.proved
        assert best.value == (edge + 1) ** 2 > 2**53

    def test_a_bound_beyond_64_bits_is_no_problem(self):
        memory, size = costs(Space(width=Int(1, 64), batch=Int(1, 8)), rectangle)
        limit = ~((memory >= 100) & (size <= 2)) & (memory <= 2**80)
        assert isinstance(limit.prove(engine="cpsat"), solve.Proved)
        assert solve.maximize(memory, memory <= 2**70, engine="cpsat").config == Config(width=64, batch=1)

    @pytest.mark.parametrize("bound", [0, 1, 2**53 + 1, 2**62, 2**63 - 2**33, 2**70])
    def test_factors_beyond_64_bits_are_never_taken_for_floats(self, bound):
        def paths(width):
            return [
                Path(costs={"memory": [2**63 * width**2 - 2**32 * width, -(2**64) * width], "size": [width]})
            ]

        memory, _ = costs(Space(width=Int(0, 4, step=2)), paths)
        for limit in (memory <= bound, (memory >= bound) & (memory <= bound)):
            exact = solve.find(limit)
            answer = solve.find(limit, engine="cpsat")
            assert type(answer) in (type(exact), solve.Unknown)
