"""What verdicts say, to people and to programs."""

from __future__ import annotations

import json

from fxcost import solve
from fxcost.space import Bool, Choice, Int, Space
from tests.solve.standins import Path, costs

SPACE = Space(width=Int(1, 64), batch=Int(1, 8), act=Choice("relu", "gelu"), bias=Bool())
EFFORT = r" \(\d+ regions?, \d+\.\d s\)"


def quantities(space=SPACE):
    def paths(width, batch, act, bias):
        return [Path(costs={"memory": [2**20 * width * batch + 4 * act], "size": [width + bias]})]

    return costs(space, paths)


def without_effort(verdict):
    return str(verdict).rpartition(" (")[0]


def test_proved_says_for_how_many_settings():
    memory, _ = quantities()
    verdict = (memory <= "1 GiB").prove(width=(1, 10))
    assert without_effort(verdict) == "memory <= 1 GiB: proved for all 320 settings"
    assert json.loads(json.dumps(verdict.as_dict()))["settings"] == 320


def test_proved_says_where_conditions_leave_some_settings_out():
    memory, _ = quantities(SPACE.where("width % batch == 0"))
    verdict = (memory <= "1 GiB").prove()
    assert without_effort(verdict) == "memory <= 1 GiB: proved for all valid ones of 2,048 settings"


def test_refuted_names_the_smallest_counterexample_and_the_value_next_to_the_limit():
    memory, size = quantities()
    verdict = ((memory <= "500 MiB") & (size <= 100)).prove()
    assert isinstance(verdict, solve.Refuted)
    assert without_effort(verdict) == (
        "memory is 504.00 MiB, limit <= 500.00 MiB, at width=63, batch=8, act='relu', bias=False"
    )
    assert dict(verdict.values) == {"memory": 504 * 2**20, "size": 63}
    written = json.loads(json.dumps(verdict.as_dict()))
    assert written["verdict"] == "refuted"
    assert written["counterexample"] == {"width": 63, "batch": 8, "act": "relu", "bias": False}


def test_values_that_round_to_the_limit_are_written_out():
    memory, _ = quantities()
    verdict = (memory <= "512 MiB").prove()
    assert without_effort(verdict).startswith(
        "memory is 536,870,916 bytes, limit <= 536,870,912 bytes, at width=64"
    )


def test_infeasible_says_what_no_setting_satisfies():
    memory, size = quantities()
    verdict = solve.find(memory <= "3 MiB", size >= 5)
    assert not verdict
    assert without_effort(verdict) == "no setting satisfies memory <= 3 MiB & size >= 5: proved"


def test_found_says_the_costs():
    memory, size = quantities()
    verdict = solve.find(memory <= "3 MiB", size >= 4, width=3)
    assert without_effort(verdict) == "width=3, batch=1, act='relu', bias=True: memory is 3.00 MiB, size is 4"


def test_an_optimum_says_that_it_is_proved():
    memory, size = quantities()
    verdict = solve.maximize(size, memory < "40 MiB", batch=(2, 8), act="relu")
    assert without_effort(verdict) == (
        "largest size with memory < 40 MiB: size is 20 at width=19, batch=2, act='relu', bias=True: proved"
    )
    assert verdict.as_dict()["proved"] is True


def test_unknown_says_why():
    memory, _ = quantities()
    verdict = (memory <= "1 GiB").prove(time_limit=1e-9)
    assert without_effort(verdict).startswith("memory <= 1 GiB: unknown, the time limit of 1e-09 s is over")
    assert verdict.as_dict()["verdict"] == "unknown"
