"""Why nothing is feasible: which demands are in conflict, and what each would have to be."""

from __future__ import annotations

import json

import pytest
import sympy

from fxcost import solve
from fxcost.errors import DeclarationError
from fxcost.expr import Domain
from fxcost.solve import Effort, Infeasible
from fxcost.space import Bool, Choice, Float, Int, Space
from fxcost.units import Unit
from tests.solve.standins import Cost, Path, Paths, costs

SPACE = Space(width=Int(8, 64, step=8), batch=Int(1, 32), act=Choice("relu", "gelu", "glu"), bias=Bool())


def rows(width, batch, act, bias):
    """Memory grows with everything; size does not depend on the batch."""
    memory = [10 * width * batch * (1 + act), 100 * width]
    return [Path(costs={"memory": memory, "size": [width**2 + bias]})]


def explained(*limits, **restriction):
    verdict = solve.find(*limits, **restriction)
    assert isinstance(verdict, solve.Infeasible)
    return verdict.explain()


def advice(contradiction):
    return {demand.text: [each.exact for each in demand.relaxations] for demand in contradiction.demands}


def reasons(contradiction):
    return {demand.text: demand.reason for demand in contradiction.demands}


def test_what_plays_no_part_in_the_conflict_is_left_out():
    memory, size = costs(SPACE, rows)
    limits = memory <= "2 kB", size >= "1600", memory >= 3, size <= "1 M"
    answer = explained(*limits, width=(16, 64), batch=(8, 32), bias=True)
    assert answer.minimal
    assert list(advice(answer)) == ["memory <= 2 kB", "size >= 1600"]


def test_each_limit_says_what_it_would_have_to_be():
    memory, size = costs(SPACE, rows)
    answer = explained(memory <= "2000 B", size >= "1600")
    assert advice(answer) == {
        "memory <= 2000 B": ["memory <= 4,000 B"],
        "size >= 1600": ["size >= 257"],
    }
    assert all(each.proved for demand in answer.demands for each in demand.relaxations)


def test_strict_limits_are_changed_to_strict_ones():
    memory, size = costs(SPACE, rows)
    answer = explained(memory < "1600 B", size > "257")
    assert advice(answer) == {"memory < 1600 B": ["memory < 2,401 B"], "size > 257": ["size > 64"]}


def test_a_change_is_rounded_so_that_it_suffices():
    memory, size = costs(SPACE, rows)
    answer = explained(memory <= "20000 B", size >= "3000", batch=(20, 30), act="glu")
    fewest = {demand.text: [each.text for each in demand.relaxations] for demand in answer.demands}
    assert fewest["memory <= 20000 B"] == ["memory <= 32.82 KiB"]
    assert fewest["size >= 3000"] == ["size >= 1.0 k"]
    assert solve.find(memory <= "32.82 KiB", size >= "3000", batch=(20, 30), act="glu")
    assert solve.find(memory <= "20000 B", size >= "1.0 k", batch=(20, 30), act="glu")


def test_restrictions_are_demands_too_each_end_alone():
    memory, size = costs(SPACE, rows)
    answer = explained(memory <= "20000 B", size >= "3000", batch=(20, 30), act="glu", bias=False)
    assert advice(answer) == {
        "memory <= 20000 B": ["memory <= 33,600 B"],
        "size >= 3000": ["size >= 1,024"],
        "batch >= 20": ["batch >= 11"],
        "act='glu'": ["act='relu'"],
    }
    assert [demand.kind for demand in answer.demands] == ["limit", "limit", "restriction", "restriction"]


def test_a_fixed_number_has_a_nearest_value_on_either_side():
    def hill(width, batch, act, bias):
        return [Path(costs={"memory": [(width - 32) ** 2], "size": [batch]})]

    memory, _ = costs(SPACE, hill)
    assert advice(explained(memory >= "100 B", width=32))["width=32"] == ["width=16", "width=48"]


def test_an_alternative_is_changed_alone():
    memory, size = costs(SPACE, rows)
    either = (memory <= "500 B") | (size >= "5000") | ((size <= "9") & (memory >= 3))
    answer = explained(either, size <= "300")
    assert advice(answer) == {str(either): ["memory <= 800 B", "size >= 257"]}


def test_two_conflicts_are_not_resolved_by_one_change():
    memory, size = costs(SPACE, rows)
    answer = explained(memory <= "2000 B", size >= "1600", size <= "1", width=64)
    assert not any(demand.relaxations for demand in answer.demands)
    assert set(reasons(answer).values()) == {"without it, the rest is in conflict all the same"}


def test_conditions_are_named_where_the_conflict_needs_them():
    memory, _ = costs(SPACE.where("batch * width >= 512", "width > 8 or batch > 3"), rows)
    answer = explained(memory <= "5 kB")
    assert advice(answer) == {"memory <= 5 kB": ["memory <= 5.00 KiB"], "batch * width >= 512": []}
    assert "no cost is known" in reasons(answer)["batch * width >= 512"]
    assert list(advice(explained(memory <= "500 B"))) == ["memory <= 500 B"]


def test_a_limit_between_two_quantities_is_named():
    double, _ = costs(SPACE, lambda width, batch, act, bias: [Path(costs={"memory": [2 * width + 900]})])
    memory, size = costs(SPACE, rows)
    answer = explained(memory <= double, size >= "3000", batch=(20, 30))
    assert "compares two quantities" in reasons(answer)["memory <= memory"]
    assert advice(answer)["size >= 3000"] == []


def test_options_that_suffice_are_listed_and_reals_are_only_named():
    def paths(share, rate):
        low = rate < 0.5
        return [
            Path((low,), {"memory": [sympy.ceiling(8 * share)], "size": [1]}),
            Path((sympy.Not(low),), {"memory": [99], "size": [1]}),
        ]

    memory, _ = costs(Space(share=Choice(0.5, 4.0, 1.5, 2.0), rate=Float(0.0, 1.0)), paths)
    answer = explained(memory <= "12 B", share=(2.0, 4.0), rate=(0.0, 0.25))
    assert advice(answer) == {"memory <= 12 B": ["memory <= 16 B"], "share >= 2.0": ["share >= 1.5"]}
    answer = explained(memory <= "12 B", share=0.5, rate=(0.75, 1.0))
    assert reasons(answer)["rate >= 0.75"] == "a real number: there is no nearest one to try"


def test_what_the_factory_refuses_is_told():
    def paths(width, batch, act, bias):
        wide = width > 16
        return [
            Path((sympy.Not(wide),), {"memory": [100 * width], "size": [width]}),
            Path((wide,), refusal="net.py:7: ValueError: too wide"),
        ]

    memory, size = costs(SPACE, paths)
    answer = explained(size >= 20, memory <= "1 MB")
    assert advice(answer) == {"size >= 20": ["size >= 16"]}
    assert "  settings for which the factory raises ValueError: too wide (net.py:7) do not count" in str(
        answer
    )
    assert answer.as_dict()["refusals"] == [{"exception": "ValueError: too wide", "line": "net.py:7"}]
    assert not explained(size >= 20, width=(8, 16)).refusals


def test_what_the_goals_factory_refuses_does_not_count():
    def paths(width, batch, act, bias):
        wide = width > 16
        return [
            Path((sympy.Not(wide),), {"memory": [100 * width], "size": [width]}),
            Path((wide,), refusal="net.py:7: ValueError: too wide"),
        ]

    _, size = costs(SPACE, rows)
    goal, _ = costs(SPACE, paths)
    verdict = solve.maximize(goal, size >= "300", bias=False)
    assert isinstance(verdict, solve.Infeasible)
    assert advice(verdict.explain()) == {"size >= 300": ["size >= 256"]}


def test_an_optimum_that_does_not_exist_is_explained_alike():
    memory, size = costs(SPACE, rows)
    found = solve.find(memory <= "2000 B", size >= "1600").explain()
    best = solve.maximize(memory, memory <= "2000 B", size >= "1600").explain()
    assert advice(found) == advice(best)


def test_what_is_not_proved_in_time_says_so():
    memory, size = costs(SPACE, rows)
    answer = solve.find(memory <= "2000 B", size >= "1600", batch=3).explain(time_limit=1e-6)
    assert not answer.minimal
    assert "not proved that no fewer are: the time limit of" in str(answer)
    assert list(advice(answer)) == ["memory <= 2000 B", "size >= 1600", "batch=3"]
    assert all("time limit" in (reason or "") for reason in reasons(answer).values())


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "10"])
def test_a_time_limit_is_a_number_of_seconds(seconds):
    memory, _ = costs(SPACE, rows)
    with pytest.raises(DeclarationError, match="write a number of seconds above 0"):
        solve.find(memory <= 3).explain(time_limit=seconds)


def test_a_verdict_made_by_hand_cannot_be_explained():
    with pytest.raises(DeclarationError, match="what `find`, `maximize` or `minimize` returned"):
        Infeasible("size <= 3", Effort(1, 0.1)).explain()


def test_progress_is_told():
    memory, size = costs(SPACE, rows)
    told: list[str] = []
    solve.find(memory <= "2000 B", size >= "1600").explain(progress=told.append)
    assert "why is there none? 1 of 2: is there one without size >= 1600?" in told


def test_it_reads_as_lines_and_as_json():
    memory, size = costs(SPACE, rows)
    answer = explained(memory <= "20000 B", size >= "3000", batch=20, act="glu")
    head, *lines = str(answer).splitlines()
    assert head.startswith("in conflict, and no fewer (1 region, ")
    assert lines == [
        "  memory <= 20000 B: would have to be memory <= 32.82 KiB (memory <= 33,600 B)",
        "  size >= 3000: would have to be size >= 1.0 k (size >= 1,025)",
        "  batch=20: would have to be batch=11",
        "  act='glu': would have to be act='relu'",
    ]
    written = json.loads(json.dumps(answer.as_dict()))
    assert written["minimal"] is True
    assert written["demands"][0] == {
        "kind": "limit",
        "text": "memory <= 20000 B",
        "relaxations": [
            {
                "text": "memory <= 32.82 KiB",
                "exact": "memory <= 33,600 B",
                "value": 33600,
                "config": {"width": 56, "batch": 20, "act": "glu", "bias": True},
                "proved": True,
                "doubt": None,
            }
        ],
        "reason": None,
    }


def test_values_beyond_64_bits_are_exact():
    space = Space(width=Int(1, 10**6))
    domain = Domain(space)
    (width,) = domain.symbols.values()
    regions = Paths(space, domain, [Path(costs={"memory": [width**5 * 2**40 + 1], "size": [width]})])
    memory, size = Cost("memory", Unit.BYTES, regions), Cost("size", Unit.COUNT, regions)
    answer = explained(memory <= 999_998**5 * 2**40, size >= "999_999")
    assert answer.demands[0].relaxations[0].value == 999_999**5 * 2**40 + 1
    assert answer.demands[1].relaxations[0].value == 999_997
